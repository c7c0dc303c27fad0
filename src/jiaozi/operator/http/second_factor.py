"""Routes of the second factor: set a PIN, reset a forgotten one, have an order countersigned."""

import base64
import binascii
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request

from jiaozi.operator.http.access import Access
from jiaozi.operator.http.bodies import RequestBody
from jiaozi.operator.http.evidence import EvidenceBody
from jiaozi.operator.http.models import IdHex
from jiaozi.operator.http.wallets import Number
from jiaozi.operator.second_factor.reset_pin import Proof
from jiaozi.operator.wiring import Operator
from jiaozi.protocol.legs import LEG_BYTES_MAX
from jiaozi.protocol.order_types import LEGS_MAX
from jiaozi.protocol.orders import ORDER_BYTES_MAX
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.openapi import ORDER_SHAPE, ORDER_WINDOW, may_refuse

PinDigits = Annotated[str, Field(max_length=64, examples=["602817"], repr=False)]
_PAYLOAD_CHARACTERS_MAX = ORDER_BYTES_MAX * 4 // 3 + 4
_COMPARED = (Code.PIN_WRONG, Code.PIN_LOCKED, Code.PIN_MISSING)
_COUNTERSIGNED = (
    *ORDER_SHAPE,
    *ORDER_WINDOW,
    *_COMPARED,
    Code.NOT_COUNTERSIGNED,
)
_RESET = (
    Code.PIN_UNFIT,
    Code.PIN_MISSING,
    Code.CODE_WRONG,
    Code.EVIDENCE_INSUFFICIENT,
    Code.REBIND_NOT_PROVEN,
)
_LEG_CHARACTERS_MAX = LEG_BYTES_MAX * 4 // 3 + 4


class PinBody(RequestBody):
    """A new PIN, with the present one if there is one; the same id again changes nothing."""

    change_id: IdHex
    pin: PinDigits
    old_pin: Annotated[str | None, Field(max_length=64, examples=["719305"], repr=False)] = None


class PinView(BaseModel):
    """The wallet has a PIN."""

    is_set: bool = True


class PinResetBody(RequestBody):
    """A new PIN for a forgotten one, and who asks; the same id again changes nothing."""

    change_id: IdHex
    pin: PinDigits
    registration_id: UUID
    code: Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["493028"], repr=False)]
    evidence: EvidenceBody = Field(default_factory=EvidenceBody)


class PinResetView(BaseModel):
    """When the new PIN takes effect, unless the present one is given before."""

    due_ms: int


class CountersigningBody(RequestBody):
    """An order that the wallet will sign and send, and the PIN for this very order."""

    payload: Annotated[
        str, Field(max_length=_PAYLOAD_CHARACTERS_MAX, description="base64 of what is signed")
    ]
    legs: Annotated[
        list[Annotated[str, Field(max_length=_LEG_CHARACTERS_MAX)]],
        Field(default_factory=list, max_length=LEGS_MAX, description="base64 of each leg"),
    ]
    pin: PinDigits


class CountersignatureView(BaseModel):
    """The operator's signature: a COSE_Sign of the payload that lacks the wallet's own."""

    countersignature: Annotated[str, Field(description="base64 of the COSE_Sign")]


def second_factor_routes(operator: Operator, access: Access) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1/wallets/{number}", tags=["second factor"])

    @router.post("/pin", openapi_extra=may_refuse(*_COMPARED, Code.PIN_UNFIT, Code.PIN_EXISTS))
    async def set_pin(request: Request, number: Number, body: PinBody) -> PinView:
        """Set a PIN: the first at any time, another one with the present one."""
        own = await access.of_wallet_numbered(request, number)
        await operator.set_pin(
            own.number, bytes.fromhex(body.change_id), new=body.pin, old=body.old_pin
        )
        return PinView()

    @router.post("/pin-resets", status_code=202, openapi_extra=may_refuse(*_RESET))
    async def reset_pin(request: Request, number: Number, body: PinResetBody) -> PinResetView:
        """Ask for another PIN in place of a forgotten one: by key, phone and evidence, in a day."""
        own = await access.of_wallet_numbered(request, number)
        proof = Proof(
            registration_id=body.registration_id,
            code=body.code,
            evidence=body.evidence.evidence(),
        )
        change_id = bytes.fromhex(body.change_id)
        return PinResetView(due_ms=await operator.reset_pin(own, change_id, body.pin, proof))

    @router.post("/countersignatures", openapi_extra=may_refuse(*_COUNTERSIGNED))
    async def countersign(
        request: Request, number: Number, body: CountersigningBody
    ) -> CountersignatureView:
        """Sign an order of this wallet too, after its PIN; it is sent like any other then."""
        own = await access.of_wallet_numbered(request, number)
        signed = await operator.countersign(
            own,
            _bytes(body.payload, "body.payload"),
            [_bytes(each, "body.legs") for each in body.legs],
            body.pin,
        )
        return CountersignatureView(countersignature=base64.b64encode(signed).decode())

    return router


def _bytes(text: str, field: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise refuse(Code.MALFORMED, field) from None
