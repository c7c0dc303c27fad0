"""Sending an approved order: the same bytes until the answer is definite, dead only when it is."""

import secrets

import httpx
import pytest

from jiaozi.central_bank.certification.approve import sign_approval, submission_of
from jiaozi.central_bank.issuance import send
from jiaozi.central_bank.issuance.issue import Dead
from jiaozi.central_bank.issuance.propose import Desk
from jiaozi.central_bank.issuance.send import Sender
from jiaozi.protocol import cbor
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.ids import DAY_MS, last_expiry_day
from jiaozi.protocol.orders import parse
from jiaozi.protocol.refusals import SETTLED, Code, Refusal
from jiaozi.protocol.suites import Ed25519Signer
from tests.named_answers import Answer, repeating_names

NOW_MS = 1_790_000_000_000
NETWORK = NetworkId(bytes(32))
OFFICER = Ed25519Signer(bytes(31) + b"\x01")


@pytest.fixture
def submission(monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr(send, "_PAUSE_S", 0.001)
    approval = Desk(NOW_MS, secrets.token_bytes).fund_reserve(1001, 100, "R")
    return submission_of(sign_approval(approval, OFFICER, NETWORK))


async def settle(submission: bytes, *answers: Answer) -> object:
    """Send to a registry that answers so, one request after the other."""
    left = list(answers)
    transport = httpx.MockTransport(repeating_names(lambda request: left.pop(0)(request)))
    async with httpx.AsyncClient(transport=transport, base_url="http://registry") as http:
        outcome = await Sender(http=http, network=NETWORK, officer=OFFICER).settle(submission)
    assert not left
    return outcome


def final(*outcome: int) -> Answer:
    return lambda _: httpx.Response(200, content=cbor.encode([[1, list(outcome), 7, 0]]))


def not_taken(code: Code, *fields: int) -> Answer:
    return told([0, int(code), list(fields)])


def told(answer: object) -> Answer:
    return lambda _: httpx.Response(200, content=cbor.encode([answer]))


def lost(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadError("gone", request=request)


async def test_a_lost_answer_is_asked_for_with_the_same_bytes(submission: bytes) -> None:
    bodies = []

    def noted(answer: Answer) -> Answer:
        def take(request: httpx.Request) -> httpx.Response:
            bodies.append(request.content)
            return answer(request)

        return take

    outcome = await settle(submission, noted(lost), noted(final(0)))
    assert outcome == SETTLED
    assert bodies == [submission, submission]


async def test_a_busy_or_garbled_registry_is_asked_again(submission: bytes) -> None:
    garbled: Answer = lambda _: httpx.Response(200, content=b"\xff")  # noqa: E731
    busy: Answer = lambda _: httpx.Response(  # noqa: E731
        429, json={"code": 50, "fields": {"retry_after_ms": 1}}
    )
    assert await settle(submission, garbled, busy, final(113, 5)) == (113, 5)


@pytest.mark.parametrize(
    "answer",
    [
        [1, [int(Code.INSUFFICIENT_FUNDS)], 7, 0],
        [1, [int(Code.INSUFFICIENT_FUNDS), 5, 5], 7, 0],
        [1, [0, 0], 7, 0],
        [1, [int(Code.BUSY), 5], 7, 0],
        [1, 0, 7, 0],
        [0, int(Code.SIGNER_MISSING), [2]],
        [0, int(Code.EXPIRED), [None]],
        [0, int(Code.EXPIRED), [[]]],
        [0, 9999, []],
    ],
)
async def test_an_answer_of_another_shape_proves_nothing(submission: bytes, answer: object) -> None:
    assert await settle(submission, told(answer), final(0)) == SETTLED


async def test_a_refusal_without_effect_is_raised(submission: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        await settle(submission, not_taken(Code.SIGNER_MISSING, 2, 1))
    assert refused.value.code is Code.SIGNER_MISSING


async def test_an_expired_order_that_the_registry_would_remember_is_dead(submission: bytes) -> None:
    last_day = last_expiry_day(parse(submission).id)
    answer = not_taken(Code.EXPIRED, last_day * DAY_MS + DAY_MS - 1)
    assert await settle(submission, answer) is Dead.DEAD


async def test_an_expired_order_that_it_may_have_forgotten_is_not_called_dead(
    submission: bytes,
) -> None:
    last_day = last_expiry_day(parse(submission).id)
    with pytest.raises(Refusal) as refused:
        await settle(submission, not_taken(Code.EXPIRED, (last_day + 1) * DAY_MS))
    assert refused.value.code is Code.EXPIRED
