"""Control state: who may sign what, quotas and rulebooks; changed by officers' orders only.

Small, so the writer holds all of it in memory. It is immutable: an order that changes it makes a
new one, which becomes the writer's when the block is committed and is dropped otherwise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeVar

from jiaozi.central_bank.rulebook.model import Rulebook
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.genesis import OFFICERS_MIN, Network
from jiaozi.protocol.refusals import Code, refuse

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """A key with its one use.

    Attributes:
        certificate: The root's; None for a key of genesis.
        revoked_ms: Block time of its revocation.
    """

    certified: Certified
    certificate: bytes | None = None
    revoked_ms: int | None = None

    @property
    def revoked(self) -> bool:
        """Whether it may do nothing any more."""
        return self.revoked_ms is not None


@dataclass(frozen=True, slots=True)
class Halt:
    """A stop until a time, or with ``orders_per_s`` a slow-down."""

    until_ms: int
    orders_per_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """Keys by public key, vault quotas by operator, rulebooks by start, carriers, halts."""

    network: Network
    keys: Mapping[bytes, KeyRecord]
    quotas_fen: Mapping[int, int]
    schedule: tuple[tuple[int, bytes], ...]
    """Start in Unix milliseconds and hash, in order of start."""
    library: Mapping[bytes, Rulebook]
    """The rulebooks that this registry has, by hash."""
    funded: frozenset[bytes] = frozenset()
    """References of the payments that have funded reserves."""
    carriers: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    """Who carries the wallets of a failed operator, by that one's code."""
    halts: Mapping[tuple[int, int], Halt] = field(default_factory=lambda: MappingProxyType({}))
    """By `HaltScope` and subject (0 where there is none); kept after their end."""

    def rulebook_at(self, time_ms: int) -> Rulebook:
        """Return the rulebook in force at a block time."""
        chosen = self.schedule[0][1]
        for starts_at_ms, rulebook_hash in self.schedule:
            if starts_at_ms <= time_ms:
                chosen = rulebook_hash
        return self.library[chosen]

    def certified(self, key: bytes, use: Use, time_ms: int) -> Certified:
        """Return what is certified of a key, which must be for this use and valid now.

        Raises:
            Refusal: ``certificate_unknown``, ``certificate_other_use``, ``certificate_revoked`` or
                ``certificate_not_valid_now``.
        """
        record = self.keys.get(key)
        if record is None:
            raise refuse(Code.CERTIFICATE_UNKNOWN)
        certified = record.certified
        if certified.use is not use:
            raise refuse(Code.CERTIFICATE_OTHER_USE)
        if record.revoked:
            raise refuse(Code.CERTIFICATE_REVOKED)
        if not certified.not_before_ms <= time_ms < certified.not_after_ms:
            raise refuse(Code.CERTIFICATE_NOT_VALID_NOW)
        return certified

    def with_record(self, record: KeyRecord) -> "Control":
        """Return the state with a key; a new operator begins with a quota of nothing."""
        operator = record.certified.operator
        quotas = self.quotas_fen
        if operator and operator not in quotas:
            quotas = _with(quotas, operator, 0)
        return replace(self, keys=_with(self.keys, record.certified.key, record), quotas_fen=quotas)

    def without_key(self, key: bytes, time_ms: int) -> "Control":
        """Return the state with a key revoked.

        Raises:
            Refusal: ``certificate_unknown``; ``last_officers`` when fewer than two persons could
                approve anything afterwards; ``last_block_key`` when no key could sign blocks.
        """
        record = self.keys.get(key)
        if record is None:
            raise refuse(Code.CERTIFICATE_UNKNOWN)
        revoked = record if record.revoked else replace(record, revoked_ms=time_ms)
        after = replace(self, keys=_with(self.keys, key, revoked))
        use = record.certified.use
        left = after.valid_keys(use, time_ms)
        if use is Use.OFFICER and len({each.person for each in left}) < OFFICERS_MIN:
            raise refuse(Code.LAST_OFFICERS)
        if use is Use.REGISTRY_BLOCK and not left:
            raise refuse(Code.LAST_BLOCK_KEY)
        return after

    def valid_keys(self, use: Use, time_ms: int) -> list[Certified]:
        """Return the keys that may be used for something at a block time, by their beginning."""
        valid = [
            each.certified
            for each in self.keys.values()
            if each.certified.use is use
            and not each.revoked
            and each.certified.not_before_ms <= time_ms < each.certified.not_after_ms
        ]
        return sorted(valid, key=lambda it: (it.not_before_ms, it.key))

    def with_quota(self, operator: int, quota_fen: int) -> "Control":
        """Return the state with an operator's quota set."""
        return replace(self, quotas_fen=_with(self.quotas_fen, operator, quota_fen))

    def with_funding(self, reference: bytes) -> "Control":
        """Return the state with a payment that has funded a reserve.

        Raises:
            Refusal: ``funded_before``.
        """
        if reference in self.funded:
            raise refuse(Code.FUNDED_BEFORE)
        return replace(self, funded=self.funded | {reference})

    def with_carrier(self, failed: int, carrier: int) -> "Control":
        """Return the state in which an operator carries the wallets of a failed one.

        Those that the failed one carried for others go along.

        Raises:
            Refusal: ``operator_unknown``, or ``carrier_invalid`` when the failed one has been
                replaced before, or the carrier has failed itself or is the same.
        """
        if failed not in self.quotas_fen or carrier not in self.quotas_fen:
            raise refuse(Code.OPERATOR_UNKNOWN)
        if failed == carrier or failed in self.carriers or carrier in self.carriers:
            raise refuse(Code.CARRIER_INVALID)
        moved = {old: carrier if by == failed else by for old, by in self.carriers.items()}
        return replace(self, carriers=MappingProxyType({**moved, failed: carrier}))

    def with_halt(self, scope: int, subject: int, halt: Halt) -> "Control":
        """Return the state with a halt, in the place of one of the same scope and subject."""
        return replace(self, halts=_with(self.halts, (scope, subject), halt))

    def slows_down_at(self, time_ms: int) -> bool:
        """Say whether anything is slowed down at a block time."""
        return any(
            each.orders_per_s is not None and each.until_ms > time_ms
            for each in self.halts.values()
        )

    def carrier_of(self, operator: int) -> int:
        """Return who carries the wallets that an operator opened."""
        return self.carriers.get(operator, operator)

    def with_rulebook(self, starts_at_ms: int, rulebook_hash: bytes) -> "Control":
        """Return the state with a rulebook put in force from a time on."""
        others = [each for each in self.schedule if each[0] != starts_at_ms]
        return replace(self, schedule=tuple(sorted([*others, (starts_at_ms, rulebook_hash)])))


def from_genesis(network: Network, library: Mapping[bytes, Rulebook]) -> Control:
    """Return the state that genesis sets.

    Raises:
        LookupError: The rulebook of genesis is not in the library, or it sets no quota for an
            operator whose key it lists.
    """
    genesis = network.genesis
    if genesis.rulebook_hash not in library:
        raise LookupError(f"no rulebook file has the hash {genesis.rulebook_hash.hex()} of genesis")
    for each in genesis.keys:
        if each.operator and each.operator not in genesis.quotas_fen:
            raise LookupError(f"genesis sets no quota for operator {each.operator:04d}")
    return Control(
        network=network,
        keys=MappingProxyType({each.key: KeyRecord(each) for each in genesis.keys}),
        quotas_fen=MappingProxyType(dict(genesis.quotas_fen)),
        schedule=((0, genesis.rulebook_hash),),
        library=library,
    )


def _with(mapping: Mapping[_Key, _Value], key: _Key, value: _Value) -> Mapping[_Key, _Value]:
    return MappingProxyType({**mapping, key: value})
