"""The purse: all that a device keeps beside its private key (rules.md §G).

A value that never changes: each step returns the next one. `encoded` and `read_purse`
are how a device keeps it. What was kept is the device's own word; it is not judged again.
"""

from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from types import MappingProxyType
from typing import Any

from jiaozi.protocol import cbor
from jiaozi.protocol.offline.certificate import Anchor, Chain, Device, read_chain
from jiaozi.protocol.offline.floor import Floor
from jiaozi.protocol.offline.log import first_head, next_head, payment_in
from jiaozi.protocol.offline.messages import Request, decode_payment, with_chain
from jiaozi.protocol.offline.revocations import Revocations, revocations_of

PURSE_BYTES_MAX = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What moved since the last synchronisation: sums in fen, and numbers of payments."""

    out_fen: int = 0
    out_count: int = 0
    in_fen: int = 0
    in_count: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Purse:
    """A device's whole state.

    Attributes:
        balances_fen: By how often the money changed hands, 0 to the device's ``hops``; what is in
            the last place may be spent after the next synchronisation.
        counter: Of payments ever made, unloads included.
        loads: Number of the last load taken.
        position: Entries that the log ever had; ``head`` is their hash.
        checkpoint: Where ``entries`` begin, as it was taken; empty before the first.
        requests: Open ones by challenge, the oldest first.
        collected: Place in ``entries`` of what came in, by payer's key and counter.
        paid: Place in ``entries`` of what was paid, by challenge; -1 once synchronised.
        waiting_for: Counters of the payments that nobody has acknowledged.
        floor: The latest time that the registry signed; ``synchronised_ms`` the one known at the
            last synchronisation.
    """

    anchor: Anchor
    chain: Chain
    device: Device
    balances_fen: tuple[int, ...]
    head: bytes
    floor: Floor
    counter: int = 0
    loads: int = 0
    position: int = 0
    usage: Usage = Usage()
    checkpoint: bytes = b""
    checkpoint_number: int = 0
    entries: tuple[bytes, ...] = ()
    requests: Mapping[bytes, Request] = field(default_factory=lambda: MappingProxyType({}))
    collected: Mapping[tuple[bytes, int], int] = field(default_factory=lambda: MappingProxyType({}))
    paid: Mapping[bytes, int] = field(default_factory=lambda: MappingProxyType({}))
    waiting_for: frozenset[int] = frozenset()
    synchronised_ms: int = 0
    revocations: Revocations = field(default_factory=Revocations)

    @property
    def floor_ms(self) -> int:
        """The time that has passed at the least."""
        return self.floor.time_ms

    @property
    def balance_fen(self) -> int:
        """All that the purse holds."""
        return sum(self.balances_fen)

    @property
    def spendable_fen(self) -> int:
        """What may be spent before the next synchronisation, limits apart."""
        return sum(self.balances_fen[:-1])

    @property
    def waiting(self) -> list[bytes]:
        """The payments that nobody has acknowledged, as they were said, the oldest first."""
        made = filter(None, map(payment_in, self.entries)) if self.waiting_for else ()
        return [
            with_chain(each, self.chain)
            for each in made
            if decode_payment(each)[0].counter in self.waiting_for
        ]

    def logged(self, entry: bytes, **changes: object) -> "Purse":
        """Return the purse with an entry more in its log, and with what that entry changes."""
        return replace(
            self,
            entries=(*self.entries, entry),
            position=self.position + 1,
            head=next_head(self.head, entry),
            **changes,  # type: ignore[arg-type]
        )

    def encoded(self) -> bytes:
        """Return the bytes that a device keeps."""
        return cbor.encode(
            [
                self.chain.parts,
                list(self.balances_fen),
                [self.head, self.counter, self.loads, self.position],
                list(astuple(self.usage)),
                [self.checkpoint, self.checkpoint_number],
                list(self.entries),
                [list(astuple(each)) for each in self.requests.values()],
                [[*key, place] for key, place in self.collected.items()],
                [list(each) for each in self.paid.items()],
                sorted(self.waiting_for),
                [*astuple(self.floor), self.synchronised_ms],
                self.revocations.fields(),
            ]
        )


def new_purse(chain: Chain, anchor: Anchor) -> Purse:
    """Make the empty purse of a device that was just certified.

    Raises:
        Refusal: A shape code, or ``device_uncertified``.
    """
    device = read_chain(chain, anchor)
    return Purse(
        anchor=anchor,
        chain=chain,
        device=device,
        balances_fen=(0,) * (device.limits.hops + 1),
        head=first_head(device.key),
        floor=Floor(time_ms=device.not_before_ms, certain_ms=device.not_before_ms),
        synchronised_ms=device.not_before_ms,
    )


def read_purse(data: bytes, anchor: Anchor) -> Purse:
    """Read what `Purse.encoded` wrote.

    Raises:
        Refusal: ``device_uncertified`` when it belongs to another network.
        NotCanonical: The bytes are damaged.
    """
    value: Any = cbor.decode(data, size_max=PURSE_BYTES_MAX)
    (
        chain, balances_fen, log, usage, checkpoint, entries, requests, collected, paid,
        waiting_for, times, revocations,
    ) = value  # fmt: skip
    floor_ms, floor_key, certain_ms, synchronised_ms = times
    read = Chain(operator=chain[0], device=chain[1])
    return Purse(
        anchor=anchor,
        chain=read,
        device=read_chain(read, anchor),
        balances_fen=tuple(balances_fen),
        **dict(zip(("head", "counter", "loads", "position"), log, strict=True)),
        usage=Usage(**dict(zip(_USAGE, usage, strict=True))),
        checkpoint=checkpoint[0],
        checkpoint_number=checkpoint[1],
        entries=tuple(entries),
        requests=MappingProxyType({each[1]: _request(each) for each in requests}),
        collected=MappingProxyType({(key, counter): at for key, counter, at in collected}),
        paid=MappingProxyType(dict(paid)),
        waiting_for=frozenset(waiting_for),
        floor=Floor(time_ms=floor_ms, key=floor_key, certain_ms=certain_ms),
        synchronised_ms=synchronised_ms,
        revocations=revocations_of(revocations),
    )


def _request(fields: list[Any]) -> Request:
    return Request(**dict(zip(_REQUEST, fields, strict=True)))


_USAGE = ("out_fen", "out_count", "in_fen", "in_count")
_REQUEST = ("amount_fen", "challenge", "list_number", "expires_ms")
