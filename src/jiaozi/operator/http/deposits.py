"""Routes between deposits and digital yuan."""

import base64

from fastapi import APIRouter
from starlette.requests import Request

from jiaozi.operator.customers.model import read_phone
from jiaozi.operator.deposits.ledger import LedgerCore
from jiaozi.operator.deposits.model import Deposit
from jiaozi.operator.exchange.model import Exchange, Redemption
from jiaozi.operator.http.access import Access
from jiaozi.operator.http.models import (
    DepositsView,
    DepositView,
    ExchangeBody,
    FundingBody,
    RedemptionBody,
    SagaView,
    WaterfallBody,
    hex_or_none,
    refusal_view,
)
from jiaozi.operator.http.wallets import Number
from jiaozi.operator.wallets.model import Wallet
from jiaozi.operator.waterfall.store import choose_deposit
from jiaozi.operator.wiring import Operator
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.openapi import ORDER_SHAPE, ORDER_WINDOW, may_refuse

_EXCHANGE = (
    Code.AMOUNT_OUT_OF_RANGE,
    Code.DEPOSIT_INSUFFICIENT,
    Code.DEPOSIT_UNKNOWN,
    Code.ALREADY_USED,
)
_REDEMPTION = (
    *ORDER_SHAPE,
    *ORDER_WINDOW,
    Code.SIGNATURE_INVALID,
    Code.SIGNER_FOREIGN,
    Code.DEPOSIT_UNKNOWN,
    Code.ALREADY_USED,
)


def deposit_routes(operator: Operator, access: Access) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", tags=["deposits"])

    async def check_deposit(wallet: Wallet, deposit_id: str) -> None:
        own = await operator.deposits_of(wallet.number)
        if deposit_id not in {each.deposit_id for each in own}:
            raise refuse(Code.DEPOSIT_UNKNOWN)

    @router.get("/deposits")
    async def deposits(request: Request) -> DepositsView:
        """List the deposit accounts of the wallet's holder."""
        wallet = await access.of_wallet(request)
        own = await operator.deposits_of(wallet.number)
        return DepositsView(deposits=[_deposit(each) for each in own])

    @router.post("/wallets/{number}/exchanges", openapi_extra=may_refuse(*_EXCHANGE))
    async def exchange(request: Request, number: Number, body: ExchangeBody) -> SagaView:
        """Exchange a deposit into this wallet, 1:1; the same id again exchanges once."""
        wallet = await access.of_wallet_numbered(request, number)
        await check_deposit(wallet, body.deposit_id)
        done = await operator.exchange(
            wallet.number, bytes.fromhex(body.exchange_id), body.deposit_id, body.amount_fen
        )
        return _saga(done)

    @router.post("/wallets/{number}/redemptions", openapi_extra=may_refuse(*_REDEMPTION))
    async def redeem(request: Request, number: Number, body: RedemptionBody) -> SagaView:
        """Redeem into a deposit, 1:1; the same order again redeems once."""
        wallet = await access.of_wallet_numbered(request, number)
        await check_deposit(wallet, body.deposit_id)
        return _saga(await operator.redeem(wallet, _submission(body), body.deposit_id))

    @router.put("/wallets/{number}/waterfall", openapi_extra=may_refuse(Code.DEPOSIT_UNKNOWN))
    async def direct(request: Request, number: Number, body: WaterfallBody) -> WaterfallBody:
        """Choose the deposit that is credited with what is redeemed above the balance cap.

        It is redeemed once the holder consents, by an order of the wallet's.
        """
        wallet = await access.of_wallet_numbered(request, number)
        await check_deposit(wallet, body.deposit_id)
        async with operator.database.connection() as connection:
            await choose_deposit(
                connection, wallet.number, body.deposit_id, now_ms=operator.now_ms()
            )
        return body

    return router


def demo_routes(core: LedgerCore) -> APIRouter:
    """Return the routes that exist in demo mode only."""
    router = APIRouter(prefix="/v1/demo", tags=["demo"])

    @router.post("/deposits", status_code=201)
    async def fund(body: FundingBody) -> DepositView:
        """Open a deposit account with money in it for a phone."""
        deposit_id = await core.open_funded(read_phone(body.phone), body.amount_fen)
        return DepositView(deposit_id=deposit_id, available_fen=body.amount_fen, held_fen=0)

    return router


def _submission(body: RedemptionBody) -> bytes:
    try:
        return base64.b64decode(body.submission, validate=True)
    except ValueError:
        raise refuse(Code.MALFORMED, "body.submission") from None


def _deposit(deposit: Deposit) -> DepositView:
    return DepositView(
        deposit_id=deposit.deposit_id,
        available_fen=deposit.available_fen,
        held_fen=deposit.held_fen,
    )


def _saga(saga: Exchange | Redemption) -> SagaView:
    told = saga.told
    return SagaView(
        state=saga.progress.value,
        amount_fen=saga.amount_fen,
        deposit_id=saga.deposit_id,
        order_id=hex_or_none(saga.order.id if saga.order else None),
        outcome=list(told.outcome) if told else None,
        height=told.height if told else None,
        position=told.position if told else None,
        refusal=refusal_view(told.outcome) if told else None,
    )
