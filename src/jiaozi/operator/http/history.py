"""Routes for a wallet's history: search, page by page, and sums."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from jiaozi.operator.history.model import (
    NEWEST,
    PAGE_DEFAULT,
    PAGE_MAX,
    Filter,
    Shown,
    Sum,
    read_cursor,
)
from jiaozi.operator.http.access import Access
from jiaozi.operator.http.models import (
    EntryView,
    HistoryView,
    SumsView,
    SumView,
    hex_or_none,
)
from jiaozi.operator.http.wallets import Number
from jiaozi.operator.wiring import Operator
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import SETTLED

_TimeMs = Annotated[int | None, Query(ge=0, lt=2**48)]
_Hash = Annotated[str | None, Query(pattern=r"^[0-9a-f]{64}$")]


def _filter(
    from_ms: _TimeMs = None,
    to_ms: _TimeMs = None,
    order_type: Annotated[
        Literal["payment", "exchange", "redeem", "mandate_payment", "sweep"] | None,
        Query(alias="type"),
    ] = None,
    direction: Literal["in", "out"] | None = None,
    counterparty: Annotated[str | None, Query(pattern=r"^[0-9]{16}$")] = None,
    min_fen: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    max_fen: Annotated[int | None, Query(ge=1, lt=2**63)] = None,
    reference: _Hash = None,
    link: _Hash = None,
) -> Filter:
    """Read what both routes search by; `to_ms` is the first millisecond that is left out."""
    return Filter(
        from_ms=from_ms,
        to_ms=to_ms,
        order_type=None if order_type is None else OrderType[order_type.upper()],
        incoming=None if direction is None else direction == "in",
        counterparty=None if counterparty is None else int(counterparty),
        min_fen=min_fen,
        max_fen=max_fen,
        reference=None if reference is None else bytes.fromhex(reference),
        link=None if link is None else bytes.fromhex(link),
    )


_Wanted = Annotated[Filter, Depends(_filter)]


def history_routes(operator: Operator, access: Access) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1/wallets/{number}", tags=["wallets"])

    @router.get("/history")
    async def history(
        request: Request,
        number: Number,
        wanted: _Wanted,
        after: Annotated[str | None, Query(max_length=64)] = None,
        limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = PAGE_DEFAULT,
    ) -> HistoryView:
        """Show what moved in and out, newest first, from `from_ms` up to before `to_ms`."""
        own = await access.of_wallet_numbered(request, number)
        place = NEWEST if after is None else read_cursor(after)
        page = await operator.read_history(own.number, place, wanted, limit)
        return HistoryView(
            entries=[_entry(each) for each in page.lines],
            next=None if page.next is None else str(page.next),
        )

    @router.get("/sums")
    async def sums(request: Request, number: Number, wanted: _Wanted) -> SumsView:
        """Sum up what settled, by type and direction, from `from_ms` up to before `to_ms`."""
        own = await access.of_wallet_numbered(request, number)
        found = await operator.read_history.sums(own.number, wanted)
        return SumsView(
            sums=[_sum(each) for each in found],
            incoming_fen=sum(each.amount_fen for each in found if each.incoming),
            outgoing_fen=sum(each.amount_fen for each in found if not each.incoming),
        )

    return router


def _sum(found: Sum) -> SumView:
    return SumView(
        type=OrderType(found.order_type).name.lower(),
        direction="in" if found.incoming else "out",
        amount_fen=found.amount_fen,
        entries=found.entries,
    )


def _entry(shown: Shown) -> EntryView:
    line = shown.line
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
        returned_fen=shown.returned_fen,
    )
