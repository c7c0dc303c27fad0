"""A network for a test: its keys, its clock, its genesis and a rulebook without caps.

Nothing in it is random or depends on the time of day: a key goes by a label.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from jiaozi.central_bank.rulebook.load import read_rulebook
from jiaozi.central_bank.rulebook.model import Rulebook
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.genesis import Genesis, sign_genesis
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.order_types import Holder
from jiaozi.protocol.suites import Ed25519Signer, Signer

START_MS = 1_780_000_000_000
"""29 May 2026, 04:26:40 in UTC+8."""
QUOTA_FEN = 10**15
OPERATORS = (1001, 1002)

UNLIMITED_FILE = b'name = "unlimited"\n' + b"".join(
    b"[%s.%d]\n" % (holder.name.lower().encode(), each) for holder in Holder for each in range(1, 5)
)
UNLIMITED = read_rulebook(UNLIMITED_FILE)
"""Four classes of persons and four of companies, without caps."""


def key(label: str) -> Ed25519Signer:
    """The key pair that goes by a label."""
    return Ed25519Signer(sha256(label.encode()).digest())


@dataclass(slots=True)
class Clock:
    """The registry's clock, moved by the test."""

    now_ms: int = START_MS

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, milliseconds: int) -> None:
        """Let time go by."""
        self.now_ms += milliseconds


class Keys:
    """Every private key of a network but the wallets'."""

    def __init__(self, officers: int = 3) -> None:
        self.root = key("root")
        self.block = key("block")
        self.auditor = key("auditor")
        self.officers = tuple(key(f"officer {number}") for number in range(1, officers + 1))

    def certify(self, operator: int) -> Ed25519Signer:
        """The key with which an operator opens wallets and gives a second factor."""
        return key(f"certify {operator}")

    def vault(self, operator: int) -> Ed25519Signer:
        """The key that spends an operator's vault."""
        return key(f"vault {operator}")

    def transport(self, operator: int) -> Ed25519Signer:
        """The key that signs an operator's requests."""
        return key(f"transport {operator}")

    def operator_officers(self, operator: int) -> tuple[Ed25519Signer, Ed25519Signer]:
        """Two officers of an operator; a test certifies them where it needs them."""
        return key(f"operator officer 1 of {operator}"), key(f"operator officer 2 of {operator}")


def certified(
    use: Use,
    signer: Signer,
    operator: int = 0,
    *,
    person: bytes | None = None,
    not_before_ms: int = 0,
    not_after_ms: int = START_MS + 3650 * DAY_MS,
) -> Certified:
    """What a certificate for a key says; valid for ten years unless a test says otherwise."""
    return Certified(
        use=use,
        operator=operator,
        suite=signer.suite,
        key=signer.public_key,
        not_before_ms=not_before_ms,
        not_after_ms=not_after_ms,
        person=person,
    )


def person(number: int) -> bytes:
    """The id of an officer as a person."""
    return bytes([number]) * 16


def make_genesis(
    keys: Keys,
    *,
    operators: Sequence[int] = OPERATORS,
    rulebook: Rulebook = UNLIMITED,
    quota_fen: int = QUOTA_FEN,
    created_ms: int = START_MS - 1000,
) -> bytes:
    """A genesis with these operators and all officers of `keys`."""
    listed = [
        certified(Use.REGISTRY_BLOCK, keys.block),
        certified(Use.AUDITOR, keys.auditor),
        *(
            certified(Use.OFFICER, officer, person=person(number))
            for number, officer in enumerate(keys.officers, 1)
        ),
    ]
    for operator in operators:
        listed += [
            certified(Use.OPERATOR_CERTIFY, keys.certify(operator), operator),
            certified(Use.OPERATOR_VAULT, keys.vault(operator), operator),
            certified(Use.OPERATOR_TRANSPORT, keys.transport(operator), operator),
        ]
    return sign_genesis(
        Genesis(
            name="test",
            created_ms=created_ms,
            rulebook_hash=rulebook.hash,
            keys=tuple(listed),
            quotas_fen=dict.fromkeys(operators, quota_fen),
        ),
        keys.root,
    )
