"""Routes by which a holder sees what is held on it, and who looked."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import StreamingResponse

from jiaozi.operator.http.access import Access
from jiaozi.operator.http.models import NUMBER, AccessesView, AccessView
from jiaozi.operator.http.wallets import Number
from jiaozi.operator.privacy import access as accesses
from jiaozi.operator.privacy.access import HOLDER, Purpose
from jiaozi.operator.wiring import Operator

_PAGE_MAX = 500
_NEWEST = 2**63 - 1
_EXPORT: dict[str, Any] = {
    "format": "jiaozi-export/1",
    "made_ms": 1_792_425_600_000,
    "wallets": [NUMBER],
    "tables": {"evidence": [{"kind": "phone", "personal": {"phone": "+8613800138000"}}]},
}
_EXPORT_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Rows by table, streamed; sealed records with their `personal` data.",
        "content": {"application/json": {"schema": {"type": "object"}, "example": _EXPORT}},
    }
}


def privacy_routes(operator: Operator, access: Access) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1/wallets/{number}", tags=["privacy"])

    @router.get("/export", response_class=StreamingResponse, responses=_EXPORT_RESPONSES)
    async def export(request: Request, number: Number) -> StreamingResponse:
        """Give everything that is held on this wallet and was shown for it."""
        own = await access.of_wallet_numbered(request, number)
        reason = accesses.Access(actor=HOLDER, purpose=Purpose.SHOW_HOLDER, wallet=own.number)
        pieces = await operator.export_person.of_wallet(own.number, reason)
        return StreamingResponse(pieces, media_type="application/json")

    @router.get("/accesses")
    async def list_accesses(
        request: Request,
        number: Number,
        before: Annotated[int, Query(ge=1, le=_NEWEST)] = _NEWEST,
        limit: Annotated[int, Query(ge=1, le=_PAGE_MAX)] = 100,
    ) -> AccessesView:
        """Tell who opened this wallet's sealed records, when and why, newest first."""
        own = await access.of_wallet_numbered(request, number)
        async with operator.database.connection() as connection:
            page = await accesses.accesses(connection, own.number, before, limit)
        return AccessesView(
            accesses=[AccessView(**each._asdict()) for each in page],
            next=page[-1].id if len(page) == limit else None,
        )

    return router
