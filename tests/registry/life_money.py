"""What moves a wallet's money, and what bounds it (rules.md §E)."""

from jiaozi.protocol.order_types import OrderType as Type
from jiaozi.protocol.refusals import Code
from tests.registry.life_signers import carried, owner
from tests.registry.life_state import Asked, Refused, State, Wallet, check_may_debit, day_of


def pay(model: State, asked: Asked) -> None:
    assert asked.leg is not None
    wallet, countersigned = owner(model, asked)
    check_may_debit(wallet)
    _check_second_factor(wallet, asked.leg[2], is_given=countersigned)
    _spend(model, wallet, asked.leg)


def pay_by_mandate(model: State, asked: Asked) -> None:
    assert asked.leg is not None
    wallet = carried(model, asked)
    mandate = wallet.mandates.get(bytes(asked.body["mandate"]))  # type: ignore[arg-type]
    if mandate is None or asked.signers != (mandate.signer,):
        raise Refused(Code.SIGNER_FOREIGN)
    _, payee, amount = asked.leg
    if payee != mandate.payee:
        raise Refused(Code.LEGS_NOT_ALLOWED, 0)
    if mandate.ends_ms <= model.now_ms:
        raise Refused(Code.MANDATE_ENDED, mandate.ends_ms)
    check_may_debit(wallet)
    today = day_of(model.now_ms)
    if amount > mandate.single:
        raise Refused(Code.LIMIT_SINGLE, mandate.single)
    _check_sum(Code.LIMIT_DAY, mandate.day, mandate.paid[today], amount)
    _spend(model, wallet, asked.leg)
    mandate.paid[today] += amount


def redeem(model: State, asked: Asked) -> None:
    assert asked.leg is not None
    wallet, countersigned = owner(model, asked)
    if asked.leg[1] != model.vaults[asked.caller]:
        raise Refused(Code.LEGS_NOT_ALLOWED, 0)
    check_may_debit(wallet)
    _check_second_factor(wallet, asked.leg[2], is_given=countersigned)
    _check_funds(wallet, asked.leg[2])
    wallet.balance -= asked.leg[2]
    model.vault[asked.caller] += asked.leg[2]


def exchange(model: State, asked: Asked) -> None:
    """Give digital yuan; the vaults of the model are never short of it."""
    assert asked.leg is not None
    _, payee, amount = asked.leg
    if asked.number != model.vaults[asked.caller]:
        raise Refused(Code.OTHER_OPERATOR)
    if asked.signers != (("vault", asked.caller, 0),):
        raise Refused(Code.SIGNER_FOREIGN)
    if payee in model.wallets and model.carrier(payee) != asked.caller:
        raise Refused(Code.LEGS_NOT_ALLOWED, 0)
    if _check_payee(model, payee, amount):
        raise Refused(Code.PAYEE_CANNOT_RECEIVE)
    model.wallets[payee].balance += amount
    model.vault[asked.caller] -= amount


def _spend(model: State, wallet: Wallet, leg: tuple[int, int, int]) -> None:
    _, payee, amount = leg
    today, caps, own = day_of(model.now_ms), model.classes[wallet.wallet_class], wallet.own
    for single in (caps.single, own.get("single_limit_fen")):
        if single is not None and amount > single:
            raise Refused(Code.LIMIT_SINGLE, single)
    this_year = sum(fen for day, fen in wallet.paid.items() if day.year == today.year)
    for day_limit, year_limit in (
        (own.get("day_limit_fen"), own.get("year_limit_fen")),
        (caps.day, caps.year),
    ):
        _check_sum(Code.LIMIT_DAY, day_limit, wallet.paid[today], amount)
        _check_sum(Code.LIMIT_YEAR, year_limit, this_year, amount)
    _check_funds(wallet, amount)
    above = _check_payee(model, payee, amount)
    if above and not _may_sweep(model, payee, amount - above):
        raise Refused(Code.PAYEE_CANNOT_RECEIVE)
    wallet.balance -= amount
    model.wallets[payee].balance += amount - above
    model.vault[model.carrier(payee)] += above
    wallet.paid[today] += amount


def _check_payee(model: State, number: int, amount: int) -> int:
    """Return how much of an amount would be above a cap."""
    payee = model.wallets.get(number)
    if payee is None or payee.closed or payee.stops_credits:
        raise Refused(Code.PAYEE_CANNOT_RECEIVE)
    caps = (payee.own.get("balance_cap_fen"), model.classes[payee.wallet_class].balance)
    above = max((payee.balance + amount - cap for cap in caps if cap is not None), default=0)
    return max(0, min(above, amount))


def _may_sweep(model: State, number: int, rest: int) -> bool:
    payee = model.wallets[number]
    halts = (model.halts.get(key) for key in ((2, model.carrier(number)), (3, int(Type.SWEEP))))
    is_halted = any(it and it[0] > model.now_ms and it[1] is None for it in halts)
    keeps_frozen = payee.balance + rest >= payee.frozen_fen
    return payee.waterfall and keeps_frozen and not payee.stops_debits and not is_halted


def _check_second_factor(wallet: Wallet, amount: int, *, is_given: bool) -> None:
    above = wallet.own.get("second_factor_above_fen")
    if above is not None and amount > above and not is_given:
        raise Refused(Code.SECOND_FACTOR_REQUIRED, above)


def _check_funds(wallet: Wallet, amount: int) -> None:
    available = max(wallet.balance - wallet.frozen_fen, 0)
    if amount > available:
        raise Refused(Code.INSUFFICIENT_FUNDS, available)


def _check_sum(code: Code, limit: int | None, before: int, amount: int) -> None:
    if limit is not None and before + amount > limit:
        raise Refused(code, limit, max(limit - before, 0))
