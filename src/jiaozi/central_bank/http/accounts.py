"""What may be read of one account: by its operator, and by its holder without the operator."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field
from starlette.requests import Request

from jiaozi.central_bank.http.access import Access
from jiaozi.central_bank.http.devices import DeviceView, device_view
from jiaozi.central_bank.registry import device_store, views
from jiaozi.central_bank.registry.control import Control
from jiaozi.central_bank.registry.devices import Enrolled
from jiaozi.central_bank.registry.model import Account, calendar_at, spent
from jiaozi.central_bank.registry.writer import Writer
from jiaozi.central_bank.rulebook.model import ClassLimits
from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.order_types import OWN_LIMITS
from jiaozi.protocol.safeguards import Rebind, Safeguards
from jiaozi.storage.database import Database

NUMBER = "1001000000100009"
CARRIED_MAX = 1_000
_REBIND_FREEZES = 4
"""The authority under which a rebind's freeze is listed."""

Number = Annotated[str, Path(pattern=r"^[0-9]{16}$", examples=[NUMBER])]
Fen = Annotated[int | None, Field(examples=[500_000])]


class FreezeView(BaseModel):
    """A freeze: authority 1 holder, 2 operator, 3 central bank, 4 a rebind under way."""

    case: str | None = Field(examples=["00112233445566778899aabbccddeeff"])
    authority: int = Field(examples=[2])
    scope: int = Field(description="1 debits, 2 everything, 3 an amount", examples=[1])
    amount_fen: int = Field(examples=[0])
    since_ms: int = Field(examples=[1_790_000_000_000])


class RebindView(BaseModel):
    """A new key that waits; `completes_ms` is when it may be bound at the earliest."""

    public_key: str
    requested_ms: int
    objected_ms: int | None
    completes_ms: int
    lapses_ms: int


class WaitingView(BaseModel):
    """A change that takes effect by itself: a freeze is lifted, or own limits are replaced."""

    due_ms: int
    case: str | None
    limits: dict[str, int | None] | None


class MandateView(BaseModel):
    """What a platform's key may pay from this wallet, and has today."""

    mandate: str
    public_key: str
    payee: str
    single_limit_fen: int
    day_limit_fen: int
    expires_ms: int
    day_spent_fen: int


class AccountView(BaseModel):
    """An account as its operator and its holder may see it.

    Caps and limits are those that bind now: the lower of the account's own and its class's.
    """

    number: str = Field(examples=[NUMBER])
    operator: str = Field(description="who opened it", examples=["1001"])
    carried_by: str = Field(description="who brings its orders now", examples=["1001"])
    kind: int = Field(examples=[5])
    wallet_class: int = Field(examples=[4])
    holder: int = Field(examples=[1])
    public_key: str
    closed: bool
    freezes: int = Field(description="bit 0: debits; bit 1: everything", examples=[0])
    frozen_fen: int = Field(examples=[0])
    balance_fen: int = Field(examples=[12_345])
    day_spent_fen: int = Field(examples=[0])
    year_spent_fen: int = Field(examples=[0])
    balance_cap_fen: Fen
    single_limit_fen: Fen
    day_limit_fen: Fen
    year_limit_fen: Fen
    second_factor_above_fen: Fen
    waterfall: bool = Field(description="whether what would be above a balance cap is redeemed")
    own_limits: dict[str, int | None] = Field(description="what the holder set")
    freeze_list: list[FreezeView]
    rebind: RebindView | None
    waiting: list[WaitingView]
    mandates: list[MandateView]
    devices: list[DeviceView] = Field(description="enrolled from this wallet")


class CarriedView(BaseModel):
    """Wallets of failed operators that the caller carries, in order of number."""

    numbers: list[str]


def account_routes(writer: Writer, database: Database, access: Access) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1")

    async def view(number: str, operator: int | None) -> AccountView:
        control = writer.control
        async with database.connection() as connection:
            account, safeguards = await views.read_account(
                connection, int(number), control, operator
            )
            devices = await device_store.devices_of_wallet(connection, account.number)
        return _account_view(account, safeguards, devices, control, writer.tip.time_ms)

    @router.get("/accounts/{number}", tags=["operators"])
    async def account(request: Request, number: Number) -> AccountView:
        """Show an account that the caller carries."""
        caller = await access.of_reader(request, Use.OPERATOR_TRANSPORT)
        return await view(number, caller.operator)

    @router.get("/holder/accounts/{number}", tags=["holders"])
    async def own_account(request: Request, number: Number) -> AccountView:
        """Show a wallet to its holder: signed with the wallet's key, without the operator."""
        await access.of_holder(request, int(number), database)
        return await view(number, None)

    @router.get("/carried", tags=["operators"])
    async def carried(
        request: Request,
        after: Annotated[str, Query(pattern=r"^[0-9]{16}$")] = "0" * 16,
        limit: Annotated[int, Query(ge=1, le=CARRIED_MAX)] = CARRIED_MAX,
    ) -> CarriedView:
        """List the wallets of failed operators that the caller carries on."""
        caller = await access.of_reader(request, Use.OPERATOR_TRANSPORT)
        async with database.connection() as connection:
            found = await views.list_carried(
                connection, caller.operator, int(after), limit, writer.control
            )
        return CarriedView(numbers=[numbers.format_number(each) for each in found])

    return router


