"""Send an approved order to the central bank's own registry, and learn what became of it.

Requests bear the signature of an officer; what they carry is decided by the signatures on the
order itself. The same order may be sent any number of times: the registry gives the first outcome
again for as long as it remembers the id.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass
from http import HTTPStatus

import httpx

from jiaozi.central_bank.issuance.issue import Dead
from jiaozi.protocol import blocks, cbor, ids, orders
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.http_signatures import NETWORK_HEADER, sign_request
from jiaozi.protocol.refusals import (
    CATALOGUE,
    Code,
    Outcome,
    Refusal,
    Retry,
    read_refusal,
    refuse,
)
from jiaozi.protocol.suites import Signer
from jiaozi.service.named_requests import send_named

TIMEOUT_S = 30.0
"""How long a definite answer is tried for."""

_PATH = "/v1/orders"
_ANSWER_BYTES_MAX = 4096
_PAUSE_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Sends orders as one officer.

    Attributes:
        http: With the registry's address as its base.
        officer: Signs the requests.
    """

    http: httpx.AsyncClient
    network: NetworkId
    officer: Signer

    async def settle(self, submission: bytes) -> Outcome | Dead:
        """Send a submission and return what is final; `issue` and `destroy` take this.

        Raises:
            Refusal: Why the order was not taken, which uses up no id; or ``unavailable``, ``busy``
                or ``unknown`` when there was no definite answer in `TIMEOUT_S`.
        """
        deadline = time.monotonic() + TIMEOUT_S
        while True:
            try:
                return _read(await self._send(submission))
            except Refusal as refusal:
                if refusal.code is Code.EXPIRED and _is_remembered(submission, refusal):
                    return Dead.DEAD
                passes = refusal.entry.retry is Retry.SAME_ORDER
                if not passes or time.monotonic() > deadline:
                    raise
            await asyncio.sleep(_PAUSE_S)

    async def _send(self, submission: bytes) -> httpx.Response:
        headers = {
            NETWORK_HEADER: self.network.hex(),
            "Content-Type": "application/cbor-seq",
        }
        headers |= sign_request(
            method="POST",
            url=_PATH,
            headers=headers,
            body=submission,
            signer=self.officer,
            key_id=self.officer.public_key.hex(),
            created_s=int(time.time()),
            nonce=secrets.token_hex(16),
        )
        try:
            request = self.http.build_request("POST", _PATH, content=submission, headers=headers)
            return await send_named(self.http, request)
        except httpx.ConnectError:
            raise refuse(Code.UNAVAILABLE) from None
        except httpx.TransportError:
            raise refuse(Code.UNKNOWN) from None


def _read(answer: httpx.Response) -> Outcome:
    """Read an answer; one that is not understood is never proof of anything."""
    if answer.status_code != HTTPStatus.OK:
        raise _problem(answer)
    try:
        match cbor.decode(answer.content, size_max=_ANSWER_BYTES_MAX):
            case [[1, outcome, int(), int()]]:
                return blocks.read_outcome(outcome)
            case [[0, code, list(values)]]:
                refusal = read_refusal(code, values)
            case _:
                refusal = refuse(Code.UNKNOWN)
    except (cbor.NotCanonical, ValueError, Refusal):
        raise refuse(Code.UNKNOWN) from None
    raise refusal


def _problem(answer: httpx.Response) -> Refusal:
    try:
        document = answer.json()
        code, fields = document["code"], document["fields"]
        return read_refusal(code, [fields[name] for name in CATALOGUE[Code(code)].fields])
    except (KeyError, TypeError, ValueError):
        return refuse(Code.UNKNOWN)


def _is_remembered(submission: bytes, expired: Refusal) -> bool:
    """Say whether the registry would still know the order, had it ever taken it.

    Only then does its refusal of an expired order mean that the order can never settle.
    """
    block_time_ms = int(expired.fields["block_time_ms"])
    last_day = ids.last_expiry_day(orders.parse(submission).id)
    return block_time_ms // ids.DAY_MS <= last_day
