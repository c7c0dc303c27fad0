"""What protects a wallet: freezes, and another key for a lost one (rules.md §A)."""

from jiaozi.protocol.order_types import OrderType as Type
from jiaozi.protocol.refusals import Code
from tests.registry.life_signers import by_authority, by_operator, by_wallet, carried
from tests.registry.life_state import (
    AMOUNT,
    CENTRAL_BANK,
    FREEZES_MAX,
    HOLDER,
    LAPSE_MS,
    OPERATOR,
    REBIND_MS,
    UNFREEZE_MS,
    Asked,
    Rebind,
    Refused,
    State,
    Wallet,
    still_open,
)

AUTHORITIES = {
    Type.HOLDER_FREEZE: HOLDER,
    Type.HOLDER_UNFREEZE: HOLDER,
    Type.OPERATOR_FREEZE: OPERATOR,
    Type.OPERATOR_UNFREEZE: OPERATOR,
    Type.AUTHORITY_FREEZE: CENTRAL_BANK,
    Type.AUTHORITY_UNFREEZE: CENTRAL_BANK,
}


def freeze(model: State, asked: Asked) -> None:
    authority = AUTHORITIES[asked.type]
    wallet = _by(model, authority, asked)
    case, scope = bytes(asked.body["case"]), int(asked.body["scope"])  # type: ignore[arg-type]
    amount = int(asked.body.get("amount_fen", 0))
    if (scope == AMOUNT) != bool(amount):
        raise Refused(Code.SCOPE_INVALID)
    if (case, authority) in wallet.freezes:
        raise Refused(Code.FREEZE_EXISTS)
    if [by for _, by in wallet.freezes].count(authority) == FREEZES_MAX:
        raise Refused(Code.TOO_MANY, FREEZES_MAX)
    wallet.freezes[case, authority] = (scope, amount)


def unfreeze(model: State, asked: Asked) -> None:
    authority = AUTHORITIES[asked.type]
    wallet = _by(model, authority, asked)
    case = bytes(asked.body["case"])  # type: ignore[arg-type]
    under_case = [by for frozen, by in wallet.freezes if frozen == case and by <= authority]
    if not under_case:
        raise Refused(Code.FREEZE_UNKNOWN)
    if authority == HOLDER:
        wallet.lifts.setdefault(case, model.now_ms + UNFREEZE_MS)
        return
    del wallet.freezes[case, max(under_case)]
    if max(under_case) == HOLDER:
        wallet.lifts.pop(case, None)


def request_rebind(model: State, asked: Asked) -> None:
    wallet = by_operator(model, asked)
    if wallet.rebind:
        raise Refused(Code.REBIND_UNDER_WAY)
    if wallet.is_frozen_by_others:
        raise Refused(Code.ACCOUNT_FROZEN)
    if asked.body["key"] == wallet.key:
        raise Refused(Code.KEY_UNCHANGED)
    wallet.rebind = Rebind(
        key=bytes(asked.body["key"]),  # type: ignore[arg-type]
        asked_ms=model.now_ms, lapses_ms=model.now_ms + LAPSE_MS,
    )  # fmt: skip


def object_to_rebind(model: State, asked: Asked) -> None:
    rebind = by_wallet(model, asked).rebind
    if rebind is None:
        raise Refused(Code.REBIND_UNKNOWN)
    if rebind.objected_ms is not None:
        raise Refused(Code.REBIND_OBJECTED)
    rebind.objected_ms, rebind.lapses_ms = model.now_ms, model.now_ms + LAPSE_MS


def complete_rebind(model: State, asked: Asked) -> None:
    wallet = by_operator(model, asked)
    if wallet.rebind is None:
        raise Refused(Code.REBIND_UNKNOWN)
    if wallet.rebind.objected_ms is not None:
        raise Refused(Code.REBIND_OBJECTED)
    _bind(model, wallet, wallet.rebind, wallet.rebind.asked_ms + REBIND_MS)


def overrule_objection(model: State, asked: Asked) -> None:
    wallet = carried(model, asked)
    for kind, whose, _ in asked.signers:
        if kind not in ("certify", "counter") or whose != asked.caller:
            raise Refused(Code.SIGNER_FOREIGN)
    found = {each for each in asked.signers if each[0] == "certify"}
    officers = {each for each in asked.signers if each[0] == "counter"}
    if not found or len(officers) < 2:
        raise Refused(Code.SIGNER_MISSING, 3, len(found) + len(officers))
    rebind = still_open(wallet).rebind
    if rebind is None or rebind.objected_ms is None:
        raise Refused(Code.REBIND_UNKNOWN)
    _bind(model, wallet, rebind, rebind.objected_ms + REBIND_MS)


def withdraw_rebind(model: State, asked: Asked) -> None:
    wallet = by_operator(model, asked)
    if wallet.rebind is None:
        raise Refused(Code.REBIND_UNKNOWN)
    wallet.rebind = None


def _by(model: State, authority: int, asked: Asked) -> Wallet:
    if authority == HOLDER:
        return by_wallet(model, asked, countersigned=asked.type is Type.HOLDER_UNFREEZE)
    return by_operator(model, asked) if authority == OPERATOR else by_authority(model, asked)


def _bind(model: State, wallet: Wallet, rebind: Rebind, completes_ms: int) -> None:
    if wallet.is_frozen_by_others:
        raise Refused(Code.ACCOUNT_FROZEN)
    if model.now_ms < completes_ms:
        raise Refused(Code.REBIND_TOO_EARLY, completes_ms)
    wallet.key = rebind.key
    wallet.forget_safeguards()
