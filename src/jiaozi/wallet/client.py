"""The operator API as a holder uses it: one method for each route.

Each method ends in one of three ways: an answer, a `Refusal` with its reason, or `NoAnswer` and
its kin when nothing definite is known. "Unknown" is never told as "refused".
"""

import base64
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, BinaryIO, TypeGuard
from urllib.parse import urlencode

from jiaozi.protocol.ids import OrderId
from jiaozi.protocol.numbers import AccountNumber, format_number
from jiaozi.protocol.refusals import Code, Refusal, Retry
from jiaozi.wallet.answers import (
    NotTaken,
    OrderAnswer,
    OutcomeById,
    read_json,
    read_order_answers,
    read_outcome_by_id,
    read_problem,
    read_saga,
    take,
)
from jiaozi.wallet.errors import AnswerMalformed, NoAnswer
from jiaozi.wallet.transport import Answer, Attempts, Credentials, Request, Transport

ORDERS_MAX = 500
"""Most orders that are sent in one request."""

_CBOR = "application/cbor"
_CBOR_SEQUENCE = "application/cbor-seq"
_JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderReply:
    """What came back for one order; ``answer`` is None when nothing definite came in time."""

    answer: OrderAnswer | None = None


class OperatorClient:
    """One operator, as anybody sees it: these routes need no wallet."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def network(self) -> dict[str, Any]:
        """Return what the operator says of its network, genesis included."""
        return await self._json(Request(method="GET", path="/v1/network"))

    async def register(self, phone: str) -> dict[str, Any]:
        """Have a code sent to a phone; the answer is alike for known and unknown ones."""
        return await self._json(_post("/v1/registrations", {"phone": phone}))

    async def open_wallet(self, body: bytes, credentials: Credentials) -> dict[str, Any]:
        """Ask for a wallet under a new key; the same body again returns the same wallet."""
        request = Request(
            method="POST",
            path="/v1/wallets",
            body=body,
            content_type=_JSON,
            credentials=credentials,
        )
        return await self._json(request)

    async def send_orders(self, submissions: Sequence[bytes]) -> list[OrderReply]:
        """Send up to `ORDERS_MAX` orders until each has a definite answer or time is up.

        Returns:
            One reply for each order, in their order.

        Raises:
            AnswerMalformed: What became of the orders is unknown.
        """
        replies = [OrderReply()] * len(submissions)
        unanswered = list(range(len(submissions)))
        attempts = self._transport.attempts()
        while unanswered:
            batch = [submissions[index] for index in unanswered]
            try:
                answers = await self._send_batch(batch, attempts)
            except NoAnswer:
                return replies
            for index, answer in zip(unanswered, answers, strict=True):
                if not _is_passing(answer):
                    replies[index] = OrderReply(answer=answer)
            unanswered = [index for index in unanswered if replies[index].answer is None]
            wait_s = max((_wait_s(answer) for answer in answers), default=0.0)
            if unanswered and not await attempts.pause(at_least_s=wait_s):
                return replies
        return replies

    async def _send_batch(
        self, submissions: Sequence[bytes], attempts: Attempts
    ) -> list[OrderAnswer]:
        request = Request(
            method="POST",
            path="/v1/orders",
            body=b"".join(submissions),
            content_type=_CBOR_SEQUENCE,
            accept=_CBOR,
        )
        try:
            answer = await self._asked(request, attempts)
        except Refusal as refusal:
            return [NotTaken(refusal=refusal)] * len(submissions)
        return read_order_answers(answer.body, len(submissions))

    async def ask(self, request: Request) -> dict[str, Any]:
        """Send any request that is answered in JSON."""
        return await self._json(request)

    async def ask_bytes(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        content_type: str | None = None,
        credentials: Credentials | None = None,
    ) -> bytes:
        """Send bytes, or none, and return the bytes of a good answer.

        Raises:
            Refusal: The operator or the registry says no.
            NoAnswer: Nothing definite before the deadline.
            AnswerMalformed: Neither an answer nor a refusal that is known here.
        """
        request = Request(
            method=method,
            path=path,
            body=body,
            content_type=content_type,
            accept=_CBOR,
            credentials=credentials,
        )
        return (await self._asked(request)).body

    async def _json(self, request: Request) -> dict[str, Any]:
        return read_json((await self._asked(request)).body)

    async def _asked(self, request: Request, attempts: Attempts | None = None) -> Answer:
        """Return a good answer.

        Raises:
            Refusal: The operator or the registry says no.
            NoAnswer: Nothing definite before the deadline.
            AnswerMalformed: Neither an answer nor a refusal that is known here.
        """
        attempts = attempts or self._transport.attempts()
        while True:
            answer = await self._transport.send(request, attempts)
            if 200 <= answer.status < 300:
                return answer
            refusal = read_problem(answer)
            # Somebody on the way sent it twice: the first copy may have been taken.
            if refusal.code is not Code.REQUEST_REPLAYED:
                raise refusal
            if not await attempts.pause():
                raise NoAnswer(detail="Every copy of the request came too late")


class WalletClient(OperatorClient):
    """One operator, as a wallet that it carries sees it."""

    def __init__(
        self, transport: Transport, number: AccountNumber, credentials: Credentials
    ) -> None:
        super().__init__(transport)
        self._path = f"/v1/wallets/{format_number(number)}"
        self._credentials = credentials

    async def wallet(self) -> dict[str, Any]:
        """Return balance, class and limits."""
        return await self._json(self._get(""))

    async def deposits(self) -> dict[str, Any]:
        """Return the holder's deposit accounts."""
        request = Request(method="GET", path="/v1/deposits", credentials=self._credentials)
        return await self._json(request)

    async def outcome(self, order_id: OrderId) -> OutcomeById:
        """Ask what became of an order."""
        return read_outcome_by_id(
            (await self._asked(self._get(f"/outcomes/{order_id.hex()}"))).body
        )

    async def receipt(self, order_id: OrderId) -> bytes:
        """Return the receipt of an order, unchecked."""
        request = self._get(f"/receipts/{order_id.hex()}", accept=_CBOR)
        return (await self._asked(request)).body

    async def attestation(self) -> bytes:
        """Return the operator's word that this wallet's key is its key, unchecked."""
        return (await self._asked(self._get("/attestation", accept=_CBOR))).body

    async def sums(self, **filters: str | int | None) -> dict[str, Any]:
        """Return what settled, by type and direction; filters are those of the history."""
        query = urlencode({name: value for name, value in filters.items() if value is not None})
        return await self._json(self._get(f"/sums?{query}" if query else "/sums"))

    async def statement(self, sink: BinaryIO, **wanted: str | None) -> None:
        """Write a statement into a file, which holds a part of it when this fails.

        Raises:
            Refusal: The operator does not make it.
            NoAnswer: It did not come whole.
        """
        query = urlencode({name: value for name, value in wanted.items() if value is not None})
        request = self._get(f"/statements?{query}", accept="*/*")
        answer = await self._transport.download(request, sink)
        if answer.status != HTTPStatus.OK:
            raise read_problem(answer)

    async def history(self, **filters: str | int | None) -> dict[str, Any]:
        """Return a page of history; filters are those of the route."""
        query = urlencode({name: value for name, value in filters.items() if value is not None})
        return await self._json(self._get(f"/history?{query}" if query else "/history"))

    async def exchange(
        self, exchange_id: OrderId, *, deposit_id: str, amount_fen: int
    ) -> OrderReply:
        """Exchange a deposit into this wallet; repeating one id exchanges once.

        Raises:
            AnswerMalformed: What became of it is unknown.
        """
        document = {
            "exchange_id": exchange_id.hex(),
            "deposit_id": deposit_id,
            "amount_fen": amount_fen,
        }
        return await self._saga(_post(f"{self._path}/exchanges", document, self._credentials))

    async def redeem(self, submission: bytes, *, deposit_id: str) -> OrderReply:
        """Redeem into a deposit by a signed order; repeating one order redeems once.

        Raises:
            AnswerMalformed: What became of it is unknown.
        """
        document = {
            "submission": base64.b64encode(submission).decode(),
            "deposit_id": deposit_id,
        }
        return await self._saga(_post(f"{self._path}/redemptions", document, self._credentials))

    async def ask_own(
        self, method: str, path: str, document: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Ask something of a route below this wallet's own, with a JSON document or without.

        Raises:
            Refusal: The operator or the registry says no.
            NoAnswer: Nothing definite before the deadline.
            AnswerMalformed: Neither an answer nor a refusal that is known here.
        """
        request = Request(
            method=method,
            path=self._path + path,
            body=b"" if document is None else json.dumps(document, ensure_ascii=False).encode(),
            content_type=None if document is None else _JSON,
            credentials=self._credentials,
        )
        return await self._json(request)

    async def ask_own_bytes(
        self, method: str, path: str, body: bytes = b"", *, content_type: str | None = None
    ) -> bytes:
        """Ask something of a route below this wallet's own; as `ask_bytes`."""
        return await self.ask_bytes(
            method,
            self._path + path,
            body,
            content_type=content_type,
            credentials=self._credentials,
        )

    async def set_pin(self, change_id: bytes, *, new: str, old: str | None) -> None:
        """Set the wallet's PIN; repeating one change, by its id, sets it once."""
        document = {"change_id": change_id.hex(), "pin": new}
        if old is not None:
            document["old_pin"] = old
        await self._json(_post(f"{self._path}/pin", document, self._credentials))

    async def reset_pin(
        self,
        change_id: bytes,
        new: str,
        registration_id: str,
        code: str,
        evidence: Mapping[str, Any],
    ) -> int:
        """Ask for another PIN; return from when on, in Unix milliseconds, it is the wallet's."""
        document = {
            "change_id": change_id.hex(),
            "pin": new,
            "registration_id": registration_id,
            "code": code,
            "evidence": evidence,
        }
        request = _post(f"{self._path}/pin-resets", document, self._credentials)
        return take(await self._json(request), "due_ms", int)

    async def countersign(self, payload: bytes, legs: Sequence[bytes], *, pin: str) -> bytes:
        """Return a COSE_Sign of a payload with the operator's signature, unchecked."""
        document = {
            "payload": base64.b64encode(payload).decode(),
            "legs": [base64.b64encode(leg).decode() for leg in legs],
            "pin": pin,
        }
        request = _post(f"{self._path}/countersignatures", document, self._credentials)
        try:
            encoded = take(await self._json(request), "countersignature", str)
            return base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise AnswerMalformed(detail="The countersignature is not base64") from error

    async def events(self, *, after: str) -> AsyncIterator[str]:
        """Yield the lines of the stream of notices that come after a cursor, until it ends.

        Raises:
            Refusal: The operator opens none.
            httpx.HTTPError: It breaks.
        """
        async for line in self._transport.lines(self._get("/events"), {"Last-Event-ID": after}):
            if isinstance(line, Answer):
                raise read_problem(line)
            yield line

    async def _saga(self, request: Request) -> OrderReply:
        answer: OrderAnswer
        try:
            answer = read_saga((await self._asked(request)).body)
        except NoAnswer:
            return OrderReply()
        except Refusal as refusal:
            answer = NotTaken(refusal=refusal)
        return OrderReply(answer=answer)

    def _get(self, path: str, *, accept: str = _JSON) -> Request:
        return Request(
            method="GET", path=self._path + path, accept=accept, credentials=self._credentials
        )


def _post(
    path: str, document: Mapping[str, Any], credentials: Credentials | None = None
) -> Request:
    return Request(
        method="POST",
        path=path,
        body=json.dumps(document).encode(),
        content_type=_JSON,
        credentials=credentials,
    )


def _wait_s(answer: OrderAnswer) -> float:
    """Return how long a full queue asks to wait."""
    wait_ms = answer.refusal.fields.get("retry_after_ms", 0) if _is_passing(answer) else 0
    return int(wait_ms) / 1000


def _is_passing(answer: OrderAnswer) -> TypeGuard[NotTaken]:
    """Say whether the same order may get another answer soon."""
    return isinstance(answer, NotTaken) and answer.refusal.entry.retry is Retry.SAME_ORDER
