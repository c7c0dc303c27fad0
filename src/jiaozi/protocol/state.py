"""The hash of a registry's whole state: everything that the blocks up to a height determine.

::

    state hash = SHA-256("jiaozi/state/1" || height: 8 bytes || record || record || ...)
    account    = [1, number, kind, operator, wallet class, holder, suite, key, group,
                  parent or null, closed, freezes, frozen, balance cap or null,
                  single limit or null, day limit or null, year limit or null,
                  second factor above or null, balance]
    key        = [2, key, suite, use, operator, person or null, not before, not after, revoked]
    quota      = [3, operator, quota]
    rulebook   = [4, start, rulebook hash]
    funding    = [5, reference]
    totals     = [6, issued, destroyed]
    carrier    = [7, operator, carrier]
    halt       = [8, scope, subject or 0, until, orders a second or null]
    safeguards = [9, number, safeguards (`jiaozi.protocol.safeguards`)]
    device     = [10, key, suite, operator, wallet or null, profile, generation, not after,
                  balance cap, shadow, loads, payments, number of its revocation or null,
                  time of its revocation or null, convicted, covered]
    list       = [11, number, hash, oldest generation]; none while the list has no entry

The records stand in this order, those of a kind by their second item. What limits count, and the
ids that orders used up, are left out: who only reads blocks does not recompute the first, and the
second are forgotten in time.

A registry names the hash in the header of a later block (`blocks`); whoever rebuilds the state from
the blocks compares it with their own.
"""

from collections.abc import Iterable
from enum import IntEnum
from hashlib import sha256
from typing import NamedTuple

from jiaozi.protocol import cbor
from jiaozi.protocol.certificates import Certified

_DOMAIN = b"jiaozi/state/1"
_HEIGHT_LENGTH = 8
_ACCOUNT, _KEY, _QUOTA, _RULEBOOK, _FUNDING, _TOTALS, _CARRIER, _HALT, _SAFEGUARDS = range(1, 10)
_DEVICE, _LIST = 10, 11


class AccountKind(IntEnum):
    """What an account is, by its number in the record."""

    ISSUANCE = 1
    SETTLEMENT = 2
    VAULT = 3
    RESERVE = 4
    WALLET = 5
    ESCROW = 6
    OFFLINE = 7
    GUARANTEE = 8


class AccountRecord(NamedTuple):
    """An account as far as blocks determine it; its fields in the order of the record."""

    number: int
    kind: int
    operator: int
    wallet_class: int
    holder: int
    suite: int
    key: bytes
    group_id: bytes
    parent: int | None
    closed: bool
    freezes: int
    frozen_fen: int
    balance_cap_fen: int | None
    single_limit_fen: int | None
    day_limit_fen: int | None
    year_limit_fen: int | None
    second_factor_above_fen: int | None
    balance_fen: int

    def encoded(self) -> bytes:
        """Return the bytes that are hashed."""
        return cbor.encode([_ACCOUNT, *self])


class DeviceRecord(NamedTuple):
    """What the registry knows of an offline device; its fields in the order of the record."""

    key: bytes
    suite: int
    operator: int
    wallet: int | None
    profile: int
    generation: int
    not_after_ms: int
    balance_cap_fen: int
    shadow_fen: int
    loads: int
    payments: int
    revoked: int | None
    revoked_ms: int | None
    convicted: bool
    covered_fen: int

    def encoded(self) -> bytes:
        """Return the bytes that are hashed."""
        return cbor.encode([_DEVICE, *self])


def key_record(certified: Certified, *, revoked: bool) -> bytes:
    """Encode a key with its use."""
    return cbor.encode(
        [
            _KEY, certified.key, int(certified.suite), int(certified.use),
            certified.operator, certified.person, certified.not_before_ms, certified.not_after_ms,
            revoked,
        ]
    )  # fmt: skip


def quota_record(operator: int, quota_fen: int) -> bytes:
    """Encode the quota of an operator's vault."""
    return cbor.encode([_QUOTA, operator, quota_fen])


def rulebook_record(starts_at_ms: int, rulebook_hash: bytes) -> bytes:
    """Encode which rulebook applies from when; the one of genesis starts at 0."""
    return cbor.encode([_RULEBOOK, starts_at_ms, rulebook_hash])


def funding_record(reference: bytes) -> bytes:
    """Encode the reference of a payment that has funded a reserve."""
    return cbor.encode([_FUNDING, reference])


def totals_record(issued_fen: int, destroyed_fen: int) -> bytes:
    """Encode what was ever issued and destroyed."""
    return cbor.encode([_TOTALS, issued_fen, destroyed_fen])


def carrier_record(operator: int, carrier: int) -> bytes:
    """Encode who carries the wallets of a failed operator."""
    return cbor.encode([_CARRIER, operator, carrier])


def halt_record(scope: int, subject: int, until_ms: int, orders_per_s: int | None) -> bytes:
    """Encode a halt; it stays after it ended, until another takes its place."""
    return cbor.encode([_HALT, scope, subject, until_ms, orders_per_s])


def safeguards_record(number: int, safeguards: bytes) -> bytes:
    """Encode the safeguards of a wallet that has any."""
    return cbor.encode([_SAFEGUARDS, number, safeguards])


def list_record(number: int, list_hash: bytes, oldest_generation: int) -> bytes:
    """Encode where the revocation list stands; it has an entry at least."""
    return cbor.encode([_LIST, number, list_hash, oldest_generation])


class StateHash:
    """The hash in the making; records are added in the order of the layout."""

    def __init__(self, height: int) -> None:
        self._hash = sha256(_DOMAIN + height.to_bytes(_HEIGHT_LENGTH, "big"))

    def add(self, records: Iterable[bytes]) -> None:
        """Take in some records."""
        self._hash.update(b"".join(records))

    def digest(self) -> bytes:
        """Return the 32 bytes of the hash over what was added."""
        return self._hash.digest()
