"""What the figures must be at the end of the story, against what they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from jiaozi.demo.market_plan import GUARANTEE_FEN
from jiaozi.demo.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The money supply in fen."""

    issued_fen: int
    destroyed_fen: int
    in_vaults_fen: int
    with_public_fen: int
    offline_fen: int
    in_guarantee_fen: int
    reserves_fen: int

    @property
    def circulation_fen(self) -> int:
        """The money outstanding."""
        return self.issued_fen - self.destroyed_fen


def expected_books(plan: Plan, operators: Sequence[int], funded_fen: int) -> Books:
    """Add up what a plan moves.

    Args:
        plan: All of which has happened.
        operators: Their codes.
        funded_fen: What all reserves were funded with.
    """
    issued_fen = sum(map(plan.issued_fen, operators))
    destroyed_fen = sum(map(plan.destroyed_fen, operators))
    exchanged_fen = sum(map(plan.exchanged_fen, operators))
    redeemed_fen = sum(each.redeem_fen for each in plan.people)
    set_aside_fen = GUARANTEE_FEN * len(operators)
    taken_along_fen = plan.market.loaded_fen - plan.market.unloaded_fen
    return Books(
        issued_fen=issued_fen,
        destroyed_fen=destroyed_fen,
        in_vaults_fen=issued_fen - exchanged_fen + redeemed_fen - destroyed_fen - set_aside_fen,
        with_public_fen=exchanged_fen - redeemed_fen - taken_along_fen,
        offline_fen=plan.market.offline_fen,
        in_guarantee_fen=set_aside_fen - plan.market.covered_fen,
        reserves_fen=funded_fen - issued_fen + destroyed_fen,
    )


def differences(expected: Books, supply: Mapping[str, int]) -> list[str]:
    """Compare with the registry's figures; an empty list when all are as expected."""
    wanted = {
        "issued_fen": expected.issued_fen,
        "destroyed_fen": expected.destroyed_fen,
        "outstanding_fen": expected.circulation_fen,
        "in_vaults_fen": expected.in_vaults_fen,
        "with_public_fen": expected.with_public_fen,
        "reserves_fen": expected.reserves_fen,
        "in_escrow_fen": 0,
        "offline_fen": expected.offline_fen,
        "in_guarantee_fen": expected.in_guarantee_fen,
    }
    return [
        f"{name} is {supply[name]}, not {value}"
        for name, value in wanted.items()
        if supply[name] != value
    ]
