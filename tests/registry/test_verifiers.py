"""Signatures are checked in processes beside the registry: right answers, come what may."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine

import psutil
import pytest
import uvloop

from jiaozi.central_bank.registry import verifiers
from jiaozi.central_bank.registry.verifiers import PROCESS_MIN, Check, Verifiers
from jiaozi.protocol.suites import Suite
from tests.registry.network import key

SIGNER = key("a signer")


def make_checks(count: int, seed: int) -> tuple[list[Check], bytes]:
    """Checks of which some fail, and what is right for each."""
    chance = random.Random(seed)
    checks, right = [], bytearray()
    for number in range(count):
        message = b"%d %d" % (seed, number)
        holds = chance.random() < 0.7
        signature = SIGNER.sign(message if holds else message + b"!")
        checks.append((int(Suite.ED25519), SIGNER.public_key, message, signature))
        right.append(holds)
    return checks, bytes(right)


def processes() -> list[psutil.Process]:
    return [
        each
        for each in psutil.Process().children()
        if verifiers.__name__ in " ".join(each.cmdline())
    ]


@pytest.fixture
async def two() -> AsyncIterator[Verifiers]:
    pool = Verifiers(2)
    await pool.start()
    yield pool
    await pool.stop()
    assert processes() == []


@pytest.mark.parametrize("count", [0, 1, PROCESS_MIN - 1, PROCESS_MIN, 128, 129, 1000])
async def test_each_check_has_its_own_answer(two: Verifiers, count: int) -> None:
    checks, right = make_checks(count, seed=count)
    assert await two.check(checks) == right


async def test_requests_side_by_side_get_their_own_answers(two: Verifiers) -> None:
    sets = [make_checks(150 + seed, seed) for seed in range(20)]
    answers = await asyncio.gather(*(two.check(checks) for checks, _ in sets))
    assert answers == [right for _, right in sets]


async def check_while_killing() -> None:
    """Check signatures while their processes are killed; all answers must be right."""
    two = Verifiers(2)
    await two.start()
    sets = [make_checks(200, seed) for seed in range(12)]
    wrong: list[int] = []

    async def check_for_a_while(seed: int) -> None:
        for turn in range(8):
            checks, right = sets[(seed + turn) % len(sets)]
            if await two.check(checks) != right:
                wrong.append(seed)

    async def kill() -> None:
        for _ in range(6):
            await asyncio.sleep(0.05)
            for each in processes():
                each.kill()

    async with asyncio.timeout(30):
        await asyncio.gather(kill(), *map(check_for_a_while, range(6)))
    assert wrong == []
    assert len(processes()) == 2
    await two.stop()


async def check_on_closed_pipes() -> None:
    """Check signatures when the way to the processes is closed and nobody has noticed yet."""
    two = Verifiers(2)
    await two.start()
    for each in two._processes:
        each._requests.close()
    checks, right = make_checks(300, seed=1)
    assert await two.check(checks) == right
    await two.stop()


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("story", [check_while_killing, check_on_closed_pipes])
def test_lost_process_costs_no_answer_and_changes_none(
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
    story: Callable[[], Coroutine[None, None, None]],
) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(story())


async def test_registry_without_processes_checks_in_a_thread() -> None:
    checks, right = make_checks(200, seed=1)
    assert await Verifiers(0).check(checks) == right


async def test_process_that_hangs_is_replaced(
    two: Verifiers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verifiers, "ANSWER_TIMEOUT_S", 0.5)
    hung = processes()
    for each in hung:
        each.suspend()
    checks, right = make_checks(300, seed=1)
    assert await two.check(checks) == right
    assert {each.pid for each in processes()}.isdisjoint({each.pid for each in hung})
