"""Routes for a wallet about itself: figures, outcomes, receipts."""

from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from jiaozi.operator.http.access import Access
from jiaozi.operator.http.models import (
    NUMBER,
    OutcomeDocument,
    WalletView,
)
from jiaozi.operator.wiring import Operator
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.service.network_examples import RECEIPT
from jiaozi.service.openapi import raw_answer

Number = Annotated[str, Path(pattern=r"^[0-9]{16}$", examples=[NUMBER])]
OrderIdHex = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$")]
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

    @router.get(
        "/receipts/{order_id}",
        response_class=Response,
        responses=raw_answer("application/cbor", "The receipt", RECEIPT),
    )
    async def receipt(request: Request, number: Number, order_id: OrderIdHex) -> Response:
        """Give the receipt of an order that this wallet paid or was paid by."""
        own = await access.of_wallet_numbered(request, number)
        data = await _receipt(operator, own.number, bytes.fromhex(order_id))
        return Response(data, media_type="application/cbor")

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
