"""The waterfall: what a payment lifts a wallet above its cap is redeemed in the same block.

The payment settles as any other, and nothing that its payer can read tells of the sweep after it.
A wallet's sweep goes into the vault of its carrier, bound by the rules of a redemption: not out of
a wallet that is frozen, not below what is frozen of it, not into a vault above its quota or in a
halt. Where it cannot go, the payment is refused as it would be without consent (rules.md §E.5).
"""

from collections.abc import Sequence

from jiaozi.central_bank.registry.block import Draft, readers_of_settled
from jiaozi.central_bank.registry.halts import stops_sweep
from jiaozi.central_bank.registry.ledger import Ledger
from jiaozi.central_bank.registry.model import Account, PayeeRefusal
from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Certified
from jiaozi.protocol.orders import Leg, Order
from jiaozi.protocol.refusals import Code, PayeeCause, refuse
from jiaozi.protocol.sweeps import sign_sweep, sweep_leg


def sweep_of(
    order: Order, account: Account, amount_fen: int, left_fen: int, ledger: Ledger,
    others: Sequence[Leg],
) -> Leg:  # fmt: skip
    """Return the leg that redeems an excess.

    Args:
        order: The payment that lifts the wallet above a cap.
        account: The wallet.
        amount_fen: The excess.
        left_fen: What the wallet will hold after payment and sweep.
        ledger: As it was before the payment.
        others: Sweeps of the same payment.

    Raises:
        PayeeRefusal: ``balance_cap``: the vault cannot take it, or the wallet may not be debited.
    """
    number = numbers.vault_of(account.operator)
    vault = ledger.accounts.get(number)
    arriving_fen = amount_fen + sum(each.amount for each in others if each.credit == number)
    if (
        vault is None
        or vault.balance_fen + arriving_fen > ledger.control.quotas_fen[account.operator]
        or account.freezes
        or left_fen < account.frozen_fen
        or stops_sweep(ledger.control, account.operator, ledger.time_ms)
    ):
        raise PayeeRefusal(payee=account.number, cause=PayeeCause.BALANCE_CAP)
    return sweep_leg(order.identity, account.number, number, amount_fen)


def add_sweeps(payment: Order, ledger: Ledger, draft: Draft) -> None:
    """Put the sweeps of a payment into the block, directly after it."""
    for leg in ledger.sweeps:
        order = sign_sweep(payment, leg, draft.signer, ledger.control.network.id)
        draft.add_own(order, readers_of_settled(order, 0, ledger.accounts))
    ledger.sweeps = []


def refuse_foreign(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Refuse a sweep that somebody sends: the registry alone makes them.

    Raises:
        Refusal: ``not_allowed``.
    """
    raise refuse(Code.NOT_ALLOWED)
