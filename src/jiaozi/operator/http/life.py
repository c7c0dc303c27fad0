"""Routes for a wallet's life: what happened to it, and a new key for a lost one."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from jiaozi.operator.http.access import Access
from jiaozi.operator.http.evidence import EvidenceBody
from jiaozi.operator.http.models import NUMBER
from jiaozi.operator.life import store
from jiaozi.operator.life.model import RebindRecord
from jiaozi.operator.life.rebind import RebindRequest
from jiaozi.operator.wiring import Operator
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.openapi import may_refuse

EVENTS_MAX = 100
_EXAMPLE_KEY = "d7" * 32
_REBIND = (
    Code.SUITE_UNSUPPORTED,
    Code.SIGNER_FOREIGN,
    Code.EVIDENCE_INSUFFICIENT,
    Code.CODE_WRONG,
    Code.REBIND_NOT_PROVEN,
)

_ADOPTION = (
    Code.WALLET_UNKNOWN,
    Code.ACCOUNT_CLOSED,
    Code.EVIDENCE_INSUFFICIENT,
    Code.CODE_WRONG,
    Code.NOT_SERVED,
    Code.SIGNATORY_NEEDED,
)

Number = Annotated[str, Path(pattern=r"^[0-9]{16}$", examples=[NUMBER])]


class RebindBody(BaseModel, extra="forbid"):
    """Proof of who lost a key; the request is signed with the new one."""

    registration_id: UUID
    code: Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["493028"], repr=False)]
    suite: Annotated[int, Field(strict=True, examples=[-8])]
    public_key: Annotated[str, Field(pattern=r"^([0-9a-f]{2}){1,65}$", examples=[_EXAMPLE_KEY])]
    evidence: EvidenceBody = Field(default_factory=EvidenceBody)


class RebindView(BaseModel):
    """Where a rebind stands; it completes by itself when the wait is over and nobody objected."""

    rebind_id: UUID
    state: Literal["requested", "waiting", "objected", "completed", "ended"]
    completes_ms: int | None
    outcome: list[int] | None = Field(description="why the registry refused it, if it did")


class AdoptionBody(BaseModel, extra="forbid"):
    """Who the holder of a failed operator's wallet is; the request is signed with its key."""

    registration_id: UUID
    code: Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["493028"], repr=False)]
    evidence: EvidenceBody = Field(default_factory=EvidenceBody)


class AdoptionView(BaseModel):
    """A wallet whose holder is known here from now on."""

    number: str = Field(examples=[NUMBER])
    wallet_class: int = Field(examples=[4])


class EventView(BaseModel):
    """Something that was settled about the wallet beside its money."""

    type: str = Field(examples=["holder_freeze"])
    order_id: str
    time_ms: int
    height: int
    position: int


class EventsView(BaseModel):
    """A page of events, newest first."""

    events: list[EventView]


def life_routes(operator: Operator, access: Access) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1/wallets/{number}", tags=["wallets"])

    @router.post("/rebinds", status_code=202, openapi_extra=may_refuse(*_REBIND))
    async def ask(request: Request, number: Number, body: RebindBody) -> RebindView:
        """Ask for a new key after the old one was lost; the same request again is the same."""
        key = await access.of_new_key(request)
        if body.public_key != key.hex():
            raise refuse(Code.SIGNER_FOREIGN)
        wanted = RebindRequest(
            wallet=int(number),
            suite=body.suite,
            public_key=key,
            evidence=body.evidence.evidence(),
        )
        return _view(await operator.rebind(body.registration_id, body.code, wanted))

    @router.get("/rebinds/{rebind_id}")
    async def rebind(request: Request, number: Number, rebind_id: UUID) -> RebindView:
        """Tell where a rebind stands, to whoever holds the new key."""
        key = await access.of_new_key(request)
        return _view(await operator.rebind.find(rebind_id, key))

    @router.post("/adoptions", status_code=201, openapi_extra=may_refuse(*_ADOPTION))
    async def adopt(request: Request, number: Number, body: AdoptionBody) -> AdoptionView:
        """Take over the wallet of a failed operator; the same request again is the same."""
        key = await access.of_new_key(request)
        adopted = await operator.adopt(
            int(number), key, body.registration_id, body.code, body.evidence.evidence()
        )
        return AdoptionView(number=number, wallet_class=adopted.wallet_class)

    @router.get("/life")
    async def life(
        request: Request,
        number: Number,
        before_height: Annotated[int, Query(ge=0, lt=2**63)] = 2**63 - 1,
        before_position: Annotated[int, Query(ge=0, lt=2**31)] = 0,
        limit: Annotated[int, Query(ge=1, le=EVENTS_MAX)] = EVENTS_MAX,
    ) -> EventsView:
        """Show what was settled about a wallet: freezes, limits, keys, mandates, newest first."""
        own = await access.of_wallet_numbered(request, number)
        async with operator.database.connection() as connection:
            before = (before_height, before_position)
            found = await store.events(connection, own.number, before, limit)
        return EventsView(
            events=[
                EventView(
                    type=OrderType(each.order_type).name.lower(),
                    order_id=each.order_id.hex(),
                    time_ms=each.time_ms,
                    height=each.height,
                    position=each.position,
                )
                for each in found
            ]
        )

    return router


def _view(record: RebindRecord) -> RebindView:
    return RebindView(
        rebind_id=record.id,
        state=record.state.value,
        completes_ms=record.completes_ms,
        outcome=None if record.outcome is None else list(record.outcome),
    )
