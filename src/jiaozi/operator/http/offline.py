"""Routes of the desk for offline devices: a wallet's own, and anonymous ones.

Bodies and answers are the messages of `jiaozi.protocol.offline` as they are. What devices hand in
comes by routes of its own (`jiaozi.operator.http.offline_logs`).
"""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from jiaozi.operator.http.access import Access
from jiaozi.operator.http.wallets import Number
from jiaozi.operator.offline.model import DeviceState
from jiaozi.operator.offline.read_devices import DEVICES_MAX, KnownDevice
from jiaozi.operator.wallets.model import OrderState
from jiaozi.operator.wiring import Operator
from jiaozi.protocol import cbor
from jiaozi.protocol.issue_codes import CODE_LENGTH
from jiaozi.protocol.offline.enrolment import ENROLMENT_BYTES_MAX
from jiaozi.protocol.orders import ORDER_BYTES_MAX, SUBMISSION_BYTES_MAX
from jiaozi.protocol.refusals import Code, refusal_of, refuse
from jiaozi.service.dispatch import source_in
from jiaozi.service.network_examples import (
    CHAIN,
    CLAIM,
    COUNTERSIGNED_CLAIM,
    DEVICE_KEY,
    ENROLMENT,
    ISSUE_CODE,
    LOAD,
    TIME_AND_FRAMES,
)
from jiaozi.service.openapi import ORDER_SHAPE, ORDER_WINDOW, may_refuse, raw_answer, raw_content

CBOR = "application/cbor"
KeyHex = Annotated[str, Path(pattern=r"^([0-9a-f]{2}){1,65}$", examples=[DEVICE_KEY.hex()])]
_ANONYMOUS_BYTES_MAX = ENROLMENT_BYTES_MAX + 16
LoadNumber = Annotated[int, Path(ge=1, lt=2**63, examples=[1])]

_ENROLMENT = (
    *ORDER_SHAPE,
    Code.SIGNATURE_INVALID,
    Code.NOT_SERVED,
    Code.DEVICE_LIMITS_TOO_HIGH,
    Code.DEVICE_KNOWN,
    Code.GUARANTEE_INSUFFICIENT,
)
_CLAIM = (*ORDER_SHAPE, *ORDER_WINDOW)


class DeviceView(BaseModel):
    """A device as the registry has it now; null is what is not known before it is enrolled."""

    device: Annotated[str, Field(examples=[DEVICE_KEY.hex()])]
    profile: Annotated[str, Field(examples=["card"])]
    state: DeviceState
    balance_cap_fen: int | None
    shadow_fen: Annotated[
        int | None, Field(description="What it holds, as far as payments were handed in.")
    ]
    loads: int | None
    payments: int | None
    not_after_ms: int | None
    revoked_ms: int | None
    claim_from_ms: Annotated[
        int | None, Field(description="When what is left of a revoked device may be claimed.")
    ]


class DevicesView(BaseModel):
    """The devices of a wallet, the oldest first."""

    devices: Annotated[list[DeviceView], Field(max_length=DEVICES_MAX)]


def offline_routes(operator: Operator, access: Access) -> tuple[APIRouter, APIRouter]:
    """Return the routes: of a wallet's devices, and of whoever has a payment or a log."""
    return _device_routes(operator, access), _public_routes(operator)


def _device_routes(operator: Operator, access: Access) -> APIRouter:
    router = APIRouter(prefix="/v1/wallets/{number}/devices", tags=["offline"])
    desk = operator.desk

    @router.post("", **_raw("The certificates", CHAIN, ENROLMENT, *_ENROLMENT, status=201))
    async def enrol(request: Request, number: Number) -> Response:
        """Enrol a device of this wallet; the same request again gives the same certificates."""
        own = await access.of_wallet_numbered(request, number)
        chain = await desk.enrol(await request.body(), own.number)
        return Response(cbor.encode(chain.parts), media_type=CBOR, status_code=201)

    @router.get("")
    async def devices(request: Request, number: Number) -> DevicesView:
        """List the devices of this wallet."""
        own = await access.of_wallet_numbered(request, number)
        return DevicesView(
            devices=[_view(each) for each in await desk.read_devices.all_of(own.number)]
        )

    @router.get("/{device}")
    async def device(request: Request, number: Number, device: KeyHex) -> DeviceView:
        """Show one device of this wallet."""
        own = await access.of_wallet_numbered(request, number)
        return _view(await desk.read_devices.one_of(own.number, bytes.fromhex(device)))

    @router.get(
        "/{device}/loads/{load}",
        response_class=Response,
        responses=raw_answer(CBOR, "The load", LOAD),
    )
    async def load(request: Request, number: Number, device: KeyHex, load: LoadNumber) -> Response:
        """Give a load that this wallet paid for, once it settled: the same bytes for ever."""
        own = await access.of_wallet_numbered(request, number)
        message = await desk.give_load(own.number, bytes.fromhex(device), load)
        return Response(message, media_type=CBOR)

    @router.post("/{device}/revocation", openapi_extra=may_refuse(Code.EXPIRED))
    async def revoke(request: Request, number: Number, device: KeyHex) -> DeviceView:
        """Revoke a device that is lost; a revoked one is shown as it is."""
        own = await access.of_wallet_numbered(request, number)
        key = bytes.fromhex(device)
        known = await desk.read_devices.one_of(own.number, key)
        if known.known is not None and known.known.revoked_ms is None:
            order = await desk.revoke(key)
            if order.state is OrderState.SENT:
                raise refuse(Code.UNKNOWN)
            refusal = None if order.outcome is None else refusal_of(order.outcome)
            if refusal is not None:
                raise refusal
            known = await desk.read_devices.one_of(own.number, key)
        return _view(known)

    @router.post("/{device}/claims", **_raw("Its COSE_Sign", COUNTERSIGNED_CLAIM, CLAIM, *_CLAIM))
    async def claim(request: Request, number: Number, device: KeyHex) -> Response:
        """Sign a claim on what is left of a revoked device; it is sent like any other order."""
        own = await access.of_wallet_numbered(request, number)
        await desk.read_devices.one_of(own.number, bytes.fromhex(device))
        payload, legs = _claim(await request.body())
        signed = desk.sign_claim(own, bytes.fromhex(device), payload, legs)
        return Response(signed, media_type=CBOR)

    return router


