"""Who signed: the registry's side of the order table (rules.md §A).

Whether the signatures hold was checked before; here the keys that made them are compared with the
account records and with the certified keys. None of these refusals uses up an order id: otherwise
anyone could use up the ids of an account that is not theirs.
"""

from collections.abc import Iterable, Mapping

from jiaozi.central_bank.registry.control import Control
from jiaozi.central_bank.registry.model import Account
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.order_types import Role
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import Code, refuse

APPROVALS = 2
"""Persons who approve what the table gives to officers."""


def check_owners(
    order: Order,
    caller: Certified,
    debited: Iterable[int],
    accounts: Mapping[int, Account],
    control: Control,
    time_ms: int,
) -> frozenset[int]:
    """Check that every debited account's own key signed, and nobody who need not.

    Returns:
        The operators whose certify key signed as well: the second factor.

    Raises:
        Refusal: ``account_unknown``, ``other_operator``, ``signer_foreign``, ``signer_missing`` or
            what is wrong with a countersigner's certificate.
    """
    signatures = order.message.signatures
    owners = []
    for number in debited:
        account = accounts.get(number)
        if account is None:
            raise refuse(Code.ACCOUNT_UNKNOWN)
        owners.append(account)
    if caller.use is not Use.OPERATOR_TRANSPORT:
        raise refuse(Code.OTHER_OPERATOR)
    if any(each.operator != caller.operator for each in owners):
        raise refuse(Code.OTHER_OPERATOR)
    if len(signatures) == 1 and len(owners) == 1:
        if signatures[0].key != owners[0].key or signatures[0].suite != owners[0].suite:
            raise refuse(Code.SIGNER_FOREIGN)
        return _NOBODY
    return _check_several(order, owners, control, time_ms)


def check_certified(
    order: Order,
    operator: int,
    control: Control,
    time_ms: int,
    *,
    vault_key: bytes = b"",
) -> None:
    """Check an order that certified keys sign: an operator's, officers', or both.

    A vault is signed for by the key in its account record alone, whatever other keys of its
    operator are certified still (rules.md §B.5).

    Raises:
        Refusal: ``signer_missing``, ``signer_foreign`` or what is wrong with a certificate.
    """
    wanted = {_USES[role]: APPROVALS if role in _PERSONS else 1 for role in order.rule.signers}
    persons: dict[Use, set[bytes]] = {use: set() for use in wanted}
    only = next(iter(wanted)) if len(wanted) == 1 else None
    for signature in order.message.signatures:
        record = control.keys.get(signature.key)
        use = (
            only if record is None or record.certified.use not in wanted else (record.certified.use)
        )
        if use is None:
            raise refuse(Code.SIGNER_FOREIGN)
        certified = control.certified(signature.key, use, time_ms)
        if certified.suite != signature.suite:
            raise refuse(Code.SIGNER_FOREIGN)
        if use is not Use.OFFICER and certified.operator != operator:
            raise refuse(Code.SIGNER_FOREIGN)
        if use is Use.OPERATOR_VAULT and signature.key != vault_key:
            raise refuse(Code.SIGNER_FOREIGN)
        persons[use].add(certified.person or certified.key)
    found = sum(min(len(persons[use]), number) for use, number in wanted.items())
    if found < sum(wanted.values()):
        raise refuse(Code.SIGNER_MISSING, sum(wanted.values()), found)


def _check_several(
    order: Order, owners: list[Account], control: Control, time_ms: int
) -> frozenset[int]:
    keys = {(each.suite, each.key) for each in order.message.signatures}
    needed = {(each.suite, each.key) for each in owners}
    if not needed & keys:
        raise refuse(Code.SIGNER_FOREIGN)
    if not needed <= keys:
        raise refuse(Code.SIGNER_MISSING, len(needed), len(needed & keys))
    countersigned = set()
    for _, key in keys - needed:
        certified = control.certified(key, Use.OPERATOR_CERTIFY, time_ms)
        if certified.operator not in {each.operator for each in owners}:
            raise refuse(Code.SIGNER_FOREIGN)
        countersigned.add(certified.operator)
    return frozenset(countersigned)


_NOBODY: frozenset[int] = frozenset()
_USES = {
    Role.VAULT: Use.OPERATOR_VAULT,
    Role.CERTIFY: Use.OPERATOR_CERTIFY,
    Role.OFFICERS: Use.OFFICER,
    Role.OPERATOR_OFFICERS: Use.OPERATOR_OFFICER,
}
_PERSONS = frozenset((Role.OFFICERS, Role.OPERATOR_OFFICERS))
