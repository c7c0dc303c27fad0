"""Devices as blocks determine them: what the audit keeps of each, and of their payments."""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, field
from heapq import heappop, heappush
from typing import Any, NamedTuple

from jiaozi.protocol.offline.revocations import (
    NO_ENTRIES,
    certifier_entry,
    extend_hash,
    generation_entry,
    revocation_entry,
)
from jiaozi.protocol.state import DeviceRecord, list_record


class SpokenPayment(NamedTuple):
    """The offline payment that an order carries, whose signature holds for the key it names."""

    suite: int
    key: bytes
    identity: bytes
    counter: int
    position: int
    amount_fen: int
    payee: bytes | None
    wallet: int | None


class ShownCertificate(NamedTuple):
    """The device certificate that an order carries, and the key that signed it."""

    signer: bytes
    operator: int
    suite: int
    key: bytes
    profile: int
    generation: int
    not_before_ms: int
    not_after_ms: int
    limits: tuple[int, ...]
    """In the order of `jiaozi.protocol.offline.certificate.LIMIT_NAMES`."""


@dataclass(slots=True)
class Device:
    """What the registry must know of a device; the fields of its record, in their order."""

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
    def is_taken_up(self) -> bool:
        """Whether nobody enrolled it: then no certificate of it ever counted, and none ends."""
        return not self.not_after_ms

    def lives_at(self, time_ms: int) -> bool:
        """Say whether it is neither revoked nor expired."""
        return self.revoked is None and self.not_after_ms > time_ms


