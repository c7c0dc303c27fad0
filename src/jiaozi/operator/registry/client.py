"""The client of the central bank's API: signs each request, tells what came back.

An answer that does not come is never taken for a refusal. Nothing sent: ``unavailable``; sent and
no answer, or one that is not understood: ``unknown``. Either way the same may be sent again.
"""

import base64
import binascii
import json
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx

from jiaozi.operator.registry.answers import RawAnswer, read_answers
from jiaozi.operator.registry.block_keys import RegistryKeys
from jiaozi.operator.registry.model import Decided
from jiaozi.protocol import blocks, cbor
from jiaozi.protocol.blocks import HEADER_BYTES_MAX, Header, SignedHeader
from jiaozi.protocol.daily_statement import STATEMENT_BYTES_MAX
from jiaozi.protocol.feed import FEED_BLOCK_BYTES_MAX
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.http_signatures import NETWORK_HEADER, sign_request
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.offline.revocations import FRAME_BYTES_MAX
from jiaozi.protocol.refusals import CATALOGUE, Code, Refusal, read_refusal, refuse
from jiaozi.protocol.suites import Signer
from jiaozi.service.named_requests import send_named
from jiaozi.service.traces import call_span, trace_headers

ANSWER_TIMEOUT_S = 10.0
_CONNECTIONS_MAX = 16
_FEED_BLOCKS_MAX = 1000
_HEADERS_SEEN_MAX = 1000
_STATEMENTS_MAX = 1000
_FRAMES_MAX = 1000

_NOT_REACHED = (Code.UNAVAILABLE, Code.UNKNOWN)
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the registry holds under an order's id, and the latest header, checked.

    Attributes:
        standing: The outcome and its place; None when the id is absent.
        identity: Of the order that the id stands for; None when absent.
        header: Signed by the registry; its time says what an absence means.
        document: The answer as it came, for a holder who checks it again.
    """

    standing: Decided | None
    identity: bytes | None
    header: Header
    document: dict[str, Any]


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Encoded feed blocks, and the height up to which the feed is complete."""

    blocks: list[bytes]
    height: int


