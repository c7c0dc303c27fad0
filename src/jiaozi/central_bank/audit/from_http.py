"""Blocks over the central bank's HTTP API, for the auditor's key.

Beside the blocks there are the public figures of the last one.
"""

import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from jiaozi.central_bank.audit.model import Figures, RawBlock
from jiaozi.central_bank.audit.sources import (
    BLOCKS_AT_A_TIME,
    HEADERS_AT_A_TIME,
    SourceUnavailable,
)
from jiaozi.protocol import cbor
from jiaozi.protocol.blocks import HEADER_BYTES_MAX
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.http_signatures import NETWORK_HEADER, sign_request
from jiaozi.protocol.refusals import Refusal
from jiaozi.protocol.suites import Signer
from jiaozi.service.named_requests import send_named

BODY_BYTES_MAX = 1 << 29
ANSWER_TIMEOUT_S = 60.0


class HttpSource:
    """Blocks for the auditor's key, with which each request is signed."""

    def __init__(
        self, client: httpx.AsyncClient, *, network: NetworkId, signer: Signer,
        now_s: Callable[[], float],
    ) -> None:  # fmt: skip
        self._client = client
        self._network = network
        self._signer = signer
        self._now_s = now_s
        self._figures: dict[int, Figures] = {}

    async def tip_height(self) -> int:
        """Return the height of the last block, and keep the figures published for it."""
        supply = _read_supply(await self._get("/v1/supply"))
        self._figures[supply[0]] = supply[1]
        return supply[0]

    async def headers(self, first: int, last: int) -> AsyncIterator[bytes]:
        """Yield the signed headers from one height to another."""
        while first <= last:
            count = min(last - first + 1, HEADERS_AT_A_TIME)
            page = _byte_strings(
                await self._get(f"/v1/headers?from={first}&limit={count}"), HEADER_BYTES_MAX
            )
            if not page:
                return
            for header in page[:count]:
                yield header
            first += len(page)

    async def blocks(self, first: int, last: int) -> AsyncIterator[RawBlock]:
        """Yield the blocks from one height to another."""
        while first <= last:
            count = min(last - first + 1, BLOCKS_AT_A_TIME)
            page = _byte_strings(
                await self._get(f"/v1/blocks?from={first}&limit={count}"), BODY_BYTES_MAX
            )
            if not page:
                return
            for header, body in zip(page[::2], page[1::2], strict=True):
                yield RawBlock(first, header, body, self._figures.get(first))
                first += 1

    async def _get(self, path: str) -> bytes:
        headers = {NETWORK_HEADER: self._network.hex()}
        headers |= sign_request(
            method="GET", url=path, headers=headers, body=b"", signer=self._signer,
            key_id=self._signer.public_key.hex(), created_s=int(self._now_s()),
            nonce=secrets.token_hex(16),
        )  # fmt: skip
        try:
            request = self._client.build_request("GET", path, headers=headers)
            answer = await send_named(self._client, request)
        except httpx.HTTPError as error:
            raise SourceUnavailable(reason=f"no answer from the central bank: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise SourceUnavailable(reason=_problem(answer))
        return answer.content


@asynccontextmanager
async def open_http(
    url: str, signer: Signer, *, now_s: Callable[[], float] = time.time
) -> AsyncIterator[HttpSource]:
    """Open a source over HTTP, until the end of the block.

    Raises:
        SourceUnavailable: No answer, or no genesis.
    """
    async with httpx.AsyncClient(base_url=url, timeout=ANSWER_TIMEOUT_S, trust_env=False) as client:
        try:
            answer = await send_named(client, client.build_request("GET", "/v1/genesis"))
            network = read_genesis(answer.content)
        except httpx.HTTPError as error:
            raise SourceUnavailable(reason=f"no answer from the central bank: {error}") from error
        except Refusal as refusal:
            raise SourceUnavailable(reason=f"{url} gives no genesis: {refusal}") from refusal
        yield HttpSource(client, network=network.id, signer=signer, now_s=now_s)


def _byte_strings(data: bytes, size_max: int) -> list[bytes]:
    """Read a sequence of byte strings.

    Raises:
        SourceUnavailable: It is none.
    """
    try:
        items = [
            item for item, _ in cbor.decode_sequence(
                data, items_max=2 * HEADERS_AT_A_TIME, item_size_max=size_max
            )
        ]  # fmt: skip
    except cbor.NotCanonical as error:
        raise SourceUnavailable(reason=f"the central bank's answer is malformed: {error}") from None
    if any(type(each) is not bytes for each in items):
        raise SourceUnavailable(reason="the central bank's answer is malformed")
    return items  # type: ignore[return-value]


def _read_supply(data: bytes) -> tuple[int, Figures]:
    try:
        supply: Mapping[str, Any] = json.loads(data)
        return int(supply["height"]), Figures(*(int(supply[name]) for name in _SUPPLY_NAMES))
    except (ValueError, KeyError, TypeError) as error:
        raise SourceUnavailable(reason="the central bank's figures are malformed") from error


def _problem(answer: httpx.Response) -> str:
    try:
        problem = answer.json()
        detail = problem.get("detail") or problem.get("title") or ""
    except (ValueError, AttributeError):
        detail = ""
    return f"the central bank answered {answer.status_code} {detail}".strip()


_SUPPLY_NAMES = (
    "issued_fen", "destroyed_fen", "in_vaults_fen", "with_public_fen", "in_escrow_fen",
    "offline_fen", "in_guarantee_fen",
)  # fmt: skip
