"""What the routes about classes, sub-wallets and signatories take and give, as JSON."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from jiaozi.operator.customers.model import Evidence, WalletClass
from jiaozi.operator.http.evidence import Body, EvidenceBody, SignatoryBody
from jiaozi.operator.http.models import NUMBER, AmountFen, RefusalView
from jiaozi.operator.wallets.model import Wallet, WalletRequest

KeyHex = Annotated[str, Field(pattern=r"^([0-9a-f]{2}){1,65}$", examples=["d7" * 32])]
NumberField = Annotated[str, Field(examples=[NUMBER])]


class ClassBody(Body):
    """The class that a wallet is to have; a higher one takes all of its evidence."""

    wallet_class: Annotated[int, Field(strict=True, ge=1, le=4, examples=[3])]
    evidence: EvidenceBody = Field(default_factory=EvidenceBody)


class ClassView(BaseModel):
    """A wallet's class. Open: ask again, it settles or is refused."""

    state: Literal["open", "settled", "refused"]
    wallet_class: Annotated[int, Field(description="As the registry holds it.", examples=[3])]
    refusal: RefusalView | None


class OwnLimitsBody(Body):
    """A wallet's own limits; what is absent is not limited beyond the class."""

    balance_cap_fen: AmountFen | None = None
    single_limit_fen: AmountFen | None = None
    day_limit_fen: AmountFen | None = None
    year_limit_fen: AmountFen | None = None
    second_factor_above_fen: AmountFen | None = None


class _UnderBody(Body):
    """A wallet under an open one, whose key signs the request."""

    suite: Annotated[int, Field(strict=True, examples=[-8])]
    public_key: KeyHex
    limits: OwnLimitsBody = Field(default_factory=OwnLimitsBody)

    def wallet_request(self, opener: Wallet) -> WalletRequest:
        """Return what the use case takes."""
        return WalletRequest(
            wallet_class=WalletClass(opener.wallet_class),
            holder=opener.holder,
            suite=self.suite,
            public_key=bytes.fromhex(self.public_key),
            evidence=Evidence(),
            limits=self.limits.model_dump(exclude_none=True),
        )


class SubWalletBody(_UnderBody):
    """A sub-wallet with a key and limits of its own."""


class PushView(BaseModel):
    """What a platform calls a sub-wallet."""

    platform: Annotated[NumberField, Field(description="The platform's wallet.")]
    token: Annotated[str, Field(description="What the platform knows it by.")]


class SubWalletView(BaseModel):
    """A sub-wallet, and where it was pushed to."""

    number: NumberField
    public_key: str
    wallet_class: int
    state: Literal["opening", "open", "closed"]
    created_ms: int
    platforms: list[PushView]


class SubWalletsView(BaseModel):
    """All sub-wallets of a wallet, oldest first."""

    sub_wallets: list[SubWalletView]


class SigningBody(_UnderBody, SignatoryBody):
    """A further signatory of a company, with a key and limits of their own."""


class SignatoryView(BaseModel):
    """A person who signs for the company."""

    number: NumberField
    state: Literal["opening", "open", "closed", "removed"]
    name: str | None
    role: str | None
    added_ms: int
    removed_ms: int | None


class SignatoriesView(BaseModel):
    """All signatories of a company, those who were removed too, oldest first."""

    signatories: list[SignatoryView]


class RemovedView(BaseModel):
    """Whether the registry has frozen the wallets of the removed one; else it is going on."""

    frozen: bool
