"""A rulebook: the caps of each wallet class, under one hash.

A cap that is None does not exist: it is not a large number. What a cap counts and when it binds is
the registry's (rules.md §E).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from jiaozi.protocol.offline.certificate import PurseLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLimits:
    """The caps of a wallet class in fen; None where there is none."""

    balance_cap_fen: int | None = None
    single_fen: int | None = None
    day_fen: int | None = None
    year_fen: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delays:
    """How long what is dangerous waits, in seconds of block time.

    Source: rules.md §A and §E.6; the lapse and the longest halt are choices of this project.

    Attributes:
        raise_s: Until raised own limits are in force.
        unfreeze_s: Until a holder's own freeze is lifted.
        rebind_s: Between a rebind's request, or the objection to it, and its completion.
        rebind_lapse_s: Until a rebind that nobody completes ends by itself.
        halt_max_s: The longest halt.
    """

    raise_s: int = 86_400
    unfreeze_s: int = 86_400
    rebind_s: int = 259_200
    rebind_lapse_s: int = 2_592_000
    halt_max_s: int = 259_200


@dataclass(frozen=True, slots=True, kw_only=True)
class OfflineRules:
    """What binds devices that pay without network.

    Attributes:
        guarantee_permille: How much of what an operator's live devices may hold its guarantee
            covers, in thousandths.
        claim_wait_s: Between a device's revocation and the refund of what it held.
        bounds: What a certificate may allow at most, by `Profile`; no profile that is absent.
    """

    guarantee_permille: int = 1000
    claim_wait_s: int = 3_888_000
    bounds: Mapping[int, PurseLimits] = field(default_factory=lambda: MappingProxyType({}))

    def share_of(self, caps_fen: int) -> int:
        """Return what a guarantee has to hold for devices with these caps together."""
        return -(-caps_fen * self.guarantee_permille // 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    """Caps by holder and wallet class, delays, devices; ``hash`` is the SHA-256 of the file."""

    hash: bytes
    name: str
    limits: Mapping[tuple[int, int], ClassLimits]
    """By `Holder` and wallet class."""
    delays: Delays = field(default_factory=Delays)
    offline: OfflineRules = field(default_factory=OfflineRules)

    def limits_of(self, holder: int, wallet_class: int) -> ClassLimits | None:
        """Return the caps of a class; None when the rulebook has no such class."""
        return self.limits.get((holder, wallet_class))
