"""The client of the registry: only what is understood counts as an answer."""

import pytest

from jiaozi.operator.registry.answers import Final, NotTaken, read_answer, read_answers
from jiaozi.operator.registry.model import Absence, StoredOrder, judge_absence
from jiaozi.protocol import cbor
from jiaozi.protocol.ids import DAY_MS, last_expiry_day, new_order_id
from jiaozi.protocol.refusals import Code, Refusal, refuse

NOW_MS = 1_790_000_000_000
UNKNOWN = refuse(Code.UNKNOWN)


@pytest.mark.parametrize(
    "answer",
    [
        None, [], [1], [0], 1, "x", {}, [2, [0], 1, 1], [1, [], 1, 1], [1, ["x"], 1, 1],
        [1, [0], "x", 1], [0, 9999, []], [0, 107, []], [0, 107, [b"x"]], [0, 107, [1, 2]],
        [0, 107], [True, [0], 1],
    ],
)  # fmt: skip
def test_what_is_no_answer_says_nothing(answer: object) -> None:
    match read_answer(answer):
        case NotTaken(refusal):
            assert refusal.code is Code.UNKNOWN
        case Final():
            pytest.fail("taken for an outcome")


def test_an_answer_is_an_outcome_or_a_refusal_without_effect() -> None:
    assert read_answer([1, [0], 5, 2]) == Final((0,), 5, 2)
    assert read_answer([1, [107, 30], 5, 2]) == Final((107, 30), 5, 2)
    match read_answer([0, 50, [100]]):
        case NotTaken(refusal):
            assert (refusal.code, refusal.fields) == (Code.BUSY, {"retry_after_ms": 100})
        case Final():
            pytest.fail("busy is no outcome")


@pytest.mark.parametrize("body", [b"", b"\xff", cbor.encode([]), cbor.encode([1, 2]), b"\xa0"])
def test_another_number_of_answers_says_nothing(body: bytes) -> None:
    with pytest.raises(Refusal) as refusal:
        read_answers(body, 2)
    assert refusal.value.code is Code.UNKNOWN


def test_an_absent_order_is_alive_then_dead_then_forgotten() -> None:
    order_id = new_order_id(NOW_MS, bytes(10))
    order = StoredOrder(
        scope=1, id=order_id, identity=bytes(32), expires_ms=NOW_MS + 1000, submission=b""
    )
    forgotten_ms = (last_expiry_day(order_id) + 1) * DAY_MS
    assert judge_absence(order, NOW_MS) is Absence.ALIVE
    assert judge_absence(order, NOW_MS + 1000) is Absence.ALIVE
    assert judge_absence(order, NOW_MS + 1001) is Absence.DEAD
    assert judge_absence(order, forgotten_ms - 1) is Absence.DEAD
    assert judge_absence(order, forgotten_ms) is Absence.FORGOTTEN
