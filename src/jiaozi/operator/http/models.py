"""What the operator's API takes and gives, as JSON.

Numbers are 16 digits, ids and hashes lower-case hexadecimal, amounts integers of fen.
"""

import base64
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from jiaozi.operator.customers.model import WalletClass
from jiaozi.operator.http.evidence import Body, DepositId, EvidenceBody, Line
from jiaozi.operator.wallets.model import WalletRequest
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.order_types import Holder
from jiaozi.protocol.refusals import Code, Outcome, refusal_of, refuse
from jiaozi.service.network_examples import HEADER, ORDER_IDENTITY
from jiaozi.service.problems import refusal_name

AmountFen = Annotated[int, Field(strict=True, ge=1, le=FEN_MAX, examples=[10_000])]
IdHex = Annotated[
    str, Field(pattern=r"^[0-9a-f]{32}$", examples=["0199d1f2a3b47c5d8e6f708192a3b4c5"])
]
NUMBER = "1001000123456785"


class RegistrationBody(Body):
    """A phone that wants a code."""

    phone: Annotated[str, Field(max_length=32, examples=["+8613800138000"], repr=False)]


class RegistrationView(BaseModel):
    """A code is on its way; alike for known and unknown phones."""

    registration_id: UUID
    expires_s: int
    demo_code: Annotated[str | None, Field(description="In demo mode only.")] = None


class OpeningBody(Body):
    """A wallet under a key of the holder's; the request is signed with that key."""

    registration_id: UUID
    code: Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["493028"], repr=False)]
    wallet_class: Annotated[int, Field(strict=True, ge=1, le=4, examples=[4])]
    holder: Literal["personal", "corporate"] = "personal"
    suite: Annotated[int, Field(strict=True, examples=[-8])]
    public_key: Annotated[str, Field(pattern=r"^([0-9a-f]{2}){1,65}$", examples=["d7" * 32])]
    evidence: EvidenceBody = Field(default_factory=EvidenceBody)

    def wallet_request(self, signing_key: bytes) -> WalletRequest:
        """Return what the use case takes.

        Raises:
            Refusal: ``signer_foreign``: the request is not signed with the key it asks for.
        """
        public_key = bytes.fromhex(self.public_key)
        if public_key != signing_key:
            raise refuse(Code.SIGNER_FOREIGN)
        return WalletRequest(
            wallet_class=WalletClass(self.wallet_class),
            holder=Holder[self.holder.upper()],
            suite=self.suite,
            public_key=public_key,
            evidence=self.evidence.evidence(),
        )


class WalletOpenedView(BaseModel):
    """A wallet that can be used."""

    number: Annotated[str, Field(examples=[NUMBER])]
    wallet_class: int
    holder: str
    public_key: str


class WalletView(WalletOpenedView):
    """A wallet with the figures that the registry holds of it."""

    balance_fen: int
    day_spent_fen: int
    year_spent_fen: int
    limits: dict[str, int | None]
    closed: bool
    freezes: int


class ExchangeBody(Body):
    """Deposit to digital yuan; the same id again exchanges once."""

    exchange_id: IdHex
    deposit_id: DepositId
    amount_fen: AmountFen


class RedemptionBody(Body):
    """Digital yuan to deposit, by an order that the wallet signed."""

    submission: Annotated[str, Field(max_length=8192, description="base64 of the redeem order")]
    deposit_id: DepositId


class WaterfallBody(Body):
    """The deposit that is credited with what would be above the wallet's balance cap."""

    deposit_id: DepositId


class RefusalView(BaseModel):
    """Why something was refused for good."""

    code: int
    name: Annotated[str, Field(examples=["payee_cannot_receive"])]
    detail: str
    fields: dict[str, int | str]
    retry: str


class SagaView(BaseModel):
    """How far an exchange or redemption is. Open: ask again, it settles or is given back."""

    state: Literal["open", "settled", "refused"]
    amount_fen: int
    deposit_id: str
    order_id: Annotated[str | None, Field(description="Of the order at the registry.")]
    outcome: Annotated[list[int] | None, Field(description="[0], or a refusal's code and fields")]
    height: Annotated[int | None, Field(description="Of the block it stands in.")]
    position: int | None
    refusal: RefusalView | None


class DepositView(BaseModel):
    """A deposit account of the holder."""

    deposit_id: DepositId
    available_fen: int
    held_fen: int


class DepositsView(BaseModel):
    """The holder's deposit accounts."""

    deposits: list[DepositView]


