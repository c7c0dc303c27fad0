"""Sweeps: the audit's own reading of the waterfall (rules.md §E.5).

1. Directly after a payment stands a sweep for each wallet that it lifted above a cap and whose
   holder had consented, in the order of the legs; there are no others.
2. It redeems what is above the wallet's own cap, or with its group above that of its class once the
   sweeps before it are gone, whichever is more; and never more than the payment had brought.
3. It goes into the vault of the wallet's carrier, which then holds no more than its quota.
4. The wallets that were not swept keep to their caps once the sweeps are gone.

That the bytes of a sweep follow from those of its payment is checked by `check`.
"""

from collections.abc import Iterable

from jiaozi.central_bank.audit.limits import check_caps
from jiaozi.central_bank.audit.model import Differs, Rule
from jiaozi.central_bank.audit.state import DueSweeps, State
from jiaozi.protocol.numbers import format_number, vault_of

Leg = tuple[int, int, int]


def expect_sweeps(legs: Iterable[Leg], state: State, time_ms: int) -> None:
    """Work out the sweeps that a payment calls for, which the state holds already.

    Raises:
        Differs: It calls for none, and a wallet that it credited holds more than it may.
    """
    credited: dict[int, int] = {}
    for _, credit, amount in legs:
        credited[credit] = credited.get(credit, 0) + amount
    due: list[Leg] = []
    for number, amount in credited.items():
        safeguards = state.safeguards.get(number)
        if safeguards is not None and safeguards.waterfall:
            excess_fen = min(_excess_fen(number, due, state, time_ms), amount)
            if excess_fen > 0:
                vault = vault_of(state.operator_of(state.accounts[number]))
                due.append((number, int(vault), excess_fen))
    swept = {number for number, _, _ in due}
    others = [each for each in legs if each[1] not in swept]
    state.due_sweeps = DueSweeps(due, others)
    if not due:
        check_caps(others, state, time_ms)


def take_sweep(leg: Leg, state: State, time_ms: int) -> None:
    """Compare a sweep that the state holds already with the one that is due.

    Raises:
        Differs: It is another, its vault holds too much, or another wallet does.
    """
    awaited, wallet = state.due_sweeps, format_number(leg[0])
    expected = awaited.legs.pop(0) if awaited.legs else None
    if leg != expected:
        due = "none" if expected is None else f"{expected[2]} of {format_number(expected[0])}"
        detail = f"swept {leg[2]} fen of {wallet} into {format_number(leg[1])}, due was {due}"
        raise Differs(rule=Rule.EFFECT, detail=detail)
    vault = state.accounts[leg[1]]
    if vault.balance_fen > state.quotas_fen.get(vault.terms.operator, 0):
        detail = f"swept {wallet} into a vault that holds more than its quota"
        raise Differs(rule=Rule.EFFECT, detail=detail)
    if not awaited.legs:
        check_caps(awaited.others, state, time_ms)


def sweep_missing(state: State) -> str | None:
    """Say which sweep should have come by now, and wait for it no longer; None without one."""
    awaited, state.due_sweeps = state.due_sweeps, DueSweeps([], [])
    if not awaited.legs:
        return None
    return f"{format_number(awaited.legs[0][0])} was not swept of {awaited.legs[0][2]} fen"


def _excess_fen(number: int, due: list[Leg], state: State, time_ms: int) -> int:
    """Return what a wallet holds above a cap once the sweeps that are due are gone."""
    account = state.accounts[number]
    limits = state.rulebook_at(time_ms).limits_of(account.terms.holder, account.terms.wallet_class)
    if limits is None:
        return 0
    gone_fen = sum(
        amount for other, _, amount in due if state.accounts[other].whole is account.whole
    )
    held = (
        (account.terms.balance_cap_fen, account.balance_fen),
        (limits.balance_cap_fen, account.whole.balance_fen - gone_fen),
    )
    return max((balance - cap for cap, balance in held if cap is not None), default=0)
