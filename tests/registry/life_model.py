"""What rules.md §A and §E say must become of each order of a wallet's life: a model of them.

Written from the rules, not from the registry: no database, no batches, no blocks; it shares nothing
with what it predicts but the names of types and refusals. Signers are told by name, so that who
signed is decided here too. Every wallet is a holder of its own; the groups are the other model's.
"""

from jiaozi.protocol.order_types import OrderType as Type
from jiaozi.protocol.refusals import Code
from tests.registry import life_money, life_protection, life_terms
from tests.registry.life_protection import AUTHORITIES
from tests.registry.life_signers import check_officers
from tests.registry.life_state import DAY_MS, HALT_MAX_MS, SETTLED, Asked, Outcome, Refused, State


class Model(State):
    """A registry of wallets that judges orders."""

    def take(self, asked: Asked) -> Outcome:
        """Return how an order must be answered, and do what it asks for."""
        known = self.ids.get((asked.number, asked.id))
        if known is not None:
            return known[1] if known[0] == asked.content else (Code.ID_REUSED,)
        try:
            _check_alive(self, asked)
            _check_halts(self, asked)
            _JUDGES[asked.type](self, asked)
        except Refused as refused:
            outcome = refused.outcome
        else:
            outcome = SETTLED
        if outcome == SETTLED or outcome[0] >= 100:
            last_day = (asked.made_ms + 7 * DAY_MS) // DAY_MS
            self.ids[asked.number, asked.id] = (asked.content, outcome, last_day)
        return outcome


def _check_alive(model: State, asked: Asked) -> None:
    if asked.expires_ms <= model.now_ms:
        raise Refused(Code.EXPIRED, model.now_ms)


def _check_halts(model: State, asked: Asked) -> None:
    is_spared = asked.type in _SPARED
    covering = {
        key: halt
        for key, halt in model.halts.items()
        if halt[0] > model.now_ms
        and (
            (key[0] == 1 and not is_spared)
            or (key == (2, asked.caller) and not is_spared)
            or key == (3, asked.type)
        )
    }
    stops = [until_ms for until_ms, per_second in covering.values() if per_second is None]
    if stops:
        raise Refused(Code.HALTED, max(stops))
    for key, (_, per_second) in covering.items():
        model.let_through[key] += 1
        if per_second is not None and model.let_through[key] > per_second:
            raise Refused(Code.BUSY, 1000)


def _reassign(model: State, asked: Asked) -> None:
    check_officers(asked)
    failed, carrier = int(asked.body["operator"]), int(asked.body["carrier"])
    if not {failed, carrier} <= set(model.vaults):
        raise Refused(Code.OPERATOR_UNKNOWN)
    if failed == carrier or {failed, carrier} & set(model.carriers):
        raise Refused(Code.CARRIER_INVALID)
    for old in model.vaults:
        if model.carriers.get(old, old) == failed:
            model.carriers[old] = carrier


def _halt(model: State, asked: Asked) -> None:
    check_officers(asked)
    body = asked.body
    scope, subject, until_ms = (int(body.get(it, 0)) for it in ("scope", "subject", "until_ms"))
    per_second = body.get("orders_per_s")
    if scope == 2 and subject not in model.vaults:
        raise Refused(Code.OPERATOR_UNKNOWN)
    is_pointless = scope == 3 and (subject not in list(Type) or subject in _BY_OFFICERS)
    if is_pointless or (scope in (1, 4) and subject) or per_second == 0:
        raise Refused(Code.SCOPE_INVALID)
    if until_ms > model.now_ms + HALT_MAX_MS:
        raise Refused(Code.HALT_TOO_LONG, model.now_ms + HALT_MAX_MS)
    model.halts[scope, subject] = (until_ms, None if per_second is None else int(per_second))


_BY_OFFICERS = {
    Type.FUND_RESERVE, Type.RULEBOOK, Type.QUOTA, Type.CERTIFY, Type.REVOKE, Type.REASSIGN,
    Type.HALT, Type.AUTHORITY_FREEZE, Type.AUTHORITY_UNFREEZE,
}  # fmt: skip
_SPARED = _BY_OFFICERS | {
    Type.ISSUE, Type.DESTROY, Type.HOLDER_FREEZE, Type.OPERATOR_FREEZE, Type.REBIND_OBJECT,
}  # fmt: skip
_JUDGES = {
    Type.OPEN_ACCOUNT: life_terms.open_account,
    Type.SET_CLASS: life_terms.set_class,
    Type.PAYMENT: life_money.pay,
    Type.REDEEM: life_money.redeem,
    Type.EXCHANGE: life_money.exchange,
    Type.LOWER_LIMITS: life_terms.lower_limits,
    Type.RAISE_LIMITS: life_terms.raise_limits,
    Type.CLOSE: life_terms.close,
    Type.WATERFALL: life_terms.set_waterfall,
    Type.MANDATE: life_terms.give_mandate,
    Type.CANCEL_MANDATE: life_terms.cancel_mandate,
    Type.MANDATE_PAYMENT: life_money.pay_by_mandate,
    Type.REBIND_REQUEST: life_protection.request_rebind,
    Type.REBIND_OBJECT: life_protection.object_to_rebind,
    Type.REBIND_COMPLETE: life_protection.complete_rebind,
    Type.REBIND_OVERRULE: life_protection.overrule_objection,
    Type.REBIND_WITHDRAW: life_protection.withdraw_rebind,
    Type.REASSIGN: _reassign,
    Type.HALT: _halt,
    **dict.fromkeys((it for it in AUTHORITIES if it % 2), life_protection.freeze),
    **dict.fromkeys((it for it in AUTHORITIES if not it % 2), life_protection.unfreeze),
}
