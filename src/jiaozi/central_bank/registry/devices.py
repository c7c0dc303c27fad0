"""Devices that pay without network, as a batch of orders sees them: pure, without database.

The registry never sees what a device holds. It keeps a *shadow balance* of each: what was loaded
and what came in, less what it paid. All shadow balances together are what the offline account
holds. A device that is proven to have spent twice is *convicted*: what its shadow lacks is covered
from the guarantee of the operator that certified it, and goes back there when more comes in. One
that nobody enrolled is *taken up*, and convicted by that: only a certify key can have made it.
"""

from dataclasses import dataclass, field

from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.offline.messages import Payment
from jiaozi.protocol.offline.revocations import (
    NO_ENTRIES,
    certifier_entry,
    extend_hash,
    generation_entry,
    revocation_entry,
)


@dataclass(slots=True)
class Enrolled:
    """A device as the rules see it: the columns of the table ``device``, in their order.

    Attributes:
        not_after_ms: When its certificate ends; 0 of one that was taken up, since none counted.
    """

    key: bytes
    suite: int
    operator: int
    wallet: int | None
    profile: int
    generation: int
    not_after_ms: int
    balance_cap_fen: int
    shadow_fen: int = 0
    loads: int = 0
    payments: int = 0
    revoked: int | None = None
    revoked_ms: int | None = None
    convicted: bool = False
    covered_fen: int = 0

    @property
    def is_suspended(self) -> bool:
        """Whether it has paid more than came in as far as is known, without proof against it."""
        return self.shadow_fen < 0 and not self.convicted

    @property
    def is_taken_up(self) -> bool:
        """Whether nobody enrolled it: it is known by what it paid or was paid alone."""
        return not self.not_after_ms

    def lives_at(self, time_ms: int) -> bool:
        """Say whether it is neither revoked nor expired at a block time."""
        return self.revoked is None and self.not_after_ms > time_ms


@dataclass(frozen=True, slots=True)
class ListTip:
    """Where the revocation list stands."""

    number: int = 0
    hash: bytes = NO_ENTRIES
    oldest_generation: int = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry of the revocation list, and where the list stands with it."""

    encoded: bytes
    tip: ListTip


@dataclass(frozen=True, slots=True)
class Recorded:
    """A settled payment, or one that proves what another one of its device is."""

    device: bytes
    identity: bytes
    payment: Payment


@dataclass(slots=True)
class Devices:
    """The devices that a batch of orders names, and what is recorded next to their payments."""

    known: dict[bytes, Enrolled] = field(default_factory=dict)
    live_caps_fen: dict[int, int] = field(default_factory=dict)
    """What the live devices of an operator may hold together, where the batch asks for it."""
    lacks_fen: dict[int, int] = field(default_factory=dict)
    """What the devices of an operator lack together that have paid more than was seen on them."""
    wallets_of_group: dict[int, set[int]] = field(default_factory=dict)
    """The wallets with devices in a group, by its head, where the batch asks for them."""
    by_counter: dict[tuple[bytes, int], set[bytes]] = field(default_factory=dict)
    """Identities of the payments recorded under a device's counter."""
    by_position: dict[tuple[bytes, int], set[bytes]] = field(default_factory=dict)
    """Identities of the payments recorded at a place of a device's log."""
    tip: ListTip = field(default_factory=ListTip)
    shadows_before_fen: dict[bytes, int] = field(init=False)
    changed: set[bytes] = field(default_factory=set)
    records: list[Recorded] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    _by_wallet: dict[int, set[bytes]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Note the shadow balances before the batch, and whose the devices are."""
        self.shadows_before_fen = {key: each.shadow_fen for key, each in self.known.items()}
        for each in self.known.values():
            self._note_wallet(each)

    def add(self, device: Enrolled) -> None:
        """Add a device that this batch enrols."""
        self.known[device.key] = device
        self.changed.add(device.key)
        self._note_wallet(device)

    def of_wallet(self, number: int) -> list[Enrolled]:
        """Return the devices that were enrolled from a wallet, where the batch asks for them."""
        return [self.known[key] for key in self._by_wallet.get(number, ())]

    def charge(self, device: Enrolled, amount_fen: int) -> None:
        """Change a shadow balance, up or down."""
        before_fen = min(device.shadow_fen, 0)
        device.shadow_fen += amount_fen
        more_fen = before_fen - min(device.shadow_fen, 0)
        if more_fen:
            operator = device.operator
            self.lacks_fen[operator] = self.lacks_fen.get(operator, 0) + more_fen
        self.changed.add(device.key)

    def take_up(self, device: Enrolled, time_ms: int, entry: bytes | None) -> None:
        """Add a device that nobody enrolled, convicted of that.

        Args:
            device: As its certificate has it.
            time_ms: Since when the list names it, or its certify key.
            entry: Of the list; None when its certify key is on it.
        """
        if entry is not None:
            self._append(entry, self.tip.oldest_generation)
        device.revoked, device.revoked_ms, device.convicted = self.tip.number, time_ms, True
        self.add(device)

    def is_recorded(self, key: bytes, identity: bytes, payment: Payment) -> bool:
        """Say whether this very payment is recorded."""
        return identity in self.by_counter.get((key, payment.counter), ())

    def conflicts(self, key: bytes, identity: bytes, payment: Payment) -> bool:
        """Say whether the device signed something else under this counter or at this place."""
        recorded = self.by_counter.get((key, payment.counter), set()) | self.by_position.get(
            (key, payment.position), set()
        )
        return bool(recorded - {identity})

    def record(self, device: Enrolled, identity: bytes, payment: Payment) -> None:
        """Record a payment."""
        self.records.append(Recorded(device.key, identity, payment))
        self.by_counter.setdefault((device.key, payment.counter), set()).add(identity)
        self.by_position.setdefault((device.key, payment.position), set()).add(identity)
        device.payments += 1
        self.changed.add(device.key)

    def revoke(self, device: Enrolled, time_ms: int) -> None:
        """Put a device on the revocation list."""
        if device.lives_at(time_ms) and device.operator in self.live_caps_fen:
            self.live_caps_fen[device.operator] -= device.balance_cap_fen
        entry = revocation_entry(device.key, device.not_after_ms)
        self._append(entry, self.tip.oldest_generation)
        device.revoked, device.revoked_ms = self.tip.number, time_ms
        self.changed.add(device.key)

    def revoke_key(self, certified: Certified) -> None:
        """Put a key on the list by which purses believe a time, or a device; no other."""
        key, not_after_ms = certified.key, certified.not_after_ms
        match certified.use:
            case Use.REGISTRY_BLOCK:
                entry = revocation_entry(key, not_after_ms)
            case Use.OPERATOR_CERTIFY:
                entry = certifier_entry(key, not_after_ms)
            case _:
                return
        self._append(entry, self.tip.oldest_generation)

    def convict(self, device: Enrolled, time_ms: int) -> None:
        """Convict a device of having spent twice, or of a log that cannot be."""
        if device.revoked is None:
            self.revoke(device, time_ms)
        device.convicted = True
        self.changed.add(device.key)

    def raise_generation(self, oldest: int) -> None:
        """Accept no generation before this one any more."""
        self._append(generation_entry(oldest), oldest)

    def _note_wallet(self, device: Enrolled) -> None:
        if device.wallet is not None:
            self._by_wallet.setdefault(device.wallet, set()).add(device.key)

    def _append(self, entry: bytes, oldest_generation: int) -> None:
        digest = extend_hash(self.tip.hash, [entry])
        self.tip = ListTip(self.tip.number + 1, digest, oldest_generation)
        self.entries.append(Entry(entry, self.tip))
