"""A wallet from its opening to its end: class, limits, waterfall, mandates (rules.md §A, §E)."""

from collections.abc import Mapping

from jiaozi.protocol.order_types import OWN_LIMITS
from jiaozi.protocol.refusals import Code
from tests.registry.life_signers import by_operator, by_wallet, check_one
from tests.registry.life_state import (
    MANDATES_MAX,
    RAISE_MS,
    Asked,
    Mandate,
    Refused,
    State,
    Wallet,
    check_may_debit,
)


def open_account(model: State, asked: Asked) -> None:
    operator, body = asked.opened_by, asked.body
    if asked.caller != operator or operator in model.carriers:
        raise Refused(Code.OTHER_OPERATOR)
    check_one(asked, "certify", operator)
    if asked.number in model.wallets:
        raise Refused(Code.ACCOUNT_EXISTS)
    if body["wallet_class"] not in model.classes:
        raise Refused(Code.CLASS_UNKNOWN)
    model.wallets[asked.number] = Wallet(
        opened_by=operator, key=bytes(body["key"]),  # type: ignore[arg-type]
        wallet_class=int(body["wallet_class"]), own=_limits(body),
    )  # fmt: skip


def set_class(model: State, asked: Asked) -> None:
    wallet = by_operator(model, asked)
    if asked.body["wallet_class"] not in model.classes:
        raise Refused(Code.CLASS_UNKNOWN)
    wallet.wallet_class = int(asked.body["wallet_class"])


def lower_limits(model: State, asked: Asked) -> None:
    wallet, new = by_wallet(model, asked), _limits(asked.body)
    for name in OWN_LIMITS:
        if name in new and name in wallet.own and new[name] > wallet.own[name]:
            raise Refused(Code.LIMIT_NOT_LOWER, wallet.own[name])
    wallet.own = {**wallet.own, **new}
    wallet.raises = None


def raise_limits(model: State, asked: Asked) -> None:
    wallet = by_wallet(model, asked, countersigned=True)
    wallet.raises = (model.now_ms + RAISE_MS, _limits(asked.body))


def set_waterfall(model: State, asked: Asked) -> None:
    by_wallet(model, asked).waterfall = asked.body["on"] == 1


def close(model: State, asked: Asked) -> None:
    wallet = by_wallet(model, asked)
    if wallet.is_frozen_by_others:
        raise Refused(Code.ACCOUNT_FROZEN)
    if wallet.rebind:
        raise Refused(Code.REBIND_UNDER_WAY)
    if wallet.balance:
        raise Refused(Code.BALANCE_NOT_ZERO, wallet.balance)
    wallet.closed = True
    wallet.forget_safeguards()


def give_mandate(model: State, asked: Asked) -> None:
    wallet, body = by_wallet(model, asked, countersigned=True), asked.body
    check_may_debit(wallet)
    name, ends_ms = bytes(body["mandate"]), int(body["expires_at_ms"])  # type: ignore[arg-type]
    if name in wallet.mandates:
        raise Refused(Code.MANDATE_EXISTS)
    if ends_ms <= model.now_ms:
        raise Refused(Code.MANDATE_ENDED, ends_ms)
    if body["payee"] == asked.number:
        raise Refused(Code.SCOPE_INVALID)
    alive = {key: it for key, it in wallet.mandates.items() if it.ends_ms > model.now_ms}
    if len(alive) >= MANDATES_MAX:
        raise Refused(Code.TOO_MANY, MANDATES_MAX)
    signer = next(each for each, key in model.keys.items() if key == body["key"])
    wallet.mandates = alive | {
        name: Mandate(
            signer=signer, payee=int(body["payee"]), single=int(body["single_limit_fen"]),
            day=int(body["day_limit_fen"]), ends_ms=ends_ms,
        )
    }  # fmt: skip


def cancel_mandate(model: State, asked: Asked) -> None:
    wallet = by_wallet(model, asked)
    if asked.body["mandate"] not in wallet.mandates:
        raise Refused(Code.MANDATE_UNKNOWN)
    del wallet.mandates[bytes(asked.body["mandate"])]  # type: ignore[arg-type]


def _limits(body: Mapping[str, int | bytes]) -> dict[str, int]:
    return {name: int(body[name]) for name in OWN_LIMITS if name in body}
