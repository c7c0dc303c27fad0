"""Who had to sign: the audit's own reading of the order table (rules.md §A).

Whether the signatures hold was checked by `check`. Here the keys that made them are compared with
the rebuilt accounts and the certified keys, as they stood at the moment of the order.
"""

from collections.abc import Iterable

from jiaozi.central_bank.audit.accounts import Account
from jiaozi.central_bank.audit.devices import ShownCertificate
from jiaozi.central_bank.audit.model import CheckedOrder
from jiaozi.central_bank.audit.state import State
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.numbers import format_number, operator_of, vault_of
from jiaozi.protocol.order_types import ORDER_TYPES, OrderType, Role

OFFICERS_NEEDED = 2
"""Persons, each with a key of their own."""

_USES = {
    Role.CERTIFY: Use.OPERATOR_CERTIFY,
    Role.VAULT: Use.OPERATOR_VAULT,
    Role.OFFICERS: Use.OFFICER,
    Role.OPERATOR_OFFICERS: Use.OPERATOR_OFFICER,
}
_SECOND_FACTOR = (OrderType.PAYMENT, OrderType.REDEEM, OrderType.LOAD)
"""Above the holder's own amount the operator signs these too."""
_PERSONS = (Use.OFFICER, Use.OPERATOR_OFFICER)


def signers_fault(order: CheckedOrder, state: State, time_ms: int) -> str | None:
    """Say what is wrong with the signers of an order, or None."""
    roles = ORDER_TYPES[order.type].signers
    if roles == (Role.DEBITED,):
        return _owners_fault(order, state, time_ms)
    if order.type is OrderType.EXCHANGE:
        return _owners_fault(order, state, time_ms) or certified_fault(
            state, order.signers[0][1], Use.OPERATOR_VAULT, time_ms
        )
    if order.type is OrderType.MANDATE_PAYMENT:
        return _mandate_fault(order, state)
    if roles == (Role.BLOCK,):
        return certified_fault(state, order.signers[0][1], Use.REGISTRY_BLOCK, time_ms)
    if Role.WALLET in roles:
        return _wallet_fault(order, roles, state, time_ms)
    return _roles_fault(order, roles, state, time_ms)


def certified_fault(state: State, key: bytes, use: Use, time_ms: int) -> str | None:
    """Say why a key may not be used for something at a time, or None."""
    known = state.keys.get(key)
    if known is None:
        return f"the key {_short(key)} is not certified"
    certified = known.certified
    if certified.use is not use:
        return f"the key {_short(key)} is certified for {certified.use.name}, not for {use.name}"
    if known.revoked:
        return f"the key {_short(key)} was revoked before"
    if not certified.not_before_ms <= time_ms < certified.not_after_ms:
        return f"the certificate of the key {_short(key)} is not valid at block time"
    return None


def _owners_fault(order: CheckedOrder, state: State, time_ms: int) -> str | None:
    """Check that each debited account's own key signed, and beside them their operators at most."""
    if len(order.legs) == 1 and len(order.signers) == 1:
        account = state.accounts.get(order.legs[0][0])
        if (
            account is not None
            and order.signers[0] == (account.terms.suite, account.key)
            and account.terms.second_factor_above_fen is None
        ):
            return None
    owners: dict[int, Account] = {}
    for debit, _, _ in order.legs:
        account = state.accounts.get(debit)
        if account is None:
            return f"the debited account {format_number(debit)} does not exist"
        owners[debit] = account
    needed = {(each.terms.suite, each.key) for each in owners.values()}
    signed = set(order.signers)
    for number, account in owners.items():
        if (account.terms.suite, account.key) not in signed:
            return f"not signed with the key of the debited account {format_number(number)}"
    if len(signed) == len(needed) and not _asks_for_second_factor(order, owners):
        return None
    return _second_factor_fault(order, owners, signed - needed, state, time_ms)


def _asks_for_second_factor(order: CheckedOrder, owners: dict[int, Account]) -> bool:
    return order.type in _SECOND_FACTOR and any(
        each.terms.second_factor_above_fen is not None for each in owners.values()
    )


def _second_factor_fault(
    order: CheckedOrder,
    owners: dict[int, Account],
    others: Iterable[tuple[int, bytes]],
    state: State,
    time_ms: int,
) -> str | None:
    """Check that whoever else signed is an owner's operator, and that it did where it had to."""
    countersigned = set()
    for _, key in others:
        fault = certified_fault(state, key, Use.OPERATOR_CERTIFY, time_ms)
        if fault is not None:
            return fault
        operator = state.keys[key].certified.operator
        if operator not in {state.operator_of(each) for each in owners.values()}:
            return f"the key {_short(key)} is of an operator that carries no debited account"
        countersigned.add(operator)
    if order.type not in _SECOND_FACTOR or not order.settled:
        return None
    for number, account in owners.items():
        above = account.terms.second_factor_above_fen
        debited = sum(amount for debit, _, amount in order.legs if debit == number)
        if (
            above is not None
            and debited > above
            and state.operator_of(account) not in countersigned
        ):
            return f"without the second factor of the debited account {format_number(number)}"
    return None


