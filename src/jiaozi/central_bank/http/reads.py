"""What may be read over HTTP, each by whom it concerns.

An operator reads outcomes, accounts, feed and receipts of its own wallets; an auditor whole blocks;
everyone headers, genesis and figures.
"""

import asyncio
from base64 import b64encode
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from jiaozi.central_bank.http.access import Access
from jiaozi.central_bank.registry import device_store, store, views
from jiaozi.central_bank.registry.control import Control
from jiaozi.central_bank.registry.writer import Writer
from jiaozi.central_bank.rulebook.model import OfflineRules
from jiaozi.protocol import cbor, numbers
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.ids import OrderId, is_order_id
from jiaozi.protocol.offline.certificate import LIMIT_NAMES, Profile
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.network_examples import BLOCKS, FEED, GENESIS, HEADERS, RECEIPT
from jiaozi.service.openapi import raw_answer
from jiaozi.storage.database import Database

CBOR = "application/cbor"
CBOR_SEQUENCE = "application/cbor-seq"
FEED_BLOCKS_MAX = 50
HEADERS_MAX = 1_000
BLOCKS_MAX = 100
WAIT_MS_MAX = 10_000

Number = Annotated[str, Path(pattern=r"^[0-9]{16}$", examples=["1001000000100009"])]
OrderIdHex = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
Height = Annotated[int, Query(ge=0, lt=2**63)]


class OutcomeView(BaseModel):
    """What became of an order, as of a signed header."""

    state: Literal["settled", "refused", "absent"]
    outcome: Annotated[
        list[int] | None, Field(description="[0], or a refusal's code and fields")
    ] = None
    height: int | None = None
    position: int | None = None
    identity: str | None = None
    header: str = Field(description="base64 of the latest signed header: absent is as of its time")


class SupplyView(BaseModel):
    """Where the money is, after a block."""

    height: int
    time_ms: int
    issued_fen: int
    destroyed_fen: int
    outstanding_fen: int
    in_vaults_fen: int
    with_public_fen: int
    in_escrow_fen: int
    offline_fen: int
    in_guarantee_fen: int
    reserves_fen: int


class HaltView(BaseModel):
    """What is halted: scope 1 all, 2 one operator, 3 one order type, 4 offline loads."""

    scope: int
    subject: int
    until_ms: int
    orders_per_s: int | None = Field(description="a slow-down to so many; null is a stop")


class HaltsView(BaseModel):
    """The halts in force at the last block."""

    halts: list[HaltView]


class OfflineRulesView(BaseModel):
    """What the rulebook says of devices that pay without network."""

    guarantee_permille: int
    claim_wait_s: int
    oldest_generation: int = Field(description="of certificates that are accepted")
    profiles: dict[str, dict[str, int]] = Field(
        description="the highest limits of a certificate, by kind of device",
        examples=[{"card": {"payment_fen": 50_000, "balance_fen": 100_000}}],
    )


class RulebookView(BaseModel):
    """The rulebook in force at the last block."""

    name: str
    rulebook_hash: str
    offline: OfflineRulesView


def operator_routes(writer: Writer, database: Database, access: Access) -> APIRouter:
    """Return the routes by which an operator reads of its own wallets."""
    router = APIRouter(prefix="/v1", tags=["operators"])

    @router.get("/outcomes/{account}/{order_id}")
    async def outcome(request: Request, account: Number, order_id: OrderIdHex) -> OutcomeView:
        """Tell what became of an order of one of the caller's wallets."""
        caller = await access.of_reader(request, Use.OPERATOR_TRANSPORT)
        header = writer.tip.header
        async with database.connection() as connection:
            found = await views.find_outcome(
                connection, int(account), _order_id(order_id), caller.operator, writer.control
            )
        return _outcome(found, header)

    @router.get(
        "/feed",
        response_class=Response,
        responses=raw_answer(CBOR_SEQUENCE, "Blocks of the feed", FEED),
    )
    async def feed(
        request: Request,
        after: Annotated[int, Query(ge=-1, lt=2**63)],
        limit: Annotated[int, Query(ge=1, le=FEED_BLOCKS_MAX)] = FEED_BLOCKS_MAX,
        wait_ms: Annotated[int, Query(ge=0, le=WAIT_MS_MAX)] = 0,
    ) -> Response:
        """Give the next blocks of the caller's feed; wait for one if there is none."""
        caller = await access.of_reader(request, Use.OPERATOR_TRANSPORT)
        deadline = asyncio.get_running_loop().time() + wait_ms / 1000
        while True:
            async with database.connection() as connection:
                page = await views.read_feed(connection, caller.operator, after, limit)
            left_s = deadline - asyncio.get_running_loop().time()
            if page.blocks or left_s <= 0:
                break
            await writer.next_block(left_s, above=page.height)
        headers = {"Jiaozi-Height": str(page.height)}
        return Response(b"".join(page.blocks), media_type=CBOR_SEQUENCE, headers=headers)

    @router.get(
        "/receipts/{account}/{order_id}",
        response_class=Response,
        responses=raw_answer(CBOR, "The receipt", RECEIPT),
    )
    async def receipt(
        request: Request,
        account: Number,
        order_id: OrderIdHex,
        reader: Annotated[str | None, Query(pattern=r"^[0-9]{16}$")] = None,
    ) -> Response:
        """Give the receipt of an order as its payer or one of its payees may see it."""
        caller = await access.of_reader(request, Use.OPERATOR_TRANSPORT)
        async with database.connection() as connection:
            data = await views.make_receipt(
                connection,
                int(account),
                _order_id(order_id),
                reader=int(reader or account),
                operator=caller.operator,
                control=writer.control,
            )
        return Response(data, media_type=CBOR)

    return router