class EntryView(BaseModel):
    """One movement of money, or a try at one, as the wallet sees it."""

    cursor: str
    order_id: str
    identity: Annotated[str, Field(description="Hash of what was signed: tells orders apart.")]
    type: Annotated[str, Field(examples=["payment"])]
    direction: Literal["in", "out"]
    counterparty: str
    amount_fen: int
    state: Literal["settled", "refused"]
    outcome: list[int]
    time_ms: int
    height: int
    position: int
    reference: str | None
    link: Annotated[str | None, Field(description="Identity of the order that this one returns.")]
    returned_fen: Annotated[int, Field(description="Sent back by orders linked to this one.")]


class SumView(BaseModel):
    """What settled of one type in one direction."""

    type: Annotated[str, Field(examples=["payment"])]
    direction: Literal["in", "out"]
    amount_fen: int
    entries: int


class SumsView(BaseModel):
    """What settled in a period, and what it did to the balance."""

    sums: list[SumView]
    incoming_fen: int
    outgoing_fen: int


class StatementCodeBody(Body):
    """The verification code of a statement, as it stands on it."""

    code: Annotated[str, Field(max_length=2048, description="White space does not count.")]
    holder: Annotated[
        Line | None, Field(description="The name on the statement, to be compared.", repr=False)
    ] = None


class StatementCodeView(BaseModel):
    """What the operator signed: compare it with the statement at hand."""

    operator: str
    wallet: Annotated[str, Field(examples=[NUMBER])]
    from_ms: int
    until_ms: Annotated[int, Field(description="The period ends before it.")]
    opening_fen: int
    incoming_fen: int
    outgoing_fen: int
    closing_fen: int
    entries: int
    digest: Annotated[str, Field(description="SHA-256 over the entry lines of the CSV form.")]
    height: int
    issued_ms: int
    bears_name: Annotated[bool, Field(description="Whether a holder's name stands on it.")]
    holder_matches: Annotated[bool | None, Field(description="Of the name that was given.")]


class HistoryView(BaseModel):
    """A page of history, newest first; `next` continues it, null at the end."""

    entries: list[EntryView]
    next: str | None


class AccessView(BaseModel):
    """One opening of a sealed record: by the holder, the service itself or a clerk."""

    id: int
    time_ms: int
    record: Annotated[str, Field(examples=["evidence/5f0c9d0e-6f1b-4a58-9a3d-0c2f6f6f7a11"])]
    actor: Annotated[str, Field(examples=["holder", "service", "clerk/C-0471"])]
    purpose: Annotated[str, Field(examples=["reach_deposits"])]
    case_reference: Annotated[str | None, Field(description="Of the office that asked.")]


class AccessesView(BaseModel):
    """A page of accesses, newest first; `next` is the `before` that continues it."""

    accesses: list[AccessView]
    next: int | None


class NetworkView(BaseModel):
    """The network that this operator belongs to."""

    operator: Annotated[str, Field(examples=["1001"])]
    network_id: str
    genesis: Annotated[str, Field(description="base64 of the signed document")]
    block_keys: Annotated[
        list["LaterKeyView"], Field(description="That sign blocks beside, or no longer as, genesis")
    ]
    certify_keys: Annotated[
        list["LaterKeyView"],
        Field(description="With which operators sign statements and attestations, likewise"),
    ]


class LaterKeyView(BaseModel):
    """A key that was certified after genesis, or revoked."""

    public_key: str
    certificate: Annotated[
        str | None, Field(description="base64, signed by the root; null for a key of genesis")
    ]
    revoked_ms: Annotated[int | None, Field(description="Block time of its revocation")]


class FundingBody(Body):
    """Demo mode: a deposit account with money in it, for whoever has this phone."""

    phone: Annotated[str, Field(max_length=32, examples=["+8613800138000"], repr=False)]
    amount_fen: AmountFen


def hex_or_none(value: bytes | None) -> str | None:
    """Return bytes in hexadecimal, None as it is."""
    return None if value is None else value.hex()


def refusal_view(outcome: Outcome) -> RefusalView | None:
    """Tell why something was refused; None when it settled."""
    refusal = refusal_of(outcome)
    if refusal is None:
        return None
    return RefusalView(
        code=int(refusal.code),
        name=refusal_name(refusal.code),
        detail=str(refusal),
        fields=dict(refusal.fields),
        retry=refusal.entry.retry.value,
    )


OutcomeDocument = Annotated[
    dict[str, Any],
    Field(
        examples=[
            {
                "state": "settled",
                "outcome": [0],
                "height": 7,
                "position": 0,
                "identity": ORDER_IDENTITY.hex(),
                "header": base64.b64encode(HEADER).decode(),
            }
        ]
    ),
]
"""The registry's own answer about an order, header included, for the holder to check."""
