"""What protects a wallet beside its balance: freezes, a rebind, waiting changes, mandates, consent.

::

    safeguards = [[freeze, ...], rebind or null, [waiting, ...], [mandate, ...], ? waterfall: true]
    freeze     = [case: 16 bytes, authority, scope, amount, since]
    rebind     = [suite, key, requested, objected or null, lapses]
    waiting    = [due, case: 16 bytes or null, [limit or null] * 5 or null]
    mandate    = [id: 16 bytes, suite, key, payee, single limit, day limit, expires,
                  spent on, spent that day]

Times are Unix milliseconds of block time; ``spent on`` is a day since 1970 in UTC+8. Freezes stand
in the order of their cases and then of their authorities, mandates of their ids, waiting changes of
their cases with the limits first; their cases are those of the holder's freezes. A registry keeps
them as one value per wallet, and the state hash covers just these bytes.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from jiaozi.protocol import cbor
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.order_types import FreezeScope

FREEZES_MAX = 8
"""Of one authority."""
MANDATES_MAX = 64
DUE_MAX = 1_000
"""Wallets of which something takes effect in one block, those due first; the rest is the next's."""
ENCODED_BYTES_MAX = 32 * 1024


class FreezeAuthority(IntEnum):
    """Who froze, from the lowest: only the same or a higher one lifts a freeze."""

    HOLDER = 1
    OPERATOR = 2
    CENTRAL_BANK = 3


@dataclass(frozen=True, slots=True)
class Freeze:
    """One freeze; ``amount_fen`` is 0 unless its scope is an amount."""

    case: bytes
    authority: int
    scope: int
    amount_fen: int
    since_ms: int


@dataclass(frozen=True, slots=True)
class Rebind:
    """A new key that waits to take a wallet over."""

    suite: int
    key: bytes
    requested_ms: int
    objected_ms: int | None
    lapses_ms: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A change that takes effect by itself: a holder's freeze is lifted, or limits are raised.

    ``limits`` are the whole new set, in the order of `jiaozi.protocol.order_types.OWN_LIMITS`.
    """

    due_ms: int
    case: bytes | None
    limits: tuple[int | None, ...] | None


@dataclass(slots=True)
class Mandate:
    """What a platform's key may pay from a wallet, to one payee."""

    id: bytes
    suite: int
    key: bytes
    payee: int
    single_limit_fen: int
    day_limit_fen: int
    expires_ms: int
    spent_on: int = 0
    day_spent_fen: int = 0


@dataclass(slots=True)
class Safeguards:
    """All of one wallet: freezes by case and authority, mandates by id.

    Two authorities may use one case number: each has a freeze of its own under it.
    """

    freezes: dict[tuple[bytes, int], Freeze] = field(default_factory=dict)
    rebind: Rebind | None = None
    waiting: list[Waiting] = field(default_factory=list)
    mandates: dict[bytes, Mandate] = field(default_factory=dict)
    waterfall: bool = False
    """The holder's consent: what would be above a balance cap is redeemed."""

    def clear(self) -> None:
        """Drop all of it."""
        self.freezes, self.rebind, self.waiting, self.mandates = {}, None, [], {}
        self.waterfall = False

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to keep."""
        return not (self.freezes or self.rebind or self.waiting or self.mandates or self.waterfall)

    @property
    def due_ms(self) -> int | None:
        """When something happens by itself; None when nothing does."""
        times = [each.due_ms for each in self.waiting]
        if self.rebind is not None:
            times.append(self.rebind.lapses_ms)
        return min(times, default=None)

    @property
    def freeze_bits(self) -> int:
        """What is stopped as a whole: bit 0 debits, bit 1 everything."""
        bits = int(self.rebind is not None)
        for each in self.freezes.values():
            if each.scope == FreezeScope.DEBITS:
                bits |= 1
            elif each.scope == FreezeScope.ALL:
                bits |= 2
        return bits

    @property
    def frozen_fen(self) -> int:
        """How much of the balance may not leave."""
        return min(sum(each.amount_fen for each in self.freezes.values()), FEN_MAX)

    def encoded(self) -> bytes:
        """Return the bytes that are kept and hashed."""
        rebind = self.rebind
        return cbor.encode(
            [
                [_fields(each) for _, each in sorted(self.freezes.items())],
                None if rebind is None else _fields(rebind),
                [
                    [each.due_ms, each.case, None if each.limits is None else list(each.limits)]
                    for each in sorted(self.waiting, key=lambda each: each.case or b"")
                ],
                [_fields(each) for _, each in sorted(self.mandates.items())],
                *([True] if self.waterfall else []),
            ]
        )


def read_safeguards(data: bytes) -> Safeguards:
    """Read what `Safeguards.encoded` wrote."""
    value: Any = cbor.decode(data, size_max=ENCODED_BYTES_MAX)
    freezes, rebind, waiting, mandates, *waterfall = value
    return Safeguards(
        freezes={(each[0], each[1]): Freeze(*each) for each in freezes},
        rebind=None if rebind is None else Rebind(*rebind),
        waiting=[
            Waiting(due_ms, case, None if limits is None else tuple(limits))
            for due_ms, case, limits in waiting
        ],
        mandates={each[0]: Mandate(*each) for each in mandates},
        waterfall=waterfall == [True],
    )


def _fields(value: Freeze | Rebind | Mandate) -> list[object]:
    return [getattr(value, name) for name in value.__dataclass_fields__]