def auditor_routes(database: Database, access: Access) -> APIRouter:
    """Return the routes by which an auditor reads whole blocks."""
    router = APIRouter(prefix="/v1", tags=["auditor"])

    @router.get(
        "/blocks",
        response_class=Response,
        responses=raw_answer(CBOR_SEQUENCE, "Headers and bodies in turn", BLOCKS),
    )
    async def whole_blocks(
        request: Request,
        start: Annotated[Height, Query(alias="from")] = 0,
        limit: Annotated[int, Query(ge=1, le=BLOCKS_MAX)] = 20,
    ) -> Response:
        """Give whole blocks to an auditor: header, body, header, body, each a byte string."""
        await access.of_reader(request, Use.AUDITOR)
        async with database.connection() as connection:
            rows = await connection.fetch(store.SQL.blocks, start, limit)
        data = b"".join(cbor.encode(each) for row in rows for each in (row["header"], row["body"]))
        return Response(data, media_type=CBOR_SEQUENCE)

    return router


def public_routes(writer: Writer, database: Database, genesis: bytes) -> APIRouter:
    """Return the routes that anyone may read."""
    router = APIRouter(prefix="/v1", tags=["public"])

    @router.get(
        "/genesis",
        response_class=Response,
        responses=raw_answer(CBOR, "The signed document", GENESIS),
    )
    async def genesis_document() -> Response:
        """Give the document that the network began with."""
        return Response(genesis, media_type=CBOR)

    @router.get(
        "/headers",
        response_class=Response,
        responses=raw_answer(CBOR_SEQUENCE, "Headers, each a byte string", HEADERS),
    )
    async def headers(
        start: Annotated[Height, Query(alias="from")] = 0,
        limit: Annotated[int, Query(ge=1, le=HEADERS_MAX)] = 100,
    ) -> Response:
        """Give signed headers from a height on."""
        async with database.connection() as connection:
            rows = await connection.fetch(store.SQL.headers, start, limit)
        data = b"".join(cbor.encode(row["header"]) for row in rows)
        return Response(data, media_type=CBOR_SEQUENCE)

    @router.get("/supply")
    async def supply() -> SupplyView:
        """Tell how much money there is and where."""
        tip = writer.tip
        async with database.connection() as connection:
            reserves = await connection.fetchval(store.SQL.reserve_total, numbers.SETTLEMENT)
        return _supply(tip, reserves)

    @router.get("/rulebook")
    async def rulebook() -> RulebookView:
        """Tell which rulebook is in force."""
        book = writer.control.rulebook_at(writer.tip.time_ms)
        async with database.connection() as connection:
            revocations = await device_store.load_tip(connection)
        return RulebookView(
            name=book.name,
            rulebook_hash=book.hash.hex(),
            offline=_offline(book.offline, revocations.oldest_generation),
        )

    @router.get("/halts")
    async def halts() -> HaltsView:
        """Tell what is halted now, and until when."""
        return _halts(writer.control, writer.tip.time_ms)

    return router


def _order_id(text: str) -> OrderId:
    value = bytes.fromhex(text)
    if not is_order_id(value):
        raise refuse(Code.MALFORMED, "path.order_id")
    return OrderId(value)


def _outcome(found: views.Found | None, header: bytes) -> OutcomeView:
    encoded = b64encode(header).decode()
    if found is None:
        return OutcomeView(state="absent", header=encoded)
    return OutcomeView(
        state="settled" if found.outcome == (0,) else "refused",
        outcome=list(found.outcome),
        height=found.height,
        position=found.position,
        identity=found.identity.hex(),
        header=encoded,
    )


def _offline(rules: OfflineRules, oldest_generation: int) -> OfflineRulesView:
    return OfflineRulesView(
        guarantee_permille=rules.guarantee_permille,
        claim_wait_s=rules.claim_wait_s,
        oldest_generation=oldest_generation,
        profiles={
            Profile(profile).name.lower(): {name: getattr(row, name) for name in LIMIT_NAMES}
            for profile, row in rules.bounds.items()
        },
    )


def _supply(tip: store.Tip, reserves_fen: int) -> SupplyView:
    totals = tip.totals
    return SupplyView(
        height=tip.height,
        time_ms=tip.time_ms,
        issued_fen=totals.issued_fen,
        destroyed_fen=totals.destroyed_fen,
        outstanding_fen=totals.outstanding_fen,
        in_vaults_fen=totals.vault_fen,
        with_public_fen=totals.wallet_fen,
        in_escrow_fen=totals.escrow_fen,
        offline_fen=totals.offline_fen,
        in_guarantee_fen=totals.guarantee_fen,
        reserves_fen=reserves_fen,
    )


def _halts(control: Control, time_ms: int) -> HaltsView:
    return HaltsView(
        halts=[
            HaltView(
                scope=scope,
                subject=subject,
                until_ms=halt.until_ms,
                orders_per_s=halt.orders_per_s,
            )
            for (scope, subject), halt in sorted(control.halts.items())
            if halt.until_ms > time_ms
        ]
    )