def _mandate_fault(order: CheckedOrder, state: State) -> str | None:
    """Check that the mandate's key signed; what the mandate allows is its effect's to check."""
    number = order.legs[0][0]
    safeguards = state.safeguards.get(number)
    mandate = None if safeguards is None else safeguards.mandates.get(order.body["mandate"])
    if mandate is None or order.signers != ((mandate.suite, mandate.key),):
        return f"not signed with the key of a mandate of {format_number(number)}"
    return None


def _wallet_fault(
    order: CheckedOrder, roles: Iterable[Role], state: State, time_ms: int
) -> str | None:
    """Check that the wallet's key signed, and beside it its operator's where it has to."""
    account = state.accounts.get(order.body["number"])
    if account is None:
        return f"the wallet {format_number(order.body['number'])} does not exist"
    own = (account.terms.suite, account.key)
    if own not in order.signers:
        return f"not signed with the key of the wallet {format_number(order.body['number'])}"
    others = set(order.signers) - {own}
    for _, key in others:
        fault = certified_fault(state, key, Use.OPERATOR_CERTIFY, time_ms)
        if fault is not None:
            return fault
        if state.keys[key].certified.operator != state.operator_of(account):
            return f"the key {_short(key)} is of an operator that does not carry the wallet"
    if Role.CERTIFY in roles and not others:
        return "without the operator's signature"
    return None


def _roles_fault(
    order: CheckedOrder, roles: Iterable[Role], state: State, time_ms: int
) -> str | None:
    """Check an order that certified keys sign: an operator's, officers', or both."""
    operator = _operator_of(order, state)
    vault = state.accounts.get(vault_of(operator))
    signed: dict[Use, set[bytes]] = {_USES[role]: set() for role in roles}
    for suite, key in order.signers:
        known = state.keys.get(key)
        if known is None or known.certified.use not in signed:
            return f"the key {_short(key)} signs no such orders"
        certified = known.certified
        fault = certified_fault(state, key, certified.use, time_ms)
        if fault is not None:
            return fault
        if certified.suite != suite:
            return f"the key {_short(key)} is of another suite"
        if certified.use is not Use.OFFICER and certified.operator != operator:
            return f"the key {_short(key)} is of operator {certified.operator:04d}"
        if certified.use is Use.OPERATOR_VAULT and (vault is None or vault.key != key):
            return f"the key {_short(key)} is not that of the vault's account"
        signed[certified.use].add(certified.person or key)
    for use, persons in signed.items():
        needed = OFFICERS_NEEDED if use in _PERSONS else 1
        if len(persons) < needed:
            return f"signed by {len(persons)} of {needed} {use.name} needed"
    return None


def _operator_of(order: CheckedOrder, state: State) -> int:
    """Return the operator whose account an order acts on; 0 for the central bank's own orders."""
    match order.type:
        case OrderType.OPEN_ACCOUNT:
            return int(operator_of(order.body["number"]))
        case OrderType.ISSUE:
            return int(operator_of(order.legs[0][1]))
        case OrderType.DESTROY | OrderType.FUND_GUARANTEE | OrderType.RELEASE_GUARANTEE:
            return int(operator_of(order.legs[0][0]))
        case OrderType.ENROL:
            assert order.inner is not None, "its shape asks for a device certificate"
            return ShownCertificate(*order.inner).operator
        case OrderType.REVOKE_DEVICE:
            device = state.devices.known.get(order.body["device"])
            return 0 if device is None else state.carriers.get(device.operator, device.operator)
        case OrderType.UNLOAD:
            account = state.accounts.get(order.legs[0][1])
            return 0 if account is None else state.operator_of(account)
        case OrderType.SETTLE_OFFLINE | OrderType.TAKE_UP:
            known = state.keys.get(order.signers[0][1])
            return 0 if known is None else known.certified.operator
        case _ if Role.CERTIFY in ORDER_TYPES[order.type].signers:
            number = order.body["number"]
            account = state.accounts.get(number)
            return int(operator_of(number)) if account is None else state.operator_of(account)
        case _:
            return 0


def _short(key: bytes) -> str:
    return f"{key.hex()[:16]}…"
