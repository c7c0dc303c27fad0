"""What rules.md §A and §E say must become of each order of a wallet's life: a model of them.

Written from the rules, not from the registry: no database, no batches, no blocks; it shares nothing
with what it predicts but the names of types and refusals. Signers are told by name, so that who
signed is decided here too. Every wallet is a holder of its own; the groups are the other model's.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

from jiaozi.protocol.order_types import OWN_LIMITS
from jiaozi.protocol.order_types import OrderType as Type
from jiaozi.protocol.refusals import Code

DAY_MS = 86_400_000
HOLDER, OPERATOR, CENTRAL_BANK = 1, 2, 3
DEBITS, ALL, AMOUNT = 1, 2, 3
RAISE_MS, UNFREEZE_MS, REBIND_MS, LAPSE_MS, HALT_MAX_MS = (
    days * DAY_MS for days in (1, 1, 3, 30, 3)
)
FREEZES_MAX, MANDATES_MAX = 8, 64

Outcome = tuple[int, ...]
"""A code and its fields."""
Signer = tuple[str, int, int]
"""What kind of key, whose, and which one."""
SETTLED: Outcome = (0,)


class Refused(Exception):
    """The order is refused."""

    def __init__(self, code: int, *fields: int) -> None:
        self.outcome: Outcome = (int(code), *fields)


@dataclass(frozen=True, kw_only=True)
class Caps:
    """What bounds a wallet class; None does not."""

    balance: int | None = None
    single: int | None = None
    day: int | None = None
    year: int | None = None


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An order; ``content`` tells two orders of one id apart, ``number`` is what it acts on."""

    type: Type
    id: bytes
    number: int
    content: bytes
    made_ms: int
    expires_ms: int
    caller: int
    opened_by: int
    """The operator whose prefix the number bears."""
    signers: tuple[Signer, ...]
    leg: tuple[int, int, int] | None = None
    body: Mapping[str, int | bytes] = field(default_factory=dict)


@dataclass(kw_only=True)
class Rebind:
    key: bytes
    asked_ms: int
    objected_ms: int | None = None
    lapses_ms: int


@dataclass(kw_only=True)
class Mandate:
    signer: Signer
    payee: int
    single: int
    day: int
    ends_ms: int
    paid: Counter[date] = field(default_factory=Counter)


@dataclass(kw_only=True)
class Wallet:
    opened_by: int
    key: bytes
    wallet_class: int
    own: dict[str, int]
    balance: int = 0
    closed: bool = False
    freezes: dict[tuple[bytes, int], tuple[int, int]] = field(default_factory=dict)
    """Scope and amount, by case and authority."""
    lifts: dict[bytes, int] = field(default_factory=dict)
    """When a holder's freeze ends by itself."""
    raises: tuple[int, dict[str, int]] | None = None
    """When which limits are in force by themselves."""
    rebind: Rebind | None = None
    mandates: dict[bytes, Mandate] = field(default_factory=dict)
    paid: Counter[date] = field(default_factory=Counter)
    waterfall: bool = False

    @property
    def stops_debits(self) -> bool:
        return self.rebind is not None or any(scope != AMOUNT for scope, _ in self.freezes.values())

    @property
    def stops_credits(self) -> bool:
        return any(scope == ALL for scope, _ in self.freezes.values())

    @property
    def frozen_fen(self) -> int:
        return sum(amount for _, amount in self.freezes.values())

    @property
    def is_frozen_by_others(self) -> bool:
        return any(authority != HOLDER for _, authority in self.freezes)

    def forget_safeguards(self) -> None:
        self.freezes, self.lifts, self.mandates = {}, {}, {}
        self.raises = self.rebind = None
        self.waterfall = False

    def due_times(self) -> Iterator[int]:
        yield from self.lifts.values()
        if self.raises:
            yield self.raises[0]
        if self.rebind:
            yield self.rebind.lapses_ms

    def wait_until(self, now_ms: int) -> None:
        """Let everything happen that happens by itself."""
        for case in [each for each, due_ms in self.lifts.items() if due_ms <= now_ms]:
            del self.lifts[case], self.freezes[case, HOLDER]
        if self.raises and self.raises[0] <= now_ms:
            self.own, self.raises = self.raises[1], None
        if self.rebind and self.rebind.lapses_ms <= now_ms:
            self.rebind = None


