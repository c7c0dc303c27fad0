"""The batcher: every order gets an answer, in time, whatever the registry does."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from jiaozi.operator.gateway.batch import Batcher, BatchLimits
from jiaozi.operator.registry.answers import RawAnswer
from jiaozi.operator.wiring import DESK_BATCHES
from jiaozi.protocol.refusals import Code, Refusal, refuse

BUSY = [0, int(Code.BUSY), [250]]
UNKNOWN = [0, int(Code.UNKNOWN), []]
UNAVAILABLE = [0, int(Code.UNAVAILABLE), []]


@dataclass
class Registry:
    """Answers each order with its own bytes, when it is let to."""

    batches: list[int] = field(default_factory=list)
    open: asyncio.Event = field(default_factory=asyncio.Event)
    failure: Exception | None = None
    at_once: int = 0
    most_at_once: int = 0

    async def send(self, submissions: Sequence[bytes]) -> list[RawAnswer]:
        self.batches.append(len(submissions))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.open.wait()
        self.at_once -= 1
        if self.failure is not None:
            raise self.failure
        return [[1, [0], 1, int(each)] for each in submissions]


def numbered(count: int) -> list[bytes]:
    return [str(number).encode() for number in range(count)]


async def test_answers_go_to_those_who_asked() -> None:
    registry = Registry()
    registry.open.set()
    batcher = Batcher(registry.send, BatchLimits(batch_max=7))
    futures = [batcher.put(numbered(number)) for number in (1, 5, 20, 3)]
    for future, count in zip(futures, (1, 5, 20, 3), strict=True):
        assert [answer[3] for answer in await future] == list(range(count))
    assert max(registry.batches) <= 7
    assert sum(registry.batches) == 29


async def test_an_order_that_finds_nothing_under_way_leaves_at_once() -> None:
    registry = Registry()
    batcher = Batcher(registry.send, BatchLimits(gather_s=60))
    batcher.put([b"1"])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert registry.batches == [1]


async def test_orders_of_one_turn_of_the_loop_leave_together() -> None:
    registry = Registry()
    batcher = Batcher(registry.send)
    for _ in range(100):
        batcher.put([b"1"])
    await asyncio.sleep(0.01)
    assert registry.batches == [100]


async def test_no_more_batches_are_under_way_than_allowed() -> None:
    registry = Registry()
    batcher = Batcher(registry.send, BatchLimits(batch_max=10, in_flight_max=3))
    future = batcher.put(numbered(100))
    await asyncio.sleep(0.05)
    assert registry.batches == [10, 10, 10]
    assert batcher.waiting == 70
    registry.open.set()
    assert len(await future) == 100
    assert registry.most_at_once == 3


async def test_what_comes_while_the_desks_batch_is_under_way_leaves_together() -> None:
    registry = Registry()
    batcher = Batcher(registry.send, DESK_BATCHES)
    futures = [batcher.put(numbered(1))]
    await asyncio.sleep(0)
    for _ in range(3):
        futures.append(batcher.put(numbered(150)))
        await asyncio.sleep(2 * DESK_BATCHES.gather_s)
    registry.open.set()
    await asyncio.gather(*futures)
    assert registry.batches == [1, 450]


async def test_a_full_queue_takes_all_of_a_request_or_nothing() -> None:
    registry = Registry()
    batcher = Batcher(registry.send, BatchLimits(batch_max=1, in_flight_max=1, queue_max=10))
    batcher.put([b"1"])
    await asyncio.sleep(0.01)
    batcher.put(numbered(8))
    with pytest.raises(Refusal) as refusal:
        batcher.put(numbered(3))
    assert refusal.value.code is Code.BUSY
    assert batcher.waiting == 8
    batcher.put(numbered(2))


async def test_what_waits_too_long_was_never_sent_and_is_told_so() -> None:
    registry = Registry()
    limits = BatchLimits(batch_max=2, in_flight_max=1, deadline_s=0.1)
    batcher = Batcher(registry.send, limits)
    sent = batcher.put(numbered(2))
    await asyncio.sleep(0.01)
    assert await batcher.put(numbered(3)) == [BUSY] * 3
    assert not sent.done()
    registry.open.set()
    assert [answer[3] for answer in await sent] == [0, 1]
    assert registry.batches == [2]


@pytest.mark.parametrize(
    ("failure", "answer"),
    [
        (refuse(Code.BUSY, 250), BUSY),
        (refuse(Code.UNAVAILABLE), UNAVAILABLE),
        (refuse(Code.UNKNOWN), UNKNOWN),
        (KeyError("a fault of ours"), UNKNOWN),
    ],
)
async def test_a_batch_that_fails_is_answered_too(failure: Exception, answer: RawAnswer) -> None:
    registry = Registry(failure=failure)
    registry.open.set()
    batcher = Batcher(registry.send)
    assert await batcher.put(numbered(3)) == [answer] * 3
    registry.failure = None
    assert len(await batcher.put(numbered(2))) == 2


async def test_a_caller_who_went_away_holds_up_nobody() -> None:
    registry = Registry()
    batcher = Batcher(registry.send)
    gone, stays = batcher.put([b"1"]), batcher.put([b"2"])
    gone.cancel()
    registry.open.set()
    assert await stays == [[1, [0], 1, 2]]


async def test_closing_refuses_what_waits_and_awaits_what_is_under_way() -> None:
    registry = Registry()
    batcher = Batcher(registry.send, BatchLimits(batch_max=2, in_flight_max=1))
    under_way, waits = batcher.put(numbered(2)), batcher.put(numbered(2))
    await asyncio.sleep(0.01)
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0.01)
    assert await waits == [UNAVAILABLE] * 2
    assert not closing.done()
    registry.open.set()
    await closing
    assert len(await under_way) == 2
    with pytest.raises(Refusal) as refusal:
        batcher.put([b"1"])
    assert refusal.value.code is Code.UNAVAILABLE
