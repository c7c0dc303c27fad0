"""Intake: the bytes of a request become orders whose signatures hold, in the writer's queue.

What fails here uses up no order id: shape (`jiaozi.protocol.orders`) and signatures.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from jiaozi.central_bank.registry.batch import Answer
from jiaozi.central_bank.registry.requests import Pending, Request
from jiaozi.central_bank.registry.verifiers import Check, Verifiers
from jiaozi.central_bank.registry.writer import Writer
from jiaozi.protocol import cbor
from jiaozi.protocol.certificates import Certified
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.orders import SUBMISSION_BYTES_MAX, Inner, Order, parse_item
from jiaozi.protocol.refusals import Code, Refusal, refuse

ORDERS_PER_REQUEST_MAX = 2_000
ANSWER_TIMEOUT_S = 30.0


class Intake:
    """Takes the orders of one request at a time; many requests run side by side."""

    def __init__(self, writer: Writer, verifiers: Verifiers, network: NetworkId) -> None:
        self._writer = writer
        self._verifiers = verifiers
        self._aad = external_aad(Domain.ORDER, network)
        self._network = network

    async def take(self, body: bytes, caller: Certified) -> list[Answer]:
        """Take a CBOR sequence of submissions and return an answer for each, in order.

        Raises:
            Refusal: For the request as a whole: ``not_canonical``, ``too_large``, ``malformed``,
                ``busy``, ``unavailable``; or ``unknown`` when the answer takes too long.
        """
        orders = _read(body)
        answers: list[Answer | None] = [
            Answer(refusal=each) if isinstance(each, Refusal) else None for each in orders
        ]
        taken = [(i, each) for i, each in enumerate(orders) if not isinstance(each, Refusal)]
        self._writer.check_room(len(taken))
        request = Request(len(taken))
        pending = []
        holds = await self._signatures_hold([order for _, order in taken])
        for index, ((_, order), valid) in enumerate(zip(taken, holds, strict=True)):
            if valid:
                pending.append(Pending(order, caller, request, index))
            else:
                request.answer(index, Answer(refusal=refuse(Code.SIGNATURE_INVALID)))
        if pending:
            self._writer.submit(pending)
            await _wait(request)
        for (place, _), answer in zip(taken, request.answers, strict=True):
            answers[place] = answer
        return [each for each in answers if each is not None]

    async def _signatures_hold(self, orders: Sequence[Order]) -> list[bool]:
        aad = self._aad
        checks: list[Check] = []
        counts = []
        for order in orders:
            message = order.message
            counts.append(len(message.signatures))
            for each in message.signatures:
                signed = message.signed_bytes(each, aad)
                checks.append((int(each.suite), each.key, signed, each.value))
            if order.inner is not None:
                counts[-1] += 1
                checks.append(_check_of(order.inner, self._network))
        results = await self._verifiers.check(checks)
        if len(results) == len(orders):
            return [bool(each) for each in results]
        holds, start = [], 0
        for count in counts:
            holds.append(all(results[start : start + count]))
            start += count
        return holds


def encode_answers(answers: Sequence[Answer]) -> bytes:
    """Encode answers: ``[1, outcome, height, position]`` or ``[0, code, [field, ...]]``."""
    return cbor.encode([_fields(each) for each in answers])


def _check_of(inner: Inner, network: NetworkId) -> Check:
    """Return the check of the one signature of a message inside an order."""
    signature = inner.message.signatures[0]
    signed = inner.message.signed_bytes(signature, external_aad(inner.domain, network))
    return int(signature.suite), signature.key, signed, signature.value


def _fields(answer: Answer) -> list[Any]:
    if answer.refusal is None:
        return [1, answer.outcome, answer.height, answer.position]
    return [0, int(answer.refusal.code), list(answer.refusal.fields.values())]


def _read(body: bytes) -> list[Order | Refusal]:
    """Read the submissions of a request; a malformed one is refused alone."""
    orders: list[Order | Refusal] = []
    try:
        for item in cbor.decode_sequence(
            body, items_max=ORDERS_PER_REQUEST_MAX + 1, item_size_max=SUBMISSION_BYTES_MAX
        ):
            if len(orders) == ORDERS_PER_REQUEST_MAX:
                raise refuse(Code.TOO_LARGE, "orders", ORDERS_PER_REQUEST_MAX)
            try:
                orders.append(parse_item(item))
            except Refusal as refusal:
                orders.append(refusal)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "body") from None
    if not orders:
        raise refuse(Code.MALFORMED, "body")
    return orders


async def _wait(request: Request) -> None:
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await asyncio.shield(request.done)
    except TimeoutError:
        raise refuse(Code.UNKNOWN) from None
