"""What leaves wallets: limits of payers and of their groups, second factor (rules.md §E).

The sums and limits themselves are `model`'s; here they are asked of all payers of an order.
"""

from collections.abc import Container, Mapping

from jiaozi.central_bank.registry.ledger import Ledger
from jiaozi.central_bank.registry.model import Account, check_group_spending, check_spending
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import Code, refuse


def leaving_group(order: Order, accounts: Mapping[int, Account]) -> dict[int, int]:
    """Sum per payer what leaves its group: moves inside a group count towards nothing."""
    spending: dict[int, int] = {}
    for leg in order.legs:
        payee = accounts.get(leg.credit)
        if payee is None or payee.head != accounts[leg.debit].head:
            spending[leg.debit] = spending.get(leg.debit, 0) + leg.amount
    return spending


def check_second_factor(account: Account, amount_fen: int, countersigned: Container[int]) -> None:
    """Check that a wallet's operator signed as well what is above the wallet's own amount."""
    above_fen = account.second_factor_above_fen
    if above_fen is None or amount_fen <= above_fen:
        return
    if account.operator not in countersigned:
        raise refuse(Code.SECOND_FACTOR_REQUIRED, above_fen)


def check_limits(spending: Mapping[int, int], ledger: Ledger) -> None:
    """Check what leaves each payer, and each payer's group as a whole."""
    accounts = ledger.accounts
    groups: dict[int, int] = {}
    for number, amount in spending.items():
        head = accounts[number].head
        groups[head] = groups.get(head, 0) + amount
    for number, amount in spending.items():
        account = accounts[number]
        limits = ledger.limits_of(account)
        if limits is None:
            raise refuse(Code.CLASS_UNKNOWN)
        check_spending(account, amount, limits.single_fen, ledger.calendar)
        check_group_spending(accounts[account.head], groups[account.head], limits, ledger.calendar)
