"""What an operator answers, read from bytes that may be anything.

::

    orders   application/cbor   [[1, outcome, height, position] or [0, code, [field, ...]], ...]
    others   application/json, or a problem document (RFC 9457) with ``code`` and its fields

An answer of another shape is `AnswerMalformed`, never a guess: what it was about stays open.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from jiaozi.protocol import blocks, cbor
from jiaozi.protocol.refusals import CATALOGUE, Code, Refusal, read_refusal, refusal_of, refuse
from jiaozi.wallet.errors import AnswerMalformed
from jiaozi.wallet.model import DEAD, OPEN, Standing, State
from jiaozi.wallet.transport import ANSWER_BYTES_MAX, Answer

_KNOWN = frozenset((0, *Code))
Kind = TypeVar("Kind", int, str, bool, list[Any], dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTaken:
    """An order was refused without effect; the catalogue says whether it may be sent again."""

    refusal: Refusal


OrderAnswer = Standing | NotTaken


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeById:
    """What the registry holds under an order id; ``standing`` is None when it has seen no such id.

    Attributes:
        header: The latest signed header; absence means something together with its time only.
    """

    standing: Standing | None
    identity: bytes | None
    header: bytes


def read_order_answers(body: bytes, count: int) -> list[OrderAnswer]:
    """Read the answers to that many orders, in their order.

    Raises:
        AnswerMalformed: Another shape or number.
    """
    try:
        answers = cbor.decode(body, size_max=ANSWER_BYTES_MAX)
        if type(answers) is not list or len(answers) != count:
            raise ValueError("another number of answers")
        return [_order_answer(each) for each in answers]
    except (KeyError, TypeError, ValueError) as error:
        raise AnswerMalformed(detail=f"The answer to {count} orders is unreadable") from error


def read_outcome_by_id(body: bytes) -> OutcomeById:
    """Read the answer to the question after one order.

    Raises:
        AnswerMalformed: Another shape.
    """
    document = read_json(body)
    try:
        header = base64.b64decode(take(document, "header", str), validate=True)
        if document.get("state") == "absent":
            return OutcomeById(standing=None, identity=None, header=header)
        standing = standing_of(
            take(document, "outcome", list),
            take(document, "height", int),
            take(document, "position", int),
        )
        identity = bytes.fromhex(take(document, "identity", str))
    except (KeyError, TypeError, ValueError) as error:
        raise AnswerMalformed(detail="The answer about an order is unreadable") from error
    return OutcomeById(standing=standing, identity=identity, header=header)


def read_saga(body: bytes) -> Standing:
    """Read what became of an exchange or a redemption at the operator.

    Raises:
        AnswerMalformed: Another shape.
    """
    document = read_json(body)
    match document.get("state"), document.get("outcome"):
        case "open", _:
            return OPEN
        case "settled", _:
            return Standing(state=State.SETTLED)
        case "refused", None:
            return DEAD
        case "refused", [code, *values]:
            try:
                refusal = read_refusal(code, values)
            except ValueError as error:
                raise AnswerMalformed(detail="The answer has an unknown outcome") from error
            return Standing(state=State.REFUSED, refusal=refusal)
        case _:
            raise AnswerMalformed(detail="The answer has no state that is known here")


def read_json(body: bytes) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        AnswerMalformed: The body is none.
    """
    try:
        document = json.loads(body)
    except ValueError as error:
        raise AnswerMalformed(detail="The answer is not JSON") from error
    if type(document) is not dict:
        raise AnswerMalformed(detail="The answer is not a JSON object")
    return document


def take(document: Mapping[str, Any], name: str, kind: type[Kind]) -> Kind:
    """Return a member of exactly this type.

    Raises:
        AnswerMalformed: It is missing or of another type.
    """
    value = document.get(name)
    if type(value) is not kind:
        raise AnswerMalformed(detail=f"The answer has no {name} of type {kind.__name__}")
    return value


def read_problem(answer: Answer) -> Refusal:
    """Read a problem document as the refusal that it tells.

    Raises:
        AnswerMalformed: It is none of this catalogue's.
    """
    document = read_json(answer.body)
    try:
        code = Code(take(document, "code", int))
        fields = take(document, "fields", dict)
        return read_refusal(int(code), [fields[name] for name in CATALOGUE[code].fields])
    except (KeyError, ValueError) as error:
        detail = f"HTTP status {answer.status} without a reason that is known here"
        raise AnswerMalformed(detail=detail) from error


def _order_answer(value: object) -> OrderAnswer:
    """Read one answer; a code of a later catalogue says no more than that nothing is known."""
    match value:
        case [1, [int(code), *_], int(), int()] | [0, int(code), list()] if code not in _KNOWN:
            return NotTaken(refusal=refuse(Code.UNKNOWN))
        case [1, list(outcome), int(height), int(position)]:
            return standing_of(outcome, height, position)
        case [0, code, list(fields)]:
            return NotTaken(refusal=read_refusal(code, fields))
        case _:
            raise ValueError("neither an outcome nor a refusal")


def standing_of(outcome: object, height: int, position: int) -> Standing:
    """Return what an outcome in a block makes of an order.

    Raises:
        AnswerMalformed: Not an outcome of this catalogue.
    """
    try:
        refusal = refusal_of(blocks.read_outcome(outcome))
    except (Refusal, ValueError) as error:
        raise AnswerMalformed(detail="The answer has no outcome that is known here") from error
    state = State.SETTLED if refusal is None else State.REFUSED
    return Standing(state=state, refusal=refusal, height=height, position=position)