def _account_view(
    account: Account,
    safeguards: Safeguards,
    devices: Iterable[Enrolled],
    control: Control,
    time_ms: int,
) -> AccountView:
    calendar = calendar_at(time_ms)
    book = control.rulebook_at(time_ms)
    caps = book.limits_of(account.holder, account.wallet_class) or ClassLimits()
    day, year = spent(account.spent_on, account.day_spent_fen, account.year_spent_fen, calendar)
    return AccountView(
        number=numbers.format_number(account.number),
        operator=f"{account.operator:04d}",
        carried_by=f"{views.carrier(account, control):04d}",
        kind=account.kind,
        wallet_class=account.wallet_class,
        holder=account.holder,
        public_key=account.key.hex(),
        closed=account.closed,
        freezes=account.freezes,
        frozen_fen=account.frozen_fen,
        balance_fen=account.balance_fen,
        day_spent_fen=day,
        year_spent_fen=year,
        balance_cap_fen=_lower(account.balance_cap_fen, caps.balance_cap_fen),
        single_limit_fen=_lower(account.single_limit_fen, caps.single_fen),
        day_limit_fen=_lower(account.day_limit_fen, caps.day_fen),
        year_limit_fen=_lower(account.year_limit_fen, caps.year_fen),
        second_factor_above_fen=account.second_factor_above_fen,
        waterfall=account.waterfall,
        own_limits={name: getattr(account, name) for name in OWN_LIMITS},
        freeze_list=_freezes(safeguards),
        rebind=_rebind(safeguards.rebind, book.delays.rebind_s),
        waiting=_waiting(safeguards),
        mandates=_mandates(safeguards, calendar.day),
        devices=[device_view(each) for each in devices],
    )


def _freezes(safeguards: Safeguards) -> list[FreezeView]:
    listed = [
        FreezeView(
            case=each.case.hex(),
            authority=each.authority,
            scope=each.scope,
            amount_fen=each.amount_fen,
            since_ms=each.since_ms,
        )
        for each in safeguards.freezes.values()
    ]
    if safeguards.rebind is not None:
        since_ms = safeguards.rebind.requested_ms
        listed.append(
            FreezeView(
                case=None, authority=_REBIND_FREEZES, scope=1, amount_fen=0, since_ms=since_ms
            )
        )
    return listed


def _rebind(rebind: Rebind | None, wait_s: int) -> RebindView | None:
    if rebind is None:
        return None
    since_ms = rebind.requested_ms if rebind.objected_ms is None else rebind.objected_ms
    return RebindView(
        public_key=rebind.key.hex(),
        requested_ms=rebind.requested_ms,
        objected_ms=rebind.objected_ms,
        completes_ms=since_ms + wait_s * 1000,
        lapses_ms=rebind.lapses_ms,
    )


def _waiting(safeguards: Safeguards) -> list[WaitingView]:
    return [
        WaitingView(
            due_ms=each.due_ms,
            case=each.case.hex() if each.case else None,
            limits=dict(zip(OWN_LIMITS, each.limits, strict=True)) if each.limits else None,
        )
        for each in safeguards.waiting
    ]


def _mandates(safeguards: Safeguards, day: int) -> list[MandateView]:
    return [
        MandateView(
            mandate=each.id.hex(),
            public_key=each.key.hex(),
            payee=numbers.format_number(each.payee),
            single_limit_fen=each.single_limit_fen,
            day_limit_fen=each.day_limit_fen,
            expires_ms=each.expires_ms,
            day_spent_fen=each.day_spent_fen if each.spent_on == day else 0,
        )
        for each in safeguards.mandates.values()
    ]


def _lower(own_fen: int | None, cap_fen: int | None) -> int | None:
    """Return the one that binds; none where there is neither."""
    given = [each for each in (own_fen, cap_fen) if each is not None]
    return min(given, default=None)