def _public_routes(operator: Operator) -> APIRouter:
    router = APIRouter(prefix="/v1/offline", tags=["offline"])
    desk = operator.desk

    body = cbor.encode([ISSUE_CODE, ENROLMENT])

    @router.post(
        "/devices",
        **_raw("The certificates", CHAIN, body, *_ENROLMENT, Code.CODE_WRONG, status=201),
    )
    async def enrol(request: Request) -> Response:
        """Enrol an anonymous card: its issue code, or null when it was enrolled, and what it says.

        The same request again gives the same certificates.
        """
        operator.limits.take_device(source_in(request.scope))
        issue_code, message = _anonymous(await request.body())
        chain = await desk.enrol(message, None, issue_code=issue_code)
        return Response(cbor.encode(chain.parts), media_type=CBOR, status_code=201)

    @router.get(
        "/revocations",
        response_class=Response,
        responses=raw_answer(CBOR, "A time message, and frames", TIME_AND_FRAMES),
    )
    async def revocations(
        request: Request,
        after: Annotated[int, Query(ge=0, lt=2**63, description="Number that is known.")] = 0,
    ) -> Response:
        """Give the registry's time, and the revocation list after a number."""
        operator.limits.addresses.take(source_in(request.scope))
        time_message = await desk.authority.time_message()
        frames = await operator.registry.revocations(after)
        return Response(cbor.encode([time_message, frames]), media_type=CBOR)

    return router


def _raw(
    description: str, answer: bytes, body: bytes, *codes: Code, status: int = 200
) -> dict[str, Any]:
    """Describe a route whose body and answer are messages."""
    content = {"requestBody": {"required": True, "content": raw_content(CBOR, body.hex())}}
    [described] = raw_answer(CBOR, description, answer).values()
    return {
        "status_code": status,
        "response_class": Response,
        "responses": {status: described},
        "openapi_extra": {**content, **may_refuse(*codes)},
    }


def _view(device: KnownDevice) -> DeviceView:
    known = device.known
    figures = {name: None if known is None else getattr(known, name) for name in _FIGURES}
    return DeviceView(
        device=device.record.key.hex(),
        profile=device.record.profile.name.lower(),
        state=device.state,
        claim_from_ms=device.claim_from_ms,
        **figures,
    )


_FIGURES = ("balance_cap_fen", "shadow_fen", "loads", "payments", "not_after_ms", "revoked_ms")


def _anonymous(body: bytes) -> tuple[bytes | None, bytes]:
    """Read the issue code and the enrolment of an anonymous device.

    Raises:
        Refusal: As `_decoded`, or ``malformed``.
    """
    match _decoded(body, _ANONYMOUS_BYTES_MAX):
        case [None, bytes(message)]:
            return None, message
        case [bytes(issue_code), bytes(message)] if len(issue_code) == CODE_LENGTH:
            return issue_code, message
        case _:
            raise refuse(Code.MALFORMED, "body")


def _claim(body: bytes) -> tuple[bytes, list[bytes]]:
    """Read payload and legs of a claim.

    Raises:
        Refusal: As `_decoded`, or ``malformed``.
    """
    match _decoded(body, SUBMISSION_BYTES_MAX):
        case [bytes(payload), [bytes(leg)]] if len(payload) <= ORDER_BYTES_MAX:
            return payload, [leg]
        case _:
            raise refuse(Code.MALFORMED, "body")


def _decoded(body: bytes, size_max: int) -> object:
    """Decode a body of canonical CBOR.

    Raises:
        Refusal: ``too_large`` or ``not_canonical``.
    """
    if len(body) > size_max:
        raise refuse(Code.TOO_LARGE, "body", size_max)
    try:
        return cbor.decode(body, size_max=size_max)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "body") from None
