"""Who acts on a wallet: its own key, its operator, or two officers of the central bank.

Each function checks the signers of an order that names a wallet in its body, that the order has
begun, and that the wallet is open; it returns the wallet. The refusals of the signers come first
and use up no id, the others are final.
"""

from jiaozi.central_bank.registry.ledger import Ledger
from jiaozi.central_bank.registry.model import Account
from jiaozi.central_bank.registry.signers import check_certified, check_owners
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.order_types import Role
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import Code, refuse


def holders_wallet(order: Order, caller: Certified, ledger: Ledger) -> Account:
    """Check an order that the wallet's key signs, and its operator too where the table says so.

    Raises:
        Refusal: What `check_owners` raises, ``signer_missing``, ``not_yet_valid`` or
            ``account_closed``.
    """
    number = order.body["number"]
    accounts, control = ledger.accounts, ledger.control
    countersigned = check_owners(order, caller, (number,), accounts, control, ledger.time_ms)
    account = accounts[number]
    if Role.CERTIFY in order.rule.signers and account.operator not in countersigned:
        raise refuse(Code.SIGNER_MISSING, 2, 1)
    return _open_wallet(order, account, ledger)


def operators_wallet(order: Order, caller: Certified, ledger: Ledger) -> Account:
    """Check an order that the wallet's operator signs, and its officers where the table says so.

    Raises:
        Refusal: ``account_unknown``, ``other_operator``, what `check_certified` raises,
            ``not_yet_valid`` or ``account_closed``.
    """
    account = ledger.accounts.get(order.body["number"])
    if account is None:
        raise refuse(Code.ACCOUNT_UNKNOWN)
    if caller.use is not Use.OPERATOR_TRANSPORT or caller.operator != account.operator:
        raise refuse(Code.OTHER_OPERATOR)
    check_certified(order, account.operator, ledger.control, ledger.time_ms)
    return _open_wallet(order, account, ledger)


def authoritys_wallet(order: Order, ledger: Ledger) -> Account:
    """Check an order of two officers on any wallet.

    Raises:
        Refusal: What `check_certified` raises, ``not_yet_valid``, ``account_unknown`` or
            ``account_closed``.
    """
    check_officers(order, ledger)
    account = ledger.accounts.get(order.body["number"])
    if account is None:
        raise refuse(Code.ACCOUNT_UNKNOWN)
    return _open_wallet(order, account, ledger)


def check_officers(order: Order, ledger: Ledger) -> None:
    """Check that two officers signed an order that has begun.

    Raises:
        Refusal: What `check_certified` raises, or ``not_yet_valid``.
    """
    check_certified(order, 0, ledger.control, ledger.time_ms)
    ledger.check_begun(order)


def _open_wallet(order: Order, account: Account, ledger: Ledger) -> Account:
    ledger.check_begun(order)
    if account.closed:
        raise refuse(Code.ACCOUNT_CLOSED)
    return account
