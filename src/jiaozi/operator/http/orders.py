"""The hot route: signed orders in, answers out, at a fraction of the cost of a FastAPI route.

::

    application/cbor      one submission      -> its answer, or JSON and problems if accepted
    application/cbor-seq  1 to 2,000 of them  -> an array of answers

A busy queue, a registry that cannot be reached and an answer that was lost are problem documents
for everyone: nothing is known then but that the same may be sent again.

Each order counts for its wallet and address together (`jiaozi.operator.rates`); one that came to
nothing, malformed or signed falsely, counts for the address once more.
"""

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from jiaozi.operator.gateway.admit import Count, admit_one, admit_sequence
from jiaozi.operator.gateway.batch import Batcher
from jiaozi.operator.life.carriage import Carriage
from jiaozi.operator.rates import OperatorLimits
from jiaozi.operator.registry.answers import (
    Final,
    NotTaken,
    RawAnswer,
    not_taken,
    read_answer,
)
from jiaozi.protocol import cbor
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import (
    CATALOGUE,
    FINAL_CODES,
    Code,
    Refusal,
    Retry,
    refusal_of,
    refuse,
)
from jiaozi.service.dispatch import HotRequest, HotResponse
from jiaozi.service.network_examples import ANSWER, PAYMENT
from jiaozi.service.openapi import may_refuse, raw_content

ORDERS_BYTES_MAX = 4 << 20

CheckMayClose: TypeAlias = Callable[[Order], Awaitable[None]]
"""Refuses to close a wallet whose money is on its way."""

_NO_FAULT = frozenset(
    {Code.HALTED} | {code for code, entry in CATALOGUE.items() if entry.retry is Retry.SAME_ORDER}
)
"""What no sender can help: it counts for nobody."""

_SETTLED = {
    "type": "object",
    "required": ["state", "height", "position"],
    "properties": {
        "state": {"const": "settled"},
        "height": {"type": "integer"},
        "position": {"type": "integer"},
    },
}
_SETTLED_EXAMPLE = {"state": "settled", "height": 7, "position": 0}
_TOLD = [
    *(code for code in Code if code < Code.REQUEST_UNSIGNED or int(code) in FINAL_CODES),
    Code.EXCHANGE_UNDER_WAY,
]

ORDERS_OPERATION: dict[str, Any] = {
    "summary": "Pay: take signed orders",
    "description": "One payment order as `application/cbor`, or 1 to 2,000 as "
    "`application/cbor-seq`; each is signed itself, so the request is not. The answer is "
    "`[1, outcome, height, position]` for what stands in a block, `[0, code, [field, ...]]` for "
    "what was refused without effect; an array of them for a sequence. With `Accept: "
    "application/json` a single order is answered in JSON, its refusal as a problem document.",
    "tags": ["payments"],
    "requestBody": {
        "required": True,
        "content": {
            **raw_content("application/cbor", PAYMENT.hex()),
            **raw_content("application/cbor-seq", PAYMENT.hex()),
        },
    },
    "responses": {
        "200": {
            "description": "The answer or answers",
            "content": {
                **raw_content("application/cbor", ANSWER.hex()),
                "application/json": {"schema": _SETTLED, "example": _SETTLED_EXAMPLE},
            },
        }
    },
    **may_refuse(*_TOLD),
}


class TakeOrders:
    """The handler."""

    def __init__(
        self,
        batcher: Batcher,
        carriage: Carriage,
        limits: OperatorLimits,
        check_may_close: CheckMayClose,
    ) -> None:
        self._check_may_close = check_may_close
        self._batcher = batcher
        self._carriage = carriage
        self._limits = limits

    async def __call__(self, request: HotRequest) -> HotResponse:
        """Take the orders of one request.

        Raises:
            Refusal: ``busy``, ``unavailable``, ``unknown``; any refusal of a single order that is
                to be answered in JSON; ``not_canonical`` for what is no sequence.
        """
        if request.header(b"content-type").startswith(b"application/cbor-seq"):
            return await self._take_sequence(request)
        wants_json = b"application/json" in request.header(b"accept")
        answer = await self._take_one(request, wants_json=wants_json)
        if answer[0] == 1 and not wants_json:
            return HotResponse(cbor.encode(answer))
        return _told(answer, wants_json=wants_json)

    async def _take_one(self, request: HotRequest, *, wants_json: bool) -> RawAnswer:
        try:
            order = admit_one(request.body, self._carriage, self._counting(request.source))
            if order.type is OrderType.CLOSE:
                await self._check_may_close(order)
        except Refusal as refusal:
            answer = not_taken(refusal)
            self._charge_for([answer], request.source)
            if wants_json:
                raise
            return answer
        answers = await self._batcher.put((order.encoded,))
        self._charge_for(answers, request.source)
        return answers[0]

    async def _take_sequence(self, request: HotRequest) -> HotResponse:
        counting = self._counting(request.source)
        admitted = admit_sequence(request.body, self._carriage, counting)
        for place, order in admitted.closings.items():
            try:
                await self._check_may_close(order)
            except Refusal as refusal:
                admitted.refuse(place, refusal)
        answered = []
        if admitted.submissions:
            answered = await self._batcher.put(tuple(admitted.submissions.values()))
        answers = admitted.filled(answered)
        self._charge_for(answers, request.source)
        return HotResponse(cbor.encode(answers))

    def _counting(self, source: str) -> Count:
        orders = self._limits.orders
        return lambda wallet: orders.take((wallet, source))

    def _charge_for(self, answers: list[RawAnswer], source: str) -> None:
        """Count what came to nothing for the address it came from."""
        in_vain = sum(map(_is_in_vain, answers))
        if in_vain:
            self._limits.addresses.charge(source, in_vain)


def _is_in_vain(answer: object) -> bool:
    match answer:
        case [0, int(code), *_]:
            return code not in _NO_FAULT
        case _:
            return False


def _told(answer: RawAnswer, *, wants_json: bool) -> HotResponse:
    """Tell an answer in JSON, or one that is not final."""
    match read_answer(answer):
        case Final(outcome, height, position):
            try:
                refusal = refusal_of(outcome)
            except ValueError:  # of a later catalogue
                refusal = refuse(Code.UNKNOWN)
            if refusal is not None:
                raise refusal
            document = {"state": "settled", "height": height, "position": position}
            return HotResponse(json.dumps(document).encode(), "application/json")
        case NotTaken(refusal):
            if wants_json or refusal.entry.retry is Retry.SAME_ORDER:
                raise refusal
            return HotResponse(cbor.encode(answer))
