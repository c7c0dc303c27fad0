"""The rules of challenges and sessions. Pure.

::

    challenge = [expires: uint, random: bstr 16, tag: bstr 32]
    tag       = HMAC-SHA-256(key, [expires, random, wallet, origin, purpose])

A challenge carries what it was given for, so that nothing is stored for one that nobody answers.
"""

import hmac
from dataclasses import dataclass
from typing import NamedTuple

from jiaozi.operator.wallets.model import Wallet, WalletState
from jiaozi.protocol import cbor
from jiaozi.protocol.login import CHALLENGE_LENGTH_MAX, Login
from jiaozi.protocol.order_types import OrderType

CHALLENGE_LIFETIME_MS = 60_000
SESSION_LIFETIME_MS = 15 * 60_000
RANDOM_LENGTH = 16

ENDS_SESSIONS = frozenset(
    (
        OrderType.HOLDER_FREEZE,
        OrderType.OPERATOR_FREEZE,
        OrderType.AUTHORITY_FREEZE,
        OrderType.REBIND_REQUEST,
        OrderType.REBIND_COMPLETE,
        OrderType.REBIND_OVERRULE,
        OrderType.CLOSE,
    )
)
"""Settled orders that end all sessions of the wallet that they are about."""


class Challenge(NamedTuple):
    """What a login must contain to be taken."""

    value: bytes
    expires_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session as it is kept: by the digest of its cookie."""

    digest: bytes
    wallet: int
    public_key: bytes
    expires_ms: int

    def is_of(self, wallet: Wallet | None) -> bool:
        """Say whether the session still stands for a wallet: open, under the same key."""
        return (
            wallet is not None
            and wallet.state is WalletState.OPEN
            and (wallet.number, wallet.public_key) == (self.wallet, self.public_key)
        )


def make_challenge(login: Login, key: bytes, *, random: bytes, now_ms: int) -> Challenge:
    """Make the challenge of a login, whose own ``challenge`` is empty still."""
    expires_ms = now_ms + CHALLENGE_LIFETIME_MS
    tag = _tag(login, key, expires_ms, random)
    return Challenge(cbor.encode([expires_ms, random, tag]), expires_ms)


def challenge_expires_ms(login: Login, key: bytes) -> int | None:
    """Return until when a login's challenge is good; None if it is none for this login."""
    try:
        fields = cbor.decode(login.challenge, size_max=CHALLENGE_LENGTH_MAX)
    except cbor.NotCanonical:
        return None
    match fields:
        case [int(expires_ms), bytes(random), bytes(tag)] if type(expires_ms) is int:
            expected = _tag(login, key, expires_ms, random)
            return expires_ms if hmac.compare_digest(tag, expected) else None
        case _:
            return None


def _tag(login: Login, key: bytes, expires_ms: int, random: bytes) -> bytes:
    given_for = [expires_ms, random, int(login.wallet), login.origin, int(login.purpose)]
    return hmac.digest(key, cbor.encode(given_for), "sha256")
