"""The rulebook of most tests: small caps for one class, none for another."""

from dataclasses import replace

from jiaozi.central_bank.rulebook.model import ClassLimits, Delays, Rulebook
from jiaozi.protocol.order_types import Holder

LIMITS = ClassLimits(
    balance_cap_fen=1_000_000, single_fen=50_000, day_fen=100_000, year_fen=300_000
)
"""Of class II, the class that `open_wallet` takes."""
UNCAPPED = 1
"""A personal class without caps."""
LIMITED = Rulebook(
    hash=b"limited".ljust(32),
    name="limited",
    limits={
        (Holder.PERSONAL, UNCAPPED): ClassLimits(),
        (Holder.PERSONAL, 2): LIMITS,
        (Holder.CORPORATE, 1): ClassLimits(),
    },
)
HASTY = replace(
    LIMITED,
    hash=b"hasty".ljust(32),
    name="hasty",
    delays=Delays(raise_s=1, unfreeze_s=1, rebind_s=1, rebind_lapse_s=1),
)
"""The same, but nothing waits longer than a second."""
