"""Routes for platforms that know a sub-wallet by a token: ask it to be paid."""

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request

from jiaozi.operator.http.access import Access
from jiaozi.operator.http.bodies import RequestBody
from jiaozi.operator.http.models import IdHex
from jiaozi.operator.http.wallets import Number
from jiaozi.operator.wiring import Operator
from jiaozi.protocol.payment_request import TEXT_CHARACTERS_MAX
from jiaozi.protocol.refusals import Code
from jiaozi.service.openapi import may_refuse

_PUT = (
    Code.SIGNATURE_INVALID,
    Code.NOT_CANONICAL,
    Code.SUITE_UNSUPPORTED,
    Code.TOO_LARGE,
    Code.EXPIRED,
    Code.WALLET_UNKNOWN,
)


class DemandBody(RequestBody):
    """A payment request without a note, and the token of the sub-wallet that shall pay it."""

    token: IdHex
    request: Annotated[
        str, Field(max_length=TEXT_CHARACTERS_MAX, description="As the payee's wallet signed it")
    ]


class DemandView(BaseModel):
    """The request waits for the holder, who pays it or does not."""

    waits: bool = True


class DemandsView(BaseModel):
    """The requests that wait for this wallet, those that expire first first."""

    requests: list[str]


def demand_routes(operator: Operator, access: Access) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1", tags=["payments"])

    @router.post("/demands", status_code=202, openapi_extra=may_refuse(*_PUT))
    async def put(body: DemandBody) -> DemandView:
        """Ask a sub-wallet, by a platform's token, to pay the platform's signed request."""
        await operator.demands.put(bytes.fromhex(body.token), body.request)
        return DemandView()

    @router.get("/wallets/{number}/demands")
    async def demands(request: Request, number: Number) -> DemandsView:
        """List what platforms ask this wallet to pay."""
        own = await access.of_wallet_numbered(request, number)
        return DemandsView(requests=await operator.demands.listed(own.number))

    return router
