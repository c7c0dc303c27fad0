"""What two officers decide: rulebooks, quotas, keys, who carries a failed operator, halts."""

from jiaozi.central_bank.registry.control import Halt, KeyRecord
from jiaozi.central_bank.registry.institutions import give_vault_key
from jiaozi.central_bank.registry.ledger import Ledger
from jiaozi.central_bank.registry.wallet_signers import check_officers
from jiaozi.protocol.certificates import Certified, Use, read_certificate
from jiaozi.protocol.order_types import ORDER_TYPES, HaltScope, OrderType, Role
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import Code, Refusal, refuse


def rulebook(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Put a rulebook in force from a later time on."""
    check_officers(order, ledger)
    rulebook_hash, starts_at_ms = order.body["rulebook_hash"], order.body["starts_at_ms"]
    if rulebook_hash not in ledger.control.library:
        raise refuse(Code.RULEBOOK_UNKNOWN)
    if starts_at_ms <= ledger.time_ms:
        raise refuse(Code.STARTS_IN_THE_PAST, ledger.time_ms)
    ledger.control = ledger.control.with_rulebook(starts_at_ms, rulebook_hash)


def quota(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Set how much an operator's vault may hold."""
    check_officers(order, ledger)
    operator, quota_fen = order.body["operator"], order.body["quota_fen"]
    if operator not in ledger.control.quotas_fen:
        raise refuse(Code.OPERATOR_UNKNOWN)
    ledger.control = ledger.control.with_quota(operator, quota_fen)


def certify(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Take up a key that the root certified."""
    check_officers(order, ledger)
    network = ledger.control.network
    try:
        certified = read_certificate(
            order.body["certificate"], root_key=network.root_key, network=network.id
        )
    except Refusal:
        raise refuse(Code.CERTIFICATE_INVALID) from None
    is_valid_now = certified.not_before_ms <= ledger.time_ms < certified.not_after_ms
    takes_over_a_vault = certified.use is Use.OPERATOR_VAULT
    if certified.key in ledger.control.keys or (takes_over_a_vault and not is_valid_now):
        raise refuse(Code.CERTIFICATE_INVALID)
    ledger.control = ledger.control.with_record(
        KeyRecord(certified, certificate=order.body["certificate"])
    )
    if takes_over_a_vault:
        give_vault_key(certified, ledger)


def revoke(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Revoke a key for good; purses learn from their list of one that they would believe."""
    check_officers(order, ledger)
    key = order.body["key"]
    before, ledger.control = ledger.control, ledger.control.without_key(key, ledger.time_ms)
    record = before.keys[key]
    if not record.revoked:
        ledger.devices.revoke_key(record.certified)


def reassign(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Have another operator carry the wallets of a failed one."""
    check_officers(order, ledger)
    operator, carrier = order.body["operator"], order.body["carrier"]
    ledger.control = ledger.control.with_carrier(operator, carrier)
    ledger.carry_on()


def halt(order: Order, caller: Certified, ledger: Ledger) -> None:
    """Stop or slow down what a halt names; a time that has passed ends one."""
    check_officers(order, ledger)
    body = order.body
    scope, subject = body["scope"], body.get("subject", 0)
    _check_subject(scope, subject, ledger)
    per_second = body.get("orders_per_s")
    if per_second == 0:
        raise refuse(Code.SCOPE_INVALID)
    until_ms_max = ledger.time_ms + ledger.rulebook.delays.halt_max_s * 1000
    if body["until_ms"] > until_ms_max:
        raise refuse(Code.HALT_TOO_LONG, until_ms_max)
    ledger.control = ledger.control.with_halt(scope, subject, Halt(body["until_ms"], per_second))


def _check_subject(scope: int, subject: int, ledger: Ledger) -> None:
    match scope:
        case HaltScope.OPERATOR:
            if subject not in ledger.control.quotas_fen:
                raise refuse(Code.OPERATOR_UNKNOWN)
        case HaltScope.ORDER_TYPE:
            known = subject in ORDER_TYPES
            if not known or ORDER_TYPES[OrderType(subject)].signers == (Role.OFFICERS,):
                raise refuse(Code.SCOPE_INVALID)
        case _:
            if subject:
                raise refuse(Code.SCOPE_INVALID)
