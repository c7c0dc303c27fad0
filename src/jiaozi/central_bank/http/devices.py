"""Devices that pay without network: what an operator reads of its own, and the revocation list."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from jiaozi.central_bank.http.access import Access
from jiaozi.central_bank.http.examples import REVOCATIONS
from jiaozi.central_bank.registry import device_store
from jiaozi.central_bank.registry.devices import Enrolled
from jiaozi.central_bank.registry.revocation_frames import RevocationFrames
from jiaozi.central_bank.registry.writer import Writer
from jiaozi.protocol import cbor, numbers
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.openapi import raw_answer
from jiaozi.storage.database import Database

_KEY = "22bd6a1a15bd78c94f0f04b3ab36b1b0bd98a9c4b4f8a9a0f4b5de5c1cd5d4d1"
_CBOR_SEQUENCE = "application/cbor-seq"

DeviceKey = Annotated[str, Path(pattern=r"^([0-9a-f]{2}){1,65}$", examples=[_KEY])]


class DeviceView(BaseModel):
    """A device as the registry knows it: what it saw of its money, and whether it may go on."""

    key: str = Field(examples=[_KEY])
    suite: int = Field(examples=[-8])
    operator: str = Field(description="who certified it and answers for it", examples=["1001"])
    wallet: str | None = Field(description="it was enrolled from; null: anonymous")
    profile: int = Field(description="1 card, 2 software, 3 tap, 4 terminal", examples=[1])
    generation: int = Field(examples=[1])
    not_after_ms: int = Field(description="end of its certificate; 0: nobody enrolled it")
    balance_cap_fen: int = Field(examples=[100_000])
    shadow_fen: int = Field(
        description="loaded and received, less what it paid; below zero: not all has surfaced",
        examples=[12_345],
    )
    loads: int = Field(description="number of the last load", examples=[2])
    payments: int = Field(description="how many of its payments are recorded", examples=[7])
    revoked: int | None = Field(description="its number in the revocation list")
    revoked_ms: int | None
    convicted: bool = Field(description="proven to have spent twice")
    covered_fen: int = Field(description="what its operator's guarantee paid for it", examples=[0])


class DeviceStanding(DeviceView):
    """A device and its highest counter: above the number of payments when some did not surface."""

    counter: int = Field(description="the highest under which a payment is recorded", examples=[7])


def device_routes(writer: Writer, database: Database, access: Access) -> APIRouter:
    """Return the routes of operators."""
    router = APIRouter(prefix="/v1")

    @router.get("/devices/{key}", tags=["operators"])
    async def device(request: Request, key: DeviceKey) -> DeviceStanding:
        """Show a device that the caller certified, or whose operator it carries on."""
        caller = await access.of_reader(request, Use.OPERATOR_TRANSPORT)
        public_key = bytes.fromhex(key)
        async with database.connection() as connection:
            known = await device_store.load_devices(connection, [public_key])
            found = known.get(public_key)
            if found is None or writer.control.carrier_of(found.operator) != caller.operator:
                raise refuse(Code.NOT_FOUND)
            counter = await connection.fetchval(device_store.SQL.highest_counter, public_key)
        return DeviceStanding(**device_view(found).model_dump(), counter=counter or 0)

    return router


def revocation_routes(writer: Writer, database: Database, frames: RevocationFrames) -> APIRouter:
    """Return the route of the revocation list, which anyone may read and pass on."""
    router = APIRouter(prefix="/v1", tags=["public"])

    @router.get(
        "/revocations",
        response_class=Response,
        responses=raw_answer(_CBOR_SEQUENCE, "Frames, each a byte string", REVOCATIONS),
    )
    async def revocations(after: Annotated[int, Query(ge=0, lt=2**63)] = 0) -> Response:
        """Give the next frames of the revocation list after a number; none: that is all of it."""
        control, time_ms = writer.control, writer.tip.time_ms
        async with database.connection() as connection:
            found = await frames.after(after, connection, control, time_ms)
        data = b"".join(cbor.encode(each) for each in found)
        return Response(data, media_type=_CBOR_SEQUENCE)

    return router


def device_view(device: Enrolled) -> DeviceView:
    """Return what operator and holder may see of a device."""
    return DeviceView(
        key=device.key.hex(),
        suite=device.suite,
        operator=f"{device.operator:04d}",
        wallet=None if device.wallet is None else numbers.format_number(device.wallet),
        profile=device.profile,
        generation=device.generation,
        not_after_ms=device.not_after_ms,
        balance_cap_fen=device.balance_cap_fen,
        shadow_fen=device.shadow_fen,
        loads=device.loads,
        payments=device.payments,
        revoked=device.revoked,
        revoked_ms=device.revoked_ms,
        convicted=device.convicted,
        covered_fen=device.covered_fen,
    )