@dataclass(slots=True)
class Devices:
    """All devices, the payments that they spoke, and the revocation list."""

    known: dict[bytes, Device] = field(default_factory=dict)
    by_wallet: dict[int, list[Device]] = field(default_factory=dict)
    wallets_of_group: dict[bytes, set[int]] = field(default_factory=dict)
    """The wallets with devices, by the id of their group; two operators may share one."""
    revoked_certifiers: dict[bytes, int] = field(default_factory=dict)
    """Certify keys that were revoked, and when."""
    claimed: set[bytes] = field(default_factory=set)
    """Devices of which the rest was paid out."""
    list_number: int = 0
    list_hash: bytes = NO_ENTRIES
    oldest_generation: int = 0
    shadows_fen: int = 0
    """The sum of all shadow balances: what the offline account must hold."""
    _spoken: dict[tuple[bytes, int], set[bytes]] = field(default_factory=dict)
    _placed: dict[tuple[bytes, int], set[bytes]] = field(default_factory=dict)
    _lacks_fen: dict[int, int] = field(default_factory=dict)
    _live_caps_fen: dict[int, int] = field(default_factory=dict)
    _counted: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """Operator and cap of each device whose cap is in that sum."""
    _ends: list[tuple[int, bytes]] = field(default_factory=list)
    """A heap of when a certificate ends, with its device; some were renewed since."""

    def put(self, device: Device, group_id: bytes | None) -> None:
        """Take in a device, in place of what was known of it; the group is its wallet's."""
        before = self.known.get(device.key)
        if before is not None:
            self._end(before.key)
            if before.wallet is not None:
                self.by_wallet[before.wallet].remove(before)
            self.charge(before, -before.shadow_fen)
        shadow_fen, device.shadow_fen = device.shadow_fen, 0
        self.known[device.key] = device
        self.charge(device, shadow_fen)
        if device.wallet is not None:
            self.by_wallet.setdefault(device.wallet, []).append(device)
        if device.wallet is not None and group_id is not None:
            self.wallets_of_group.setdefault(group_id, set()).add(device.wallet)
        if device.revoked is None:
            operator, cap_fen = device.operator, device.balance_cap_fen
            self._counted[device.key] = (operator, cap_fen)
            self._live_caps_fen[operator] = self._live_caps_fen.get(operator, 0) + cap_fen
            heappush(self._ends, (device.not_after_ms, device.key))

    def live_caps_fen(self, operator: int, time_ms: int) -> int:
        """Return what an operator's live devices may hold together."""
        while self._ends and self._ends[0][0] <= time_ms:
            not_after_ms, key = heappop(self._ends)
            if self.known[key].not_after_ms == not_after_ms:
                self._end(key)
        return self._live_caps_fen.get(operator, 0)

    def lacks_fen(self, operator: int) -> int:
        """Return what an operator's devices lack together that paid more than was seen on them."""
        return self._lacks_fen.get(operator, 0)

    def charge(self, device: Device, amount_fen: int) -> None:
        """Change a shadow balance, up or down."""
        lacked_fen = max(-device.shadow_fen, 0)
        device.shadow_fen += amount_fen
        self.shadows_fen += amount_fen
        more_fen = max(-device.shadow_fen, 0) - lacked_fen
        self._lacks_fen[device.operator] = self._lacks_fen.get(device.operator, 0) + more_fen

    def is_recorded(self, payment: SpokenPayment) -> bool:
        """Say whether this very payment was recorded before."""
        return payment.identity in self._spoken.get((payment.key, payment.counter), ())

    def conflicts(self, payment: SpokenPayment) -> bool:
        """Say whether its device signed something else under its counter or at its place."""
        others = self._spoken.get((payment.key, payment.counter), set()) | self._placed.get(
            (payment.key, payment.position), set()
        )
        return bool(others - {payment.identity})

    def record(self, payment: SpokenPayment) -> None:
        """Record a payment of a device that is known."""
        self._remember(payment.key, payment.counter, payment.position, payment.identity)
        self.known[payment.key].payments += 1

    def revoke(self, device: Device, time_ms: int) -> None:
        """Put a device on the list."""
        if device.revoked is None:
            self._end(device.key)
            self._append(revocation_entry(device.key, device.not_after_ms))
            device.revoked, device.revoked_ms = self.list_number, time_ms

    def revoke_block_key(self, key: bytes, not_after_ms: int) -> None:
        """Put a key that signs blocks on the list."""
        self._append(revocation_entry(key, not_after_ms))

    def revoke_certifier(self, key: bytes, not_after_ms: int, time_ms: int) -> None:
        """Put an operator's certify key on the list."""
        self._append(certifier_entry(key, not_after_ms))
        self.revoked_certifiers[key] = time_ms

    def take_up(self, device: Device, not_after_ms: int, time_ms: int) -> None:
        """Take in a device that nobody enrolled; the list names it until its certificate ends."""
        self._append(revocation_entry(device.key, not_after_ms))
        self.take_up_under(device, time_ms)

    def take_up_under(self, device: Device, time_ms: int) -> None:
        """Take in a device that nobody enrolled, whose certify key the list names since a time."""
        device.revoked, device.revoked_ms, device.convicted = self.list_number, time_ms, True
        self.put(device, None)

    def raise_generation(self, oldest: int) -> None:
        """Accept no older generation any more."""
        self._append(generation_entry(oldest))
        self.oldest_generation = oldest

    def shortfall_fen(self) -> int:
        """Return what proven losses lack that no guarantee has covered."""
        return sum(
            -each.shadow_fen
            for each in self.known.values()
            if each.convicted and each.shadow_fen < 0
        )

    def claimed_lacks_fen(self) -> int:
        """Return what devices lack of which the rest was paid out before all had surfaced."""
        lacking = (self.known[key] for key in self.claimed)
        return -sum(min(each.shadow_fen, 0) for each in lacking if not each.convicted)

    def records(self) -> Iterator[bytes]:
        """Yield the records of the state hash."""
        for _, device in sorted(self.known.items()):
            yield DeviceRecord(*astuple(device)).encoded()
        if self.list_number:
            yield list_record(self.list_number, self.list_hash, self.oldest_generation)

    def take_list(self, number: int, list_hash: bytes, oldest_generation: int) -> None:
        """Take in where the revocation list stands."""
        self.list_number, self.list_hash = number, list_hash
        self.oldest_generation = oldest_generation

    def unhashed(self) -> Iterator[list[Any]]:
        """Yield what no record has: ``[device, counter, position, identity]`` of each payment.

        And ``[certify key, when it was revoked]``, and ``[device]`` of each that was claimed.
        """
        yield from ([each] for each in sorted(self.claimed))
        yield from ([*each] for each in sorted(self.revoked_certifiers.items()))
        counters = {
            (key, identity): counter
            for (key, counter), identities in self._spoken.items()
            for identity in identities
        }
        for (key, position), identities in self._placed.items():
            for identity in sorted(identities):
                yield [key, counters[key, identity], position, identity]

    def take_unhashed(self, item: list[Any]) -> None:
        """Take in one of `unhashed`."""
        match item:
            case [device]:
                self.claimed.add(device)
            case [key, time_ms]:
                self.revoked_certifiers[key] = time_ms
            case _:
                self._remember(*item)

    def _remember(self, key: bytes, counter: int, position: int, identity: bytes) -> None:
        self._spoken.setdefault((key, counter), set()).add(identity)
        self._placed.setdefault((key, position), set()).add(identity)

    def _end(self, key: bytes) -> None:
        """Have the cap of a device count no longer, unless that had ended."""
        if key in self._counted:
            operator, cap_fen = self._counted.pop(key)
            self._live_caps_fen[operator] -= cap_fen

    def _append(self, entry: bytes) -> None:
        self.list_hash = extend_hash(self.list_hash, [entry])
        self.list_number += 1
