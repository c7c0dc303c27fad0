"""Routes for who holds a wallet: its class, its sub-wallets, a company's signatories."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from starlette.requests import Request

from jiaozi.operator.customers.model import WalletClass
from jiaozi.operator.http.access import Access
from jiaozi.operator.http.identity_models import (
    ClassBody,
    ClassView,
    PushView,
    RemovedView,
    SignatoriesView,
    SignatoryView,
    SigningBody,
    SubWalletBody,
    SubWalletsView,
    SubWalletView,
)
from jiaozi.operator.http.models import NUMBER, WalletOpenedView, refusal_view
from jiaozi.operator.http.wallets import Number
from jiaozi.operator.wallets.model import CertifyOrder, OrderState, Wallet, WalletState
from jiaozi.operator.wallets.platforms import ListedSubWallet
from jiaozi.operator.wallets.signatories import ListedSignatory
from jiaozi.operator.wiring import Operator
from jiaozi.protocol.numbers import AccountNumber, format_number, parse_number
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.openapi import may_refuse

OtherNumber = Annotated[str, Path(pattern=r"^[0-9]{16}$", examples=[NUMBER])]
_UNDER = (
    Code.SUITE_UNSUPPORTED,
    Code.SIGNATORY_NEEDED,
    Code.TOO_LARGE,
    Code.EXPIRED,
    Code.CLASS_UNKNOWN,
    Code.UNKNOWN,
)


def identity_routes(operator: Operator, access: Access) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1/wallets/{number}", tags=["identity"])
    _class_route(router, operator, access)
    _sub_wallet_routes(router, operator, access)
    _signatory_routes(router, operator, access)
    return router


def _class_route(router: APIRouter, operator: Operator, access: Access) -> None:
    refusals = may_refuse(
        Code.EVIDENCE_INSUFFICIENT,
        Code.NOT_SERVED,
        Code.CLASS_CHANGE_UNDER_WAY,
        Code.SIGNATORY_NEEDED,
    )

    @router.put("/class", openapi_extra=refusals)
    async def set_class(request: Request, number: Number, body: ClassBody) -> ClassView:
        """Give this wallet a higher or a lower class; the same request again changes it once."""
        own = await access.of_wallet_numbered(request, number)
        wanted = WalletClass(body.wallet_class)
        change = await operator.identity.set_class(own, wanted, body.evidence.evidence())
        return _class_view(own, wanted, change)


def _sub_wallet_routes(router: APIRouter, operator: Operator, access: Access) -> None:
    identity, unknown = operator.identity, may_refuse(Code.WALLET_UNKNOWN)
    pushed_path = "/sub-wallets/{sub_wallet}/platforms/{platform}"

    @router.post("/sub-wallets", status_code=201, openapi_extra=may_refuse(*_UNDER))
    async def open_sub_wallet(
        request: Request, number: Number, body: SubWalletBody
    ) -> WalletOpenedView:
        """Open a sub-wallet under a key of its own; the same request again returns the same."""
        own = await access.of_wallet_numbered(request, number)
        opened = await identity.open_under.sub_wallet(own, body.wallet_request(own))
        return _opened(opened)

    @router.get("/sub-wallets")
    async def sub_wallets(request: Request, number: Number) -> SubWalletsView:
        """List the sub-wallets of this wallet, and what platforms call them."""
        own = await access.of_wallet_numbered(request, number)
        listed = await identity.platforms.listed(own)
        return SubWalletsView(sub_wallets=[_sub_wallet(each) for each in listed])

    @router.put(pushed_path, openapi_extra=unknown)
    async def push(
        request: Request, number: Number, sub_wallet: OtherNumber, platform: OtherNumber
    ) -> PushView:
        """Push a sub-wallet to a platform, which gets a token for it; once more the same token."""
        own = await access.of_wallet_numbered(request, number)
        payee = _number(platform, "platform")
        token = await identity.platforms.push(own, _number(sub_wallet, "sub_wallet"), payee)
        return PushView(platform=platform, token=token.hex())

    @router.delete(pushed_path, status_code=204, openapi_extra=unknown)
    async def take_back(
        request: Request, number: Number, sub_wallet: OtherNumber, platform: OtherNumber
    ) -> None:
        """Take a sub-wallet back from a platform: its token means nothing any more."""
        own = await access.of_wallet_numbered(request, number)
        payee = _number(platform, "platform")
        await identity.platforms.take_back(own, _number(sub_wallet, "sub_wallet"), payee)


def _signatory_routes(router: APIRouter, operator: Operator, access: Access) -> None:
    signatories = operator.identity.signatories
    adding = may_refuse(*_UNDER, Code.EVIDENCE_INSUFFICIENT, Code.NOT_SERVED)

    @router.post("/signatories", status_code=201, openapi_extra=adding)
    async def add(request: Request, number: Number, body: SigningBody) -> WalletOpenedView:
        """Add a signatory of the company, with a wallet; once more returns the same wallet."""
        own = await access.of_wallet_numbered(request, number)
        opened = await signatories.add(own, body.signatory(), body.wallet_request(own))
        return _opened(opened)

    @router.get("/signatories", openapi_extra=may_refuse(Code.SIGNATORY_NEEDED))
    async def listed(request: Request, number: Number) -> SignatoriesView:
        """List who signs for the company."""
        own = await access.of_wallet_numbered(request, number)
        return SignatoriesView(
            signatories=[_signatory(each) for each in await signatories.listed(own)]
        )

    @router.delete(
        "/signatories/{signatory}",
        openapi_extra=may_refuse(Code.SIGNATORY_NEEDED, Code.WALLET_UNKNOWN),
    )
    async def remove(request: Request, number: Number, signatory: OtherNumber) -> RemovedView:
        """Remove a signatory and freeze the wallets that were theirs; one always remains."""
        own = await access.of_wallet_numbered(request, number)
        frozen = await signatories.remove(own, _number(signatory, "signatory"))
        return RemovedView(frozen=frozen)


def _number(text: str, name: str) -> AccountNumber:
    try:
        return parse_number(text)
    except ValueError:
        raise refuse(Code.MALFORMED, f"path.{name}") from None


def _class_view(wallet: Wallet, wanted: WalletClass, change: CertifyOrder | None) -> ClassView:
    if change is None or change.state is OrderState.SETTLED:
        return ClassView(state="settled", wallet_class=int(wanted), refusal=None)
    present = int(wallet.wallet_class)
    if change.state is OrderState.SENT:
        return ClassView(state="open", wallet_class=present, refusal=None)
    refusal = None if change.outcome is None else refusal_view(change.outcome)
    return ClassView(state="refused", wallet_class=present, refusal=refusal)


def _opened(wallet: Wallet) -> WalletOpenedView:
    return WalletOpenedView(
        number=format_number(wallet.number),
        wallet_class=int(wallet.wallet_class),
        holder=wallet.holder.name.lower(),
        public_key=wallet.public_key.hex(),
    )


def _sub_wallet(listed: ListedSubWallet) -> SubWalletView:
    wallet = listed.wallet
    return SubWalletView(
        number=format_number(wallet.number),
        public_key=wallet.public_key.hex(),
        wallet_class=int(wallet.wallet_class),
        state=_state(wallet),
        created_ms=wallet.created_ms,
        platforms=[
            PushView(platform=format_number(each.platform), token=each.token.hex())
            for each in listed.pushed
        ],
    )


def _state(wallet: Wallet) -> Literal["opening", "open", "closed"]:
    if wallet.ended_ms is not None:
        return "closed"
    return "open" if wallet.state is WalletState.OPEN else "opening"


def _signatory(listed: ListedSignatory) -> SignatoryView:
    state = "removed" if listed.removed_ms is not None else listed.state
    return SignatoryView.model_validate(
        {
            "number": format_number(listed.wallet),
            "state": state,
            "name": listed.name,
            "role": listed.role,
            "added_ms": listed.added_ms,
            "removed_ms": listed.removed_ms,
        }
    )
