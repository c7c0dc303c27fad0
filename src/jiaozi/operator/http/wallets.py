"""Routes for a wallet about itself: figures, outcomes, receipts, history."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from jiaozi.operator.history.model import (
    NEWEST,
    PAGE_DEFAULT,
    PAGE_MAX,
    Filter,
    Line,
    read_cursor,
)
from jiaozi.operator.http.access import Access
from jiaozi.operator.http.models import (
    NUMBER,
    EntryView,
    HistoryView,
    OutcomeDocument,
    WalletView,
    hex_or_none,
)
from jiaozi.operator.wiring import Operator
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import SETTLED, Code, Refusal

Number = Annotated[str, Path(pattern=r"^[0-9]{16}$", examples=[NUMBER])]
OrderIdHex = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
TimeMs = Annotated[int | None, Query(ge=0, lt=2**48)]
_LIMITS = (
    "balance_cap_fen",
    "single_limit_fen",
    "day_limit_fen",
    "year_limit_fen",
    "second_factor_above_fen",
)


def wallet_routes(operator: Operator, access: Access) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1/wallets/{number}", tags=["wallets"])

    @router.get("")
    async def wallet(request: Request, number: Number) -> WalletView:
        """Show balance, class and limits, as the registry holds them now."""
        own = await access.of_wallet_numbered(request, number)
        record = await operator.registry.account(own.number)
        return WalletView(
            number=number,
            wallet_class=record["wallet_class"],
            holder=own.holder.name.lower(),
            public_key=own.public_key.hex(),
            balance_fen=record["balance_fen"],
            day_spent_fen=record["day_spent_fen"],
            year_spent_fen=record["year_spent_fen"],
            limits={name: record[name] for name in _LIMITS},
            closed=record["closed"],
            freezes=record["freezes"],
        )

    @router.get("/outcomes/{order_id}")
    async def outcome(request: Request, number: Number, order_id: OrderIdHex) -> OutcomeDocument:
        """Tell what became of an order, with the registry's latest signed header."""
        own = await access.of_wallet_numbered(request, number)
        found = await operator.registry.outcome(own.number, bytes.fromhex(order_id))
        return found.document

    @router.get("/receipts/{order_id}", response_class=Response)
    async def receipt(request: Request, number: Number, order_id: OrderIdHex) -> Response:
        """Give the receipt of an order that this wallet paid or was paid by."""
        own = await access.of_wallet_numbered(request, number)
        data = await _receipt(operator, own.number, bytes.fromhex(order_id))
        return Response(data, media_type="application/cbor")

    @router.get("/history")
    async def history(
        request: Request,
        number: Number,
        after: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT,
        from_ms: TimeMs = None,
        to_ms: TimeMs = None,
        order_type: Annotated[
            Literal["payment", "exchange", "redeem"] | None, Query(alias="type")
        ] = None,
        direction: Literal["in", "out"] | None = None,
    ) -> HistoryView:
        """Show what moved in and out, newest first, from `from_ms` up to before `to_ms`."""
        own = await access.of_wallet_numbered(request, number)
        wanted = Filter(
            from_ms=from_ms,
            to_ms=to_ms,
            order_type=None if order_type is None else OrderType[order_type.upper()],
            incoming=None if direction is None else direction == "in",
        )
        place = NEWEST if after is None else read_cursor(after)
        page = await operator.read_history(own.number, place, wanted, limit)
        return HistoryView(
            entries=[_entry(each) for each in page.lines],
            next=None if page.next is None else str(page.next),
        )

    return router


async def _receipt(operator: Operator, wallet: int, order_id: bytes) -> bytes:
    """Fetch a receipt: of the wallet's own order, else of one that paid it."""
    try:
        return await operator.registry.receipt(wallet, order_id, wallet)
    except Refusal as refusal:
        if refusal.code is not Code.NOT_FOUND:
            raise
        payer = await operator.read_history.payer(wallet, order_id)
        if payer is None:
            raise
    return await operator.registry.receipt(payer, order_id, wallet)


def _entry(line: Line) -> EntryView:
    return EntryView(
        cursor=str(line.cursor),
        order_id=line.order_id.hex(),
        identity=line.identity.hex(),
        type=OrderType(line.order_type).name.lower(),
        direction="in" if line.incoming else "out",
        counterparty=format_number(line.counterparty),
        amount_fen=line.amount_fen,
        state="settled" if line.outcome is None else "refused",
        outcome=list(line.outcome or SETTLED),
        time_ms=line.time_ms,
        height=line.height,
        position=line.position,
        reference=hex_or_none(line.reference),
        link=hex_or_none(line.link),
    )
