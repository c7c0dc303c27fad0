"""The hot route: signed orders in, answers out, at a fraction of the cost of a FastAPI route.

::

    application/cbor      one submission      -> its answer, or JSON and problems if accepted
    application/cbor-seq  1 to 2,000 of them  -> an array of answers

A busy queue, a registry that cannot be reached and an answer that was lost are problem documents
for everyone: nothing is known then but that the same may be sent again.
"""

import json
from typing import Any

from jiaozi.operator.gateway.admit import admit_one, admit_sequence
from jiaozi.operator.gateway.batch import Batcher
from jiaozi.operator.registry.answers import (
    Final,
    NotTaken,
    RawAnswer,
    not_taken,
    read_answer,
)
from jiaozi.protocol import cbor
from jiaozi.protocol.refusals import Refusal, Retry, refusal_of
from jiaozi.service.dispatch import HotRequest, HotResponse

ORDERS_BYTES_MAX = 4 << 20

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
        "content": {"application/cbor": {}, "application/cbor-seq": {}},
    },
    "responses": {
        "200": {
            "description": "The answer or answers",
            "content": {"application/cbor": {}, "application/json": {}},
        }
    },
}


class TakeOrders:
    """The handler."""

    def __init__(self, batcher: Batcher, operator: int) -> None:
        self._batcher = batcher
        self._operator = operator

    async def __call__(self, request: HotRequest) -> HotResponse:
        """Take the orders of one request.

        Raises:
            Refusal: ``busy``, ``unavailable``, ``unknown``; any refusal of a single order that is
                to be answered in JSON; ``not_canonical`` for what is no sequence.
        """
        if request.header(b"content-type").startswith(b"application/cbor-seq"):
            return await self._take_sequence(request.body)
        wants_json = b"application/json" in request.header(b"accept")
        answer = await self._take_one(request.body, wants_json=wants_json)
        if answer[0] == 1 and not wants_json:
            return HotResponse(cbor.encode(answer))
        return _told(answer, wants_json=wants_json)

    async def _take_one(self, body: bytes, *, wants_json: bool) -> RawAnswer:
        try:
            submission = admit_one(body, self._operator)
        except Refusal as refusal:
            if wants_json:
                raise
            return not_taken(refusal)
        [answer] = await self._batcher.put((submission,))
        return answer

    async def _take_sequence(self, body: bytes) -> HotResponse:
        admitted = admit_sequence(body, self._operator)
        answered = []
        if admitted.submissions:
            answered = await self._batcher.put(admitted.submissions)
        return HotResponse(cbor.encode(admitted.filled(answered)))


def _told(answer: RawAnswer, *, wants_json: bool) -> HotResponse:
    """Tell an answer in JSON, or one that is not final."""
    match read_answer(answer):
        case Final(outcome, height, position):
            refusal = refusal_of(outcome)
            if refusal is not None:
                raise refusal
            document = {"state": "settled", "height": height, "position": position}
            return HotResponse(json.dumps(document).encode(), "application/json")
        case NotTaken(refusal):
            if wants_json or refusal.entry.retry is Retry.SAME_ORDER:
                raise refusal
            return HotResponse(cbor.encode(answer))