class RegistryClient:
    """One registry, as one operator sees it.

    Attributes:
        is_reachable: Whether it answered when it was last asked.
        block_keys: Whose signature makes a header the registry's.
        in_doubt: Asked before an order is sent or its outcome believed.
        headers_seen: Headers that came with other answers, until they are compared.
    """

    def __init__(
        self,
        url: str,
        *,
        network: Network,
        signer: Signer,
        now_ms: Callable[[], int],
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> None:
        self._network = network
        self._signer = signer
        self._now_ms = now_ms
        self._timeout_s = timeout_s
        self._http = new_http_client(url, timeout_s)
        self.block_keys = RegistryKeys(network, self.certificates)
        self.in_doubt: Callable[[], bool] = lambda: False
        self.headers_seen: deque[SignedHeader] = deque(maxlen=_HEADERS_SEEN_MAX)
        self.is_reachable = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def submit(self, submissions: Sequence[bytes]) -> list[RawAnswer]:
        """Send orders; the answers come in their order.

        Raises:
            Refusal: For all of them: ``busy``, ``unavailable``, ``unknown``, or why the registry
                does not take orders from this operator.
        """
        self._check_doubt()
        body = b"".join(submissions)
        answer = await self._ask("POST", "/v1/orders", body, content_type="application/cbor-seq")
        return read_answers(answer.content, len(submissions))

    async def outcome(self, account: int, order_id: bytes) -> Found:
        """Ask what became of an order.

        Raises:
            Refusal: As `submit`; ``unknown`` too when the header is not the registry's.
        """
        self._check_doubt()
        path = f"/v1/outcomes/{format_number(account)}/{order_id.hex()}"
        answer = await self._ask("GET", path)
        return await self._read_found(answer.content)

    async def account(self, number: int) -> dict[str, Any]:
        """Return the record of an account that this operator carries.

        Raises:
            Refusal: ``not_found``, or as `submit`.
        """
        answer = await self._ask("GET", f"/v1/accounts/{format_number(number)}")
        return _read_json(answer.content)

    async def receipt(self, account: int, order_id: bytes, reader: int) -> bytes:
        """Return the receipt of an order as one account may see it.

        Raises:
            Refusal: ``not_found``, or as `submit`.
        """
        path = f"/v1/receipts/{format_number(account)}/{order_id.hex()}"
        return (await self._ask("GET", f"{path}?reader={format_number(reader)}")).content

    async def certificates(self) -> bytes:
        """Return the document of all certified keys of the network.

        Raises:
            Refusal: As `submit`.
        """
        return (await self._ask("GET", "/v1/certificates")).content

    async def supply(self) -> dict[str, Any]:
        """Return where the money is, as of the last block.

        Raises:
            Refusal: As `submit`.
        """
        return _read_json((await self._ask("GET", "/v1/supply")).content)

    async def rulebook(self) -> dict[str, Any]:
        """Return the rulebook in force.

        Raises:
            Refusal: As `submit`.
        """
        return _read_json((await self._ask("GET", "/v1/rulebook")).content)

    async def device(self, key: bytes) -> dict[str, Any]:
        """Return the record of an offline device.

        Raises:
            Refusal: ``not_found``, or as `submit`.
        """
        return _read_json((await self._ask("GET", f"/v1/devices/{key.hex()}")).content)

    async def revocations(self, after: int) -> list[bytes]:
        """Return frames of the revocation list after a number; they are not checked here.

        Raises:
            Refusal: As `submit`.
        """
        answer = await self._ask("GET", f"/v1/revocations?after={after}")
        return _byte_strings(answer.content, _FRAMES_MAX, FRAME_BYTES_MAX)

    async def headers(self, start: int, *, limit: int) -> list[bytes]:
        """Return signed headers from a height on; they are not checked here.

        Raises:
            Refusal: As `submit`.
        """
        answer = await self._ask("GET", f"/v1/headers?from={start}&limit={limit}")
        return _byte_strings(answer.content, limit, HEADER_BYTES_MAX)

    async def statements(self, from_date: str) -> list[bytes]:
        """Return this operator's daily statements from a day on; they are not checked here.

        Raises:
            Refusal: As `submit`.
        """
        answer = await self._ask("GET", f"/v1/statements?from={from_date}")
        return _byte_strings(answer.content, _STATEMENTS_MAX, STATEMENT_BYTES_MAX)

    async def feed(self, after: int, *, limit: int, wait_ms: int) -> FeedPage:
        """Return the feed after a height, waiting for something to come.

        Raises:
            Refusal: As `submit`.
        """
        path = f"/v1/feed?after={after}&limit={limit}&wait_ms={wait_ms}"
        answer = await self._ask("GET", path, timeout_s=self._timeout_s + wait_ms / 1000)
        try:
            items = cbor.decode_sequence(
                answer.content, items_max=_FEED_BLOCKS_MAX, item_size_max=FEED_BLOCK_BYTES_MAX
            )
            encoded = [each for _, each in items]
            return FeedPage(encoded, int(answer.headers["jiaozi-height"]))
        except (cbor.NotCanonical, KeyError, ValueError):
            raise refuse(Code.UNKNOWN) from None

    def _check_doubt(self) -> None:
        """Refuse while there is proof against the registry (`jiaozi.operator.headers.doubt`)."""
        if self.in_doubt():
            raise refuse(Code.UNAVAILABLE)

    async def _ask(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        *,
        content_type: str | None = None,
        timeout_s: float | None = None,
    ) -> httpx.Response:
        headers = {NETWORK_HEADER: self._network.id.hex()}
        if content_type is not None:
            headers["Content-Type"] = content_type
        headers |= sign_request(
            method=method,
            url=url,
            headers=headers,
            body=body,
            signer=self._signer,
            key_id=self._signer.public_key.hex(),
            created_s=self._now_ms() // 1000,
            nonce=secrets.token_hex(16),
        )
        try:
            with call_span(method, url):
                headers |= trace_headers()
                answer = await send(
                    self._http, method, url, headers, body, timeout_s=timeout_s or self._timeout_s
                )
        except Refusal as refusal:
            self.is_reachable = refusal.code not in _NOT_REACHED
            raise
        self.is_reachable = True
        return answer

    async def _read_found(self, body: bytes) -> Found:
        document = _read_json(body)
        try:
            encoded = base64.b64decode(document["header"], validate=True)
            signed = await self.block_keys.checked(
                lambda keys: blocks.read_header(encoded, block_keys=keys, network=self._network.id)
            )
            self.headers_seen.append(signed)
            header = signed.header
            if document["state"] == "absent":
                return Found(standing=None, identity=None, header=header, document=document)
            standing = Decided(
                blocks.read_outcome(document["outcome"]),
                int(document["height"]),
                int(document["position"]),
            )
            identity = bytes.fromhex(document["identity"])
        except (KeyError, TypeError, ValueError, binascii.Error, Refusal):
            raise refuse(Code.UNKNOWN) from None
        return Found(standing=standing, identity=identity, header=header, document=document)


def new_http_client(url: str, timeout_s: float = ANSWER_TIMEOUT_S) -> httpx.AsyncClient:
    """Make an HTTP client for a registry's address, with a bounded pool."""
    limits = httpx.Limits(
        max_connections=_CONNECTIONS_MAX, max_keepalive_connections=_CONNECTIONS_MAX
    )
    return httpx.AsyncClient(base_url=url, timeout=timeout_s, limits=limits, trust_env=False)


async def send(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes = b"",
    *,
    timeout_s: float = ANSWER_TIMEOUT_S,
) -> httpx.Response:
    """Send one request and return a good answer.

    Raises:
        Refusal: What the registry refused, ``unavailable`` or ``unknown``.
    """
    request = http.build_request(
        method, url, headers=headers, content=body or None, timeout=timeout_s
    )
    try:
        answer = await send_named(http, request)
    except _NOT_SENT:
        raise refuse(Code.UNAVAILABLE) from None
    except httpx.TransportError:
        raise refuse(Code.UNKNOWN) from None
    if answer.status_code != httpx.codes.OK:
        raise _read_problem(answer)
    return answer


def _read_problem(answer: httpx.Response) -> Refusal:
    try:
        document = json.loads(answer.content)
        code, fields = document["code"], document["fields"]
        return read_refusal(code, [fields[name] for name in CATALOGUE[Code(code)].fields])
    except (KeyError, TypeError, ValueError):
        return refuse(Code.UNKNOWN)


def _byte_strings(data: bytes, items_max: int, size_max: int) -> list[bytes]:
    try:
        items = cbor.decode_sequence(data, items_max=items_max, item_size_max=size_max + 9)
        found = [value for value, _ in items]
    except cbor.NotCanonical:
        raise refuse(Code.UNKNOWN) from None
    if any(type(each) is not bytes for each in found):
        raise refuse(Code.UNKNOWN)
    return [each for each in found if isinstance(each, bytes)]


def _read_json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        raise refuse(Code.UNKNOWN) from None
    if type(document) is not dict:
        raise refuse(Code.UNKNOWN)
    return document
