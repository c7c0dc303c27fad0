"""The accounts of institutions: the central bank's contra accounts, and each operator's own."""

from jiaozi.central_bank.registry.ledger import Ledger
from jiaozi.central_bank.registry.model import Account, Kind
from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Certified


def institution_accounts(vault_key: Certified) -> list[Account]:
    """Return the accounts that an operator has from the start: vault, reserve, guarantee."""
    operator = vault_key.operator
    return [
        institution_account(numbers.vault_of(operator), Kind.VAULT, operator, vault_key),
        institution_account(numbers.reserve_of(operator), Kind.RESERVE, operator, vault_key),
        institution_account(numbers.guarantee_of(operator), Kind.GUARANTEE, operator, vault_key),
    ]


def institution_account(
    number: int, kind: Kind, operator: int, certified: Certified | None = None
) -> Account:
    """Return an account of an institution; those of the central bank have no key."""
    return Account(
        number=number,
        kind=kind,
        operator=operator,
        wallet_class=0,
        holder=0,
        suite=certified.suite if certified else 0,
        key=certified.key if certified else b"",
        group_id=number.to_bytes(16, "big"),
        head=number,
    )


def give_vault_key(certified: Certified, ledger: Ledger) -> None:
    """Open a new operator's accounts, or give a known one's vault its new key."""
    vault = ledger.accounts.get(numbers.vault_of(certified.operator))
    if vault is None:
        for account in institution_accounts(certified):
            ledger.add(account)
        return
    vault.suite, vault.key = certified.suite, certified.key
    ledger.reterm(vault)
