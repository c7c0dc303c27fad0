"""Patience: the same again until there is an answer, never past the deadline, never too eager."""

import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import httpx
import pytest

from jiaozi.protocol.domains import NetworkId
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.errors import AnswerMalformed, NoAnswer
from jiaozi.wallet.transport import ANSWER_BYTES_MAX, Credentials, Patience, Request, Transport
from tests.named_answers import repeating_names
from tests.wallet.fake_operator import key

GET = Request(method="GET", path="/v1/anything")
PATIENCE = Patience(total_s=10.0, attempt_s=1.0, pause_min_s=0.1, pause_max_s=1.0)


class Pauses:
    """A clock that moves by waiting alone, and remembers how long each wait was."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.taken_s: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.taken_s.append(seconds)
        self.now_s += seconds


def _transport(
    answer: Callable[[httpx.Request], httpx.Response], pauses: Pauses, patience: Patience = PATIENCE
) -> Transport:
    edge = replace(
        SYSTEM_EDGE,
        monotonic_s=lambda: pauses.now_s,
        sleep=pauses.sleep,
        random=lambda count: b"\xff" * count,
    )
    http = httpx.AsyncClient(transport=httpx.MockTransport(repeating_names(answer)))
    return Transport(http, "http://operator.test", edge=edge, patience=patience)


def _answers(*statuses: int, **headers: str) -> Callable[[httpx.Request], httpx.Response]:
    remaining = list(statuses)
    return lambda _: httpx.Response(
        remaining.pop(0) if len(remaining) > 1 else remaining[0], headers=headers
    )


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_a_passing_trouble_is_asked_again(pauses: Pauses, status: int) -> None:
    answer = await _transport(_answers(status, status, 200), pauses).send(GET)
    assert (answer.status, answer.attempts) == (200, 3)


@pytest.mark.parametrize("status", [200, 201, 301, 400, 403, 404, 409])
async def test_a_definite_answer_is_not_asked_again(pauses: Pauses, status: int) -> None:
    answer = await _transport(_answers(status), pauses).send(GET)
    assert (answer.status, answer.attempts) == (status, 1)


async def test_pauses_grow_up_to_a_bound_and_end_before_the_deadline(pauses: Pauses) -> None:
    with pytest.raises(NoAnswer):
        await _transport(_answers(503), pauses).send(GET)

    assert pauses.taken_s[:5] == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0])
    assert max(pauses.taken_s) == pytest.approx(1.0)
    assert 8.0 < pauses.now_s < 10.0


async def test_the_operators_own_wish_to_wait_is_honoured(pauses: Pauses) -> None:
    await _transport(_answers(429, 200, **{"Retry-After": "3"}), pauses).send(GET)
    assert pauses.taken_s == [3.0]


async def test_a_wish_beyond_the_deadline_ends_the_waiting_at_once(pauses: Pauses) -> None:
    with pytest.raises(NoAnswer):
        await _transport(_answers(429, **{"Retry-After": "60"}), pauses).send(GET)
    assert pauses.taken_s == []


@pytest.mark.parametrize(
    "wish", ["soon", "-5", "9999999999", "1e9", "Wed, 21 Oct 2026 07:28:00 GMT"]
)
async def test_a_wish_that_is_no_number_of_seconds_counts_as_none(
    pauses: Pauses, wish: str
) -> None:
    await _transport(_answers(429, 200, **{"Retry-After": wish}), pauses).send(GET)
    assert pauses.taken_s == pytest.approx([0.1])


async def test_an_answer_without_end_is_cut_off(pauses: Pauses) -> None:
    huge = bytes(ANSWER_BYTES_MAX + 1)
    with pytest.raises(AnswerMalformed):
        await _transport(lambda _: httpx.Response(200, content=huge), pauses).send(GET)


async def test_each_attempt_is_signed_anew(pauses: Pauses) -> None:
    counter = iter(range(1000))
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Signature-Input"])
        return httpx.Response(503 if len(seen) < 3 else 200)

    transport = _transport(answer, pauses)
    transport._edge = replace(
        transport._edge, random=lambda count: next(counter).to_bytes(count, "big")
    )
    credentials = Credentials(key_id="k", signer=key("wallet"), network=NetworkId(bytes(32)))
    await transport.send(replace(GET, credentials=credentials))

    assert len(set(seen)) == 3


async def test_an_operator_that_is_not_there_is_no_answer() -> None:
    patience = Patience(total_s=0.2, attempt_s=0.1, pause_min_s=0.01, pause_max_s=0.01)
    async with httpx.AsyncClient() as http:
        transport = Transport(http, "http://127.0.0.1:9", edge=SYSTEM_EDGE, patience=patience)
        with pytest.raises(NoAnswer, match="attempts"):
            await transport.send(GET)


async def test_an_answer_that_drips_is_given_up_with_its_attempt() -> None:
    """Each byte comes in time, the whole never does."""

    async def drip() -> AsyncIterator[bytes]:
        while True:
            await SYSTEM_EDGE.sleep(0.02)
            yield b" "

    patience = Patience(total_s=0.3, attempt_s=0.1, pause_min_s=0.01, pause_max_s=0.01)
    answer = httpx.MockTransport(repeating_names(lambda _: httpx.Response(200, content=drip())))
    async with httpx.AsyncClient(transport=answer) as http:
        transport = Transport(http, "http://x.test", edge=SYSTEM_EDGE, patience=patience)
        started = time.monotonic()
        with pytest.raises(NoAnswer):
            await transport.send(GET)
    assert time.monotonic() - started < 20
