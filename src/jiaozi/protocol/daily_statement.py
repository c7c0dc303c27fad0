"""Daily statements: what an operator's vault and reserve held and did in one day (rules.md §D.3).

::

    statement = COSE_Sign1 by a registry-block key, domain "jiaozi/daily-statement/1"
    payload   = {1: operator, 2: day, 3: height, 4: identity of that block's header, 5: made,
                 6: opening, 7: issued, 8: destroyed, 9: exchanged, 10: redeemed,
                 11: set aside, 12: released, 13: vault,
                 14: opening reserve, 15: funded, 16: reserve, 17: difference}

A day is one of UTC+8 and counts from 1970. The statement covers the blocks whose time lies in it;
``height`` is the last block up to its end, ``made`` the time of the block after which it was made.
Amounts are in fen. What happened comes from the blocks and what was held from the accounts, so
that the difference between the two is a finding: it is zero, or the books are wrong.

``set aside`` and ``released`` are what the vault gave to the operator's guarantee for its offline
devices, and got back. What the guarantee covers, and what returns to it, comes from the offline
account and moves neither vault nor reserve: the blocks' audit answers for it.
"""

from dataclasses import astuple, dataclass
from datetime import UTC, datetime, timedelta

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.numbers import OPERATOR_CODE_MAX
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer

STATEMENT_BYTES_MAX = 512
_UTC8_MS = 8 * 3_600_000
_TIME_MAX_MS = 2**48 - 1
_DAY_MAX = (_TIME_MAX_MS + _UTC8_MS) // DAY_MS
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyStatement:
    """One operator's day, its fields in the order of their keys; amounts in fen."""

    operator: int
    day: int
    height: int
    identity: bytes
    made_ms: int
    opening_fen: int
    issued_fen: int
    destroyed_fen: int
    exchanged_fen: int
    redeemed_fen: int
    set_aside_fen: int
    released_fen: int
    vault_fen: int
    opening_reserve_fen: int
    funded_fen: int
    reserve_fen: int

    @property
    def difference_fen(self) -> int:
        """What the movements do not explain of vault and reserve, from 0 to 2^63 - 1."""
        vault_fen = self.opening_fen + self.issued_fen + self.redeemed_fen + self.released_fen
        vault_fen -= self.destroyed_fen + self.exchanged_fen + self.set_aside_fen
        reserve_fen = self.opening_reserve_fen + self.funded_fen
        reserve_fen += self.destroyed_fen - self.issued_fen
        not_explained_fen = abs(vault_fen - self.vault_fen) + abs(reserve_fen - self.reserve_fen)
        return min(not_explained_fen, FEN_MAX)

    @property
    def date(self) -> str:
        """The day as people write it, such as 2026-05-29."""
        return format_day(self.day)


def day_of(time_ms: int) -> int:
    """Return the day of UTC+8, counted from 1970, in which a Unix time in milliseconds lies."""
    return (time_ms + _UTC8_MS) // DAY_MS


def start_of(day: int) -> int:
    """Return the Unix time in milliseconds at which a day begins in UTC+8."""
    return day * DAY_MS - _UTC8_MS


def format_day(day: int) -> str:
    """Return a day as people write it, such as 2026-05-29."""
    return (_EPOCH + timedelta(days=day)).date().isoformat()


def sign_statement(statement: DailyStatement, signer: Signer, network: NetworkId) -> bytes:
    """Sign a statement with the registry's block key."""
    values = (*astuple(statement), statement.difference_fen)
    payload = cbor.encode(dict(enumerate(values, 1)))
    return cose.sign1(payload, signer, external_aad(Domain.DAILY_STATEMENT, network))


def read_statement(data: bytes, *, block_keys: BlockKeys, network: NetworkId) -> DailyStatement:
    """Check a statement: its shape, its sum, and that the registry signed it.

    Raises:
        Refusal: A shape code; ``malformed`` too when the difference is not that of its figures;
            ``signature_invalid``.
    """
    message = cose.decode(data, size_max=STATEMENT_BYTES_MAX)
    aad = external_aad(Domain.DAILY_STATEMENT, network)
    if not message.protected or not cose.verify(message, aad):
        raise refuse(Code.SIGNATURE_INVALID)
    statement = _read_payload(message.payload)
    if not block_keys.accept(message.signatures[0].key, statement.made_ms):
        raise refuse(Code.SIGNATURE_INVALID)
    return statement


def _read_payload(payload: bytes) -> DailyStatement:
    try:
        fields = cbor.decode(payload, size_max=STATEMENT_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "statement") from None
    if type(fields) is not dict or list(fields) != list(range(1, 18)):
        raise refuse(Code.MALFORMED, "statement")
    *values, difference_fen = fields.values()
    named = dict(zip(DailyStatement.__slots__, values, strict=True))
    for name, value in named.items():
        if not _fits(name, value):
            raise refuse(Code.MALFORMED, f"statement.{name}")
    statement = DailyStatement(**named)
    if type(difference_fen) is not int or difference_fen != statement.difference_fen:
        raise refuse(Code.MALFORMED, "statement.difference")
    return statement


def _fits(name: str, value: object) -> bool:
    if name == "identity":
        return type(value) is bytes and len(value) == 32
    low, high = _RANGES.get(name, (0, FEN_MAX))
    return type(value) is int and low <= value <= high


_HELD = (-FEN_MAX, FEN_MAX)
"""What was held is signed: books that went wrong are stated too."""
_RANGES = {
    "operator": (1, OPERATOR_CODE_MAX),
    "day": (0, _DAY_MAX),
    "made_ms": (0, _TIME_MAX_MS),
    **dict.fromkeys(("opening_fen", "vault_fen", "opening_reserve_fen", "reserve_fen"), _HELD),
}