@dataclass(kw_only=True)
class Model:
    """A registry of wallets; ``keys`` tells what each signer's public key is."""

    classes: dict[int, Caps]
    vaults: Mapping[int, int]
    """Numbers of the vaults, by operator."""
    keys: Mapping[Signer, bytes]
    wallets: dict[int, Wallet] = field(default_factory=dict)
    carriers: dict[int, int] = field(default_factory=dict)
    halts: dict[tuple[int, int], tuple[int, int | None]] = field(default_factory=dict)
    vault: Counter[int] = field(default_factory=Counter)
    ids: dict[tuple[int, bytes], tuple[bytes, Outcome, int]] = field(default_factory=dict)
    now_ms: int = 0
    let_through: Counter[tuple[int, int]] = field(default_factory=Counter)
    """Of each halt that slows down, in the present second."""

    def begin_block(self, now_ms: int, last_block_ms: int) -> None:
        """Come to a block time: what was due by then has happened."""
        if now_ms // 1000 != self.now_ms // 1000:
            self.let_through.clear()
        self.now_ms = now_ms
        yesterday = last_block_ms // DAY_MS - 1
        self.ids = {key: value for key, value in self.ids.items() if value[2] >= yesterday}
        for each in self.wallets.values():
            each.wait_until(now_ms)

    def next_due_ms(self) -> int | None:
        """Return when something happens next, or when a halt or a rebind's wait is over."""
        times = [due for each in self.wallets.values() for due in each.due_times()]
        times += [
            (it.rebind.objected_ms or it.rebind.asked_ms) + REBIND_MS
            for it in self.wallets.values()
            if it.rebind
        ]
        times += [until_ms for until_ms, _ in self.halts.values()]
        return min((each for each in times if each > self.now_ms), default=None)

    def take(self, asked: Asked) -> Outcome:
        """Return how an order must be answered, and do what it asks for."""
        known = self.ids.get((asked.number, asked.id))
        if known is not None:
            return known[1] if known[0] == asked.content else (Code.ID_REUSED,)
        try:
            self._check_alive(asked)
            self._check_halts(asked)
            _JUDGES[asked.type](self, asked)
        except Refused as refused:
            outcome = refused.outcome
        else:
            outcome = SETTLED
        if outcome == SETTLED or outcome[0] >= 100:
            last_day = (asked.made_ms + 7 * DAY_MS) // DAY_MS
            self.ids[asked.number, asked.id] = (asked.content, outcome, last_day)
        return outcome

    def carrier(self, number: int) -> int:
        return self.carriers.get(self.wallets[number].opened_by, self.wallets[number].opened_by)

    # Who signed

    def _by_wallet(self, asked: Asked, *, countersigned: bool = False) -> Wallet:
        wallet, operators = self._owner(asked)
        if countersigned and not operators:
            raise Refused(Code.SIGNER_MISSING, 2, 1)
        return _open(wallet)

    def _owner(self, asked: Asked) -> tuple[Wallet, set[int]]:
        """Return the wallet whose key signed, and which operators signed beside it."""
        wallet = self._carried(asked)
        others = [each for each in asked.signers if self.keys[each] != wallet.key]
        if len(others) == len(asked.signers):
            raise Refused(Code.SIGNER_FOREIGN)
        for kind, whose, _ in others:
            if kind != "certify":
                unknown = kind in ("wallet", "stranger")
                raise Refused(Code.CERTIFICATE_UNKNOWN if unknown else Code.CERTIFICATE_OTHER_USE)
            if whose != asked.caller:
                raise Refused(Code.SIGNER_FOREIGN)
        return wallet, {whose for _, whose, _ in others}

    def _carried(self, asked: Asked) -> Wallet:
        if asked.number not in self.wallets:
            raise Refused(Code.ACCOUNT_UNKNOWN)
        if asked.caller != self.carrier(asked.number):
            raise Refused(Code.OTHER_OPERATOR)
        return self.wallets[asked.number]

    def _by_operator(self, asked: Asked) -> Wallet:
        wallet = self._carried(asked)
        _check_one(asked, "certify", asked.caller)
        return _open(wallet)

    def _by_authority(self, asked: Asked) -> Wallet:
        _check_officers(asked)
        if asked.number not in self.wallets:
            raise Refused(Code.ACCOUNT_UNKNOWN)
        return _open(self.wallets[asked.number])

    # Whether it may come at all

    def _check_alive(self, asked: Asked) -> None:
        if asked.expires_ms <= self.now_ms:
            raise Refused(Code.EXPIRED, self.now_ms)

    def _check_halts(self, asked: Asked) -> None:
        is_spared = asked.type in _SPARED
        covering = {
            key: halt
            for key, halt in self.halts.items()
            if halt[0] > self.now_ms
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
            self.let_through[key] += 1
            if per_second is not None and self.let_through[key] > per_second:
                raise Refused(Code.BUSY, 1000)

    # Money

    def pay(self, asked: Asked) -> None:
        assert asked.leg is not None
        wallet, countersigned = self._owner(asked)
        _check_may_debit(wallet)
        _check_second_factor(wallet, asked.leg[2], is_given=countersigned)
        self._spend(wallet, asked.leg)

    def pay_by_mandate(self, asked: Asked) -> None:
        assert asked.leg is not None
        wallet = self._carried(asked)
        mandate = wallet.mandates.get(bytes(asked.body["mandate"]))  # type: ignore[arg-type]
        if mandate is None or asked.signers != (mandate.signer,):
            raise Refused(Code.SIGNER_FOREIGN)
        _, payee, amount = asked.leg
        if payee != mandate.payee:
            raise Refused(Code.LEGS_NOT_ALLOWED, 0)
        if mandate.ends_ms <= self.now_ms:
            raise Refused(Code.MANDATE_ENDED, mandate.ends_ms)
        _check_may_debit(wallet)
        today = day_of(self.now_ms)
        if amount > mandate.single:
            raise Refused(Code.LIMIT_SINGLE, mandate.single)
        _check_sum(Code.LIMIT_DAY, mandate.day, mandate.paid[today], amount)
        self._spend(wallet, asked.leg)
        mandate.paid[today] += amount

    def _spend(self, wallet: Wallet, leg: tuple[int, int, int]) -> None:
        _, payee, amount = leg
        today, caps, own = day_of(self.now_ms), self.classes[wallet.wallet_class], wallet.own
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
        above = self._check_payee(payee, amount)
        if above and not self._may_sweep(payee, amount - above):
            raise Refused(Code.PAYEE_CANNOT_RECEIVE)
        wallet.balance -= amount
        self.wallets[payee].balance += amount - above
        self.vault[self.carrier(payee)] += above
        wallet.paid[today] += amount

    def _check_payee(self, number: int, amount: int) -> int:
        """Return how much of an amount would be above a cap."""
        payee = self.wallets.get(number)
        if payee is None or payee.closed or payee.stops_credits:
            raise Refused(Code.PAYEE_CANNOT_RECEIVE)
        caps = (payee.own.get("balance_cap_fen"), self.classes[payee.wallet_class].balance)
        above = max((payee.balance + amount - cap for cap in caps if cap is not None), default=0)
        return max(0, min(above, amount))

    def _may_sweep(self, number: int, rest: int) -> bool:
        payee = self.wallets[number]
        halts = (self.halts.get(key) for key in ((2, self.carrier(number)), (3, int(Type.SWEEP))))
        is_halted = any(it and it[0] > self.now_ms and it[1] is None for it in halts)
        keeps_frozen = payee.balance + rest >= payee.frozen_fen
        return payee.waterfall and keeps_frozen and not payee.stops_debits and not is_halted

    def redeem(self, asked: Asked) -> None:
        assert asked.leg is not None
        wallet, countersigned = self._owner(asked)
        if asked.leg[1] != self.vaults[asked.caller]:
            raise Refused(Code.LEGS_NOT_ALLOWED, 0)
        _check_may_debit(wallet)
        _check_second_factor(wallet, asked.leg[2], is_given=countersigned)
        _check_funds(wallet, asked.leg[2])
        wallet.balance -= asked.leg[2]
        self.vault[asked.caller] += asked.leg[2]

    def exchange(self, asked: Asked) -> None:
        """Give digital yuan; the vaults of the model are never short of it."""
        assert asked.leg is not None
        _, payee, amount = asked.leg
        if asked.number != self.vaults[asked.caller]:
            raise Refused(Code.OTHER_OPERATOR)
        if asked.signers != (("vault", asked.caller, 0),):
            raise Refused(Code.SIGNER_FOREIGN)
        if payee in self.wallets and self.carrier(payee) != asked.caller:
            raise Refused(Code.LEGS_NOT_ALLOWED, 0)
        if self._check_payee(payee, amount):
            raise Refused(Code.PAYEE_CANNOT_RECEIVE)
        self.wallets[payee].balance += amount
        self.vault[asked.caller] -= amount

    # From its opening to its end

    def open_account(self, asked: Asked) -> None:
        operator, body = asked.opened_by, asked.body
        if asked.caller != operator or operator in self.carriers:
            raise Refused(Code.OTHER_OPERATOR)
        _check_one(asked, "certify", operator)
        if asked.number in self.wallets:
            raise Refused(Code.ACCOUNT_EXISTS)
        if body["wallet_class"] not in self.classes:
            raise Refused(Code.CLASS_UNKNOWN)
        self.wallets[asked.number] = Wallet(
            opened_by=operator, key=bytes(body["key"]),  # type: ignore[arg-type]
            wallet_class=int(body["wallet_class"]), own=_limits(body),
        )  # fmt: skip

    def set_class(self, asked: Asked) -> None:
        wallet = self._by_operator(asked)
        if asked.body["wallet_class"] not in self.classes:
            raise Refused(Code.CLASS_UNKNOWN)
        wallet.wallet_class = int(asked.body["wallet_class"])

    def lower_limits(self, asked: Asked) -> None:
        wallet, new = self._by_wallet(asked), _limits(asked.body)
        for name in OWN_LIMITS:
            if name in new and name in wallet.own and new[name] > wallet.own[name]:
                raise Refused(Code.LIMIT_NOT_LOWER, wallet.own[name])
        wallet.own = {**wallet.own, **new}
        wallet.raises = None

    def raise_limits(self, asked: Asked) -> None:
        wallet = self._by_wallet(asked, countersigned=True)
        wallet.raises = (self.now_ms + RAISE_MS, _limits(asked.body))

    def set_waterfall(self, asked: Asked) -> None:
        self._by_wallet(asked).waterfall = asked.body["on"] == 1

    def close(self, asked: Asked) -> None:
        wallet = self._by_wallet(asked)
        if wallet.is_frozen_by_others:
            raise Refused(Code.ACCOUNT_FROZEN)
        if wallet.rebind:
            raise Refused(Code.REBIND_UNDER_WAY)
        if wallet.balance:
            raise Refused(Code.BALANCE_NOT_ZERO, wallet.balance)
        wallet.closed = True
        wallet.forget_safeguards()

    def give_mandate(self, asked: Asked) -> None:
        wallet, body = self._by_wallet(asked, countersigned=True), asked.body
        _check_may_debit(wallet)
        name, ends_ms = bytes(body["mandate"]), int(body["expires_at_ms"])  # type: ignore[arg-type]
        if name in wallet.mandates:
            raise Refused(Code.MANDATE_EXISTS)
        if ends_ms <= self.now_ms:
            raise Refused(Code.MANDATE_ENDED, ends_ms)
        if body["payee"] == asked.number:
            raise Refused(Code.SCOPE_INVALID)
        alive = {key: it for key, it in wallet.mandates.items() if it.ends_ms > self.now_ms}
        if len(alive) >= MANDATES_MAX:
            raise Refused(Code.TOO_MANY, MANDATES_MAX)
        signer = next(each for each, key in self.keys.items() if key == body["key"])
        wallet.mandates = alive | {
            name: Mandate(
                signer=signer, payee=int(body["payee"]), single=int(body["single_limit_fen"]),
                day=int(body["day_limit_fen"]), ends_ms=ends_ms,
            )
        }  # fmt: skip

    def cancel_mandate(self, asked: Asked) -> None:
        wallet = self._by_wallet(asked)
        if asked.body["mandate"] not in wallet.mandates:
            raise Refused(Code.MANDATE_UNKNOWN)
        del wallet.mandates[bytes(asked.body["mandate"])]  # type: ignore[arg-type]

    # Freezes

    def freeze(self, asked: Asked) -> None:
        authority = _AUTHORITIES[asked.type]
        wallet = self._by(authority, asked)
        case, scope = bytes(asked.body["case"]), int(asked.body["scope"])  # type: ignore[arg-type]
        amount = int(asked.body.get("amount_fen", 0))
        if (scope == AMOUNT) != bool(amount):
            raise Refused(Code.SCOPE_INVALID)
        if (case, authority) in wallet.freezes:
            raise Refused(Code.FREEZE_EXISTS)
        if [by for _, by in wallet.freezes].count(authority) == FREEZES_MAX:
            raise Refused(Code.TOO_MANY, FREEZES_MAX)
        wallet.freezes[case, authority] = (scope, amount)

    def unfreeze(self, asked: Asked) -> None:
        authority = _AUTHORITIES[asked.type]
        wallet = self._by(authority, asked)
        case = bytes(asked.body["case"])  # type: ignore[arg-type]
        under_case = [by for frozen, by in wallet.freezes if frozen == case and by <= authority]
        if not under_case:
            raise Refused(Code.FREEZE_UNKNOWN)
        if authority == HOLDER:
            wallet.lifts.setdefault(case, self.now_ms + UNFREEZE_MS)
            return
        del wallet.freezes[case, max(under_case)]
        if max(under_case) == HOLDER:
            wallet.lifts.pop(case, None)

    def _by(self, authority: int, asked: Asked) -> Wallet:
        if authority == HOLDER:
            return self._by_wallet(asked, countersigned=asked.type is Type.HOLDER_UNFREEZE)
        return self._by_operator(asked) if authority == OPERATOR else self._by_authority(asked)

    # Lost keys

    def request_rebind(self, asked: Asked) -> None:
        wallet = self._by_operator(asked)
        if wallet.rebind:
            raise Refused(Code.REBIND_UNDER_WAY)
        if wallet.is_frozen_by_others:
            raise Refused(Code.ACCOUNT_FROZEN)
        if asked.body["key"] == wallet.key:
            raise Refused(Code.KEY_UNCHANGED)
        wallet.rebind = Rebind(
            key=bytes(asked.body["key"]),  # type: ignore[arg-type]
            asked_ms=self.now_ms, lapses_ms=self.now_ms + LAPSE_MS,
        )  # fmt: skip

    def object_to_rebind(self, asked: Asked) -> None:
        rebind = self._by_wallet(asked).rebind
        if rebind is None:
            raise Refused(Code.REBIND_UNKNOWN)
        if rebind.objected_ms is not None:
            raise Refused(Code.REBIND_OBJECTED)
        rebind.objected_ms, rebind.lapses_ms = self.now_ms, self.now_ms + LAPSE_MS

    def complete_rebind(self, asked: Asked) -> None:
        wallet = self._by_operator(asked)
        if wallet.rebind is None:
            raise Refused(Code.REBIND_UNKNOWN)
        if wallet.rebind.objected_ms is not None:
            raise Refused(Code.REBIND_OBJECTED)
        self._bind(wallet, wallet.rebind, wallet.rebind.asked_ms + REBIND_MS)

    def overrule_objection(self, asked: Asked) -> None:
        wallet = self._carried(asked)
        for kind, whose, _ in asked.signers:
            if kind not in ("certify", "counter") or whose != asked.caller:
                raise Refused(Code.SIGNER_FOREIGN)
        found = {each for each in asked.signers if each[0] == "certify"}
        officers = {each for each in asked.signers if each[0] == "counter"}
        if not found or len(officers) < 2:
            raise Refused(Code.SIGNER_MISSING, 3, len(found) + len(officers))
        rebind = _open(wallet).rebind
        if rebind is None or rebind.objected_ms is None:
            raise Refused(Code.REBIND_UNKNOWN)
        self._bind(wallet, rebind, rebind.objected_ms + REBIND_MS)

    def withdraw_rebind(self, asked: Asked) -> None:
        wallet = self._by_operator(asked)
        if wallet.rebind is None:
            raise Refused(Code.REBIND_UNKNOWN)
        wallet.rebind = None

    def _bind(self, wallet: Wallet, rebind: Rebind, completes_ms: int) -> None:
        if wallet.is_frozen_by_others:
            raise Refused(Code.ACCOUNT_FROZEN)
        if self.now_ms < completes_ms:
            raise Refused(Code.REBIND_TOO_EARLY, completes_ms)
        wallet.key = rebind.key
        wallet.forget_safeguards()

    # Emergencies

    def reassign(self, asked: Asked) -> None:
        _check_officers(asked)
        failed, carrier = int(asked.body["operator"]), int(asked.body["carrier"])
        if not {failed, carrier} <= set(self.vaults):
            raise Refused(Code.OPERATOR_UNKNOWN)
        if failed == carrier or {failed, carrier} & set(self.carriers):
            raise Refused(Code.CARRIER_INVALID)
        for old in self.vaults:
            if self.carriers.get(old, old) == failed:
                self.carriers[old] = carrier

    def halt(self, asked: Asked) -> None:
        _check_officers(asked)
        body = asked.body
        scope, subject, until_ms = (int(body.get(it, 0)) for it in ("scope", "subject", "until_ms"))
        per_second = body.get("orders_per_s")
        if scope == 2 and subject not in self.vaults:
            raise Refused(Code.OPERATOR_UNKNOWN)
        is_pointless = scope == 3 and (subject not in list(Type) or subject in _BY_OFFICERS)
        if is_pointless or (scope in (1, 4) and subject) or per_second == 0:
            raise Refused(Code.SCOPE_INVALID)
        if until_ms > self.now_ms + HALT_MAX_MS:
            raise Refused(Code.HALT_TOO_LONG, self.now_ms + HALT_MAX_MS)
        self.halts[scope, subject] = (until_ms, None if per_second is None else int(per_second))


def day_of(time_ms: int) -> date:
    """Return the day of a time in UTC+8."""
    return datetime.fromtimestamp(time_ms / 1000, timezone(timedelta(hours=8))).date()


def _limits(body: Mapping[str, int | bytes]) -> dict[str, int]:
    return {name: int(body[name]) for name in OWN_LIMITS if name in body}


def _open(wallet: Wallet) -> Wallet:
    if wallet.closed:
        raise Refused(Code.ACCOUNT_CLOSED)
    return wallet


def _check_second_factor(wallet: Wallet, amount: int, *, is_given: bool) -> None:
    above = wallet.own.get("second_factor_above_fen")
    if above is not None and amount > above and not is_given:
        raise Refused(Code.SECOND_FACTOR_REQUIRED, above)


def _check_may_debit(wallet: Wallet) -> None:
    if _open(wallet).stops_debits:
        raise Refused(Code.ACCOUNT_FROZEN)


def _check_funds(wallet: Wallet, amount: int) -> None:
    available = max(wallet.balance - wallet.frozen_fen, 0)
    if amount > available:
        raise Refused(Code.INSUFFICIENT_FUNDS, available)


def _check_sum(code: Code, limit: int | None, before: int, amount: int) -> None:
    if limit is not None and before + amount > limit:
        raise Refused(code, limit, max(limit - before, 0))


def _check_one(asked: Asked, use: str, operator: int) -> None:
    """Check an order that one certified key of an operator signs."""
    for kind, whose, _ in asked.signers:
        if kind in ("wallet", "stranger", "mandate"):
            raise Refused(Code.CERTIFICATE_UNKNOWN)
        if kind != use:
            raise Refused(Code.CERTIFICATE_OTHER_USE)
        if whose != operator:
            raise Refused(Code.SIGNER_FOREIGN)


def _check_officers(asked: Asked) -> None:
    for kind, _, _ in asked.signers:
        if kind == "stranger":
            raise Refused(Code.CERTIFICATE_UNKNOWN)
        if kind != "officer":
            raise Refused(Code.CERTIFICATE_OTHER_USE)
    if len(asked.signers) < 2:
        raise Refused(Code.SIGNER_MISSING, 2, len(asked.signers))


_AUTHORITIES = {
    Type.HOLDER_FREEZE: HOLDER,
    Type.HOLDER_UNFREEZE: HOLDER,
    Type.OPERATOR_FREEZE: OPERATOR,
    Type.OPERATOR_UNFREEZE: OPERATOR,
    Type.AUTHORITY_FREEZE: CENTRAL_BANK,
    Type.AUTHORITY_UNFREEZE: CENTRAL_BANK,
}
_BY_OFFICERS = {
    Type.FUND_RESERVE, Type.RULEBOOK, Type.QUOTA, Type.CERTIFY, Type.REVOKE, Type.REASSIGN,
    Type.HALT, Type.AUTHORITY_FREEZE, Type.AUTHORITY_UNFREEZE,
}  # fmt: skip
_SPARED = _BY_OFFICERS | {
    Type.ISSUE, Type.DESTROY, Type.HOLDER_FREEZE, Type.OPERATOR_FREEZE, Type.REBIND_OBJECT,
}  # fmt: skip
_JUDGES = {
    Type.OPEN_ACCOUNT: Model.open_account,
    Type.SET_CLASS: Model.set_class,
    Type.PAYMENT: Model.pay,
    Type.REDEEM: Model.redeem,
    Type.EXCHANGE: Model.exchange,
    Type.LOWER_LIMITS: Model.lower_limits,
    Type.RAISE_LIMITS: Model.raise_limits,
    Type.CLOSE: Model.close,
    Type.WATERFALL: Model.set_waterfall,
    Type.MANDATE: Model.give_mandate,
    Type.CANCEL_MANDATE: Model.cancel_mandate,
    Type.MANDATE_PAYMENT: Model.pay_by_mandate,
    Type.REBIND_REQUEST: Model.request_rebind,
    Type.REBIND_OBJECT: Model.object_to_rebind,
    Type.REBIND_COMPLETE: Model.complete_rebind,
    Type.REBIND_OVERRULE: Model.overrule_objection,
    Type.REBIND_WITHDRAW: Model.withdraw_rebind,
    Type.REASSIGN: Model.reassign,
    Type.HALT: Model.halt,
    **dict.fromkeys((it for it in _AUTHORITIES if it % 2), Model.freeze),
    **dict.fromkeys((it for it in _AUTHORITIES if not it % 2), Model.unfreeze),
}
