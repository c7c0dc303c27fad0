"""Routes by which a customer comes: a code to a phone, then a wallet."""

from fastapi import APIRouter
from starlette.requests import Request

from jiaozi.operator.http.access import Access
from jiaozi.operator.http.models import (
    OpeningBody,
    RegistrationBody,
    RegistrationView,
    WalletOpenedView,
)
from jiaozi.operator.wiring import Operator
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.refusals import Code
from jiaozi.service.dispatch import source_in
from jiaozi.service.openapi import may_refuse

_OPENING = (
    Code.SUITE_UNSUPPORTED,
    Code.SIGNER_FOREIGN,
    Code.EXPIRED,
    Code.ACCOUNT_EXISTS,
    Code.CLASS_UNKNOWN,
    Code.EVIDENCE_INSUFFICIENT,
    Code.CODE_WRONG,
)


def customer_routes(operator: Operator, access: Access) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", tags=["customers"])

    @router.post("/registrations", status_code=202, response_model_exclude_none=True)
    async def register(request: Request, body: RegistrationBody) -> RegistrationView:
        """Send a code to a phone."""
        source = source_in(request.scope)
        operator.limits.take_code(source)
        sent = await operator.request_code(body.phone, source)
        return RegistrationView(
            registration_id=sent.registration_id,
            expires_s=sent.expires_s,
            demo_code=sent.code if operator.demo else None,
        )

    @router.post("/wallets", status_code=201, openapi_extra=may_refuse(*_OPENING))
    async def open_wallet(request: Request, body: OpeningBody) -> WalletOpenedView:
        """Open a wallet; the same request again, newly signed, returns the same wallet."""
        key = await access.of_new_key(request)
        wallet = await operator.open_wallet(
            body.registration_id, body.code, body.wallet_request(key)
        )
        return WalletOpenedView(
            number=format_number(wallet.number),
            wallet_class=int(wallet.wallet_class),
            holder=wallet.holder.name.lower(),
            public_key=wallet.public_key.hex(),
        )

    return router
