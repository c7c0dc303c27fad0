"""Random orders of a wallet's life in outline, and how each becomes a signed order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from jiaozi.protocol import numbers
from jiaozi.protocol.ids import OrderId
from jiaozi.protocol.order_types import ORDER_TYPES, Holder, OrderType, Role
from jiaozi.protocol.orders import OrderHead, parse
from jiaozi.protocol.suites import Ed25519Signer
from tests.registry.builders import LIFETIME_MS, Wallet, new_wallet
from tests.registry.life_model import Model
from tests.registry.life_state import DAY_MS, HALT_MAX_MS, Asked, Signer
from tests.registry.life_state import Wallet as Life
from tests.registry.network import key
from tests.registry.world import RegistryWorld

THREE = (1001, 1002, 1003)
UNKNOWN_OPERATOR = 7
WALLET_KEYS = 3
"""Each wallet is opened with the first and may get another by a rebind."""
PLATFORM: Signer = ("mandate", 0, 0)
STRANGER: Signer = ("stranger", 0, 0)

AMOUNTS = (1_000, 5_000, 10_000, 20_000, 1, 20_001, 50_001, 90_000)
CASES = tuple(bytes(15) + bytes([number]) for number in range(3))
OWN_SETS: tuple[dict[str, int], ...] = (
    {},
    {"single_limit_fen": 20_000},
    {"day_limit_fen": 40_000, "second_factor_above_fen": 10_000},
    {"balance_cap_fen": 60_000},
    {"year_limit_fen": 90_000, "single_limit_fen": 5_000},
    {"second_factor_above_fen": 0},
)
HALTS = (
    (3, OrderType.PAYMENT, 2), (3, OrderType.PAYMENT, 1), (3, OrderType.HOLDER_FREEZE, None),
    (2, THREE[1], None), (2, UNKNOWN_OPERATOR, None), (3, OrderType.HALT, None), (3, 99, None),
    (1, 0, None), (1, 5, None), (4, 0, None), (3, OrderType.PAYMENT, 0),
)  # fmt: skip
"""Scope, subject and pace; one kind alone is slowed down, so that the count is one."""
FLAWS = ("",) * 24 + ("first", "last", "missing", "use", "other", "caller", "old key", "same id")

_COMMON = (
    OrderType.PAYMENT, OrderType.PAYMENT, OrderType.PAYMENT, OrderType.MANDATE_PAYMENT,
    OrderType.MANDATE_PAYMENT, OrderType.REBIND_REQUEST, OrderType.REBIND_COMPLETE,
    OrderType.EXCHANGE, OrderType.REDEEM,
)  # fmt: skip
_RARE = (OrderType.REASSIGN, OrderType.HALT)
LIFE = (*(OrderType(number) for number in (1, 2, *range(13, 27), 29, 30, 31, 32)), *_COMMON)
TYPES: tuple[OrderType | None, ...] = (*LIFE * 4, *(None,) * 8, *_RARE)
"""None sends an earlier order again."""

_FREEZES = (OrderType.HOLDER_FREEZE, OrderType.OPERATOR_FREEZE, OrderType.AUTHORITY_FREEZE)
_LIFTS = (OrderType.HOLDER_UNFREEZE, OrderType.OPERATOR_UNFREEZE, OrderType.AUTHORITY_UNFREEZE)
_OF_MANDATES = (OrderType.CANCEL_MANDATE, OrderType.MANDATE_PAYMENT)
_OF_REBINDS = (OrderType.REBIND_OBJECT, OrderType.REBIND_COMPLETE, OrderType.REBIND_OVERRULE)
_MEANT: dict[OrderType, Callable[[Life], bool]] = {
    **dict.fromkeys(_LIFTS, lambda it: bool(it.freezes)),
    **dict.fromkeys(_OF_MANDATES, lambda it: bool(it.mandates)),
    **dict.fromkeys(_OF_REBINDS, lambda it: it.rebind is not None),
    OrderType.CLOSE: lambda it: not it.balance,
}
"""What a wallet has for which an order of a type means something."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """An order in outline; indices are taken modulo what there is."""

    type: OrderType | None
    wallet: int
    other: int = 0
    amount: int = 1
    pick: int = 0
    flaw: str = ""


class Sent(NamedTuple):
    """A signed order and what it asks for."""

    data: bytes
    asked: Asked


def wallets(count: int) -> list[Wallet]:
    """So many wallets, of three operators in turn."""
    return [new_wallet(THREE[index % 3], 10_000 + index) for index in range(count)]


def signers_of(world: RegistryWorld, owned: Sequence[Wallet]) -> dict[Signer, Ed25519Signer]:
    """Every key that may sign something."""
    keys = world.keys
    signers = {STRANGER: key("a stranger"), PLATFORM: key("a platform")}
    for index, officer in enumerate(keys.officers):
        signers["officer", 0, index] = officer
    for each in THREE:
        signers["certify", each, 0] = keys.certify(each)
        signers["vault", each, 0] = keys.vault(each)
        for index, officer in enumerate(keys.operator_officers(each)):
            signers["counter", each, index] = officer
    for wallet in owned:
        signers["wallet", wallet.number, 0] = wallet.signer
        for index in range(1, WALLET_KEYS):
            signers["wallet", wallet.number, index] = key(f"key {index} of {wallet.number}")
    return signers


@dataclass
class Wisher:
    """Makes orders of wishes and remembers them, for those that are sent again."""

    world: RegistryWorld
    model: Model
    wallets: Sequence[Wallet]
    signers: dict[Signer, Ed25519Signer]
    past: list[Sent] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._by_key = {it.public_key: name for name, it in self.signers.items()}

    def order(self, wish: Wish) -> Sent:
        """Sign the order of a wish."""
        if wish.type is None and self.past:
            return self.past[-1 - wish.pick % min(len(self.past), 60)]
        asked = self._asked(wish.type or OrderType.PAYMENT, wish)
        legs = [self.world.orders.leg(*asked.leg)] if asked.leg else []
        head = OrderHead(type=asked.type, id=OrderId(asked.id), expires_ms=asked.expires_ms)
        signers = [self.signers[each] for each in asked.signers]
        data = self.world.orders.sign(head, signers, legs, **asked.body)
        sent = Sent(data, replace(asked, content=parse(data).identity))
        self.past.append(sent)
        return sent

    def _asked(self, order_type: OrderType, wish: Wish) -> Asked:
        wallet, made_ms = self._meant(order_type, wish), self.world.clock.now_ms
        number = int(wallet.number)
        known = number in self.model.wallets
        carrier = self.model.carrier(number) if known else wallet.operator
        leg, body = self._leg(order_type, wallet, carrier, wish), self._body(
            order_type, wallet, wish
        )  # fmt: skip
        if leg is None and "number" not in body:
            number = int(numbers.ISSUANCE)
        elif leg is not None:
            number = leg[0]
        order_id = self.world.orders.new_id()
        if wish.flaw == "same id" and self.past:
            other = self.past[-1 - wish.pick % len(self.past)].asked
            order_id, made_ms = OrderId(other.id), other.made_ms
        others = [each for each in THREE if each != carrier]
        return Asked(
            type=order_type,
            id=order_id,
            number=number,
            content=b"",
            made_ms=made_ms,
            expires_ms=made_ms + LIFETIME_MS,
            caller=others[wish.pick % 2] if wish.flaw == "caller" else carrier,
            opened_by=wallet.operator,
            signers=self._flawed(self._signers(order_type, wallet, carrier, wish), others, wish),
            leg=leg,
            body=body,
        )

    def _meant(self, order_type: OrderType, wish: Wish) -> Wallet:
        """Mostly a wallet for which the order means something; freezes fall on two of five."""
        index = wish.wallet
        if order_type in _FREEZES:
            return self._wallet(index - index % 5 + index % 2)
        has = _MEANT.get(order_type)
        if has is None or wish.pick % 5 == 0:
            return self._wallet(index)
        nearby = [self._wallet(index - index % 5 + (index + step) % 5) for step in range(5)]
        known = self.model.wallets
        meant = (it for it in nearby if int(it.number) in known and has(known[int(it.number)]))
        return next(meant, nearby[0])

    def _wallet(self, index: int) -> Wallet:
        return self.wallets[index % len(self.wallets)]

    def _signers(
        self, order_type: OrderType, wallet: Wallet, carrier: int, wish: Wish
    ) -> list[Signer]:
        known = self.model.wallets.get(int(wallet.number))
        own: Signer = ("wallet", wallet.number, 0)
        if known is not None and wish.flaw != "old key":
            own = self._by_key[known.key]
        certify: Signer = ("certify", carrier, 0)
        by_role: dict[Role, list[Signer]] = {
            Role.DEBITED: [own, certify] if wish.pick % 3 == 0 else [own],
            Role.WALLET: [own],
            Role.CERTIFY: [certify],
            Role.VAULT: [("vault", carrier, 0)],
            Role.OFFICERS: [("officer", 0, 0), ("officer", 0, 1 + wish.pick % 2)],
            Role.OPERATOR_OFFICERS: [("counter", carrier, 0), ("counter", carrier, 1)],
            Role.MANDATE: [PLATFORM],
        }
        return [each for role in ORDER_TYPES[order_type].signers for each in by_role[role]]

    def _flawed(self, right: list[Signer], others: list[int], wish: Wish) -> tuple[Signer, ...]:
        match wish.flaw:
            case "first":
                return (STRANGER, *right[1:])
            case "last":
                return (*right[:-1], STRANGER)
            case "missing" if len(right) > 1:
                return tuple(right[:-1])
            case "use":
                by_officers = right[-1][0] == "officer"
                wrong = ("certify", others[0], 0) if by_officers else ("officer", 0, 2)
                return (*right[:-1], wrong)
            case "other":
                return (*right[:-1], ("certify", others[wish.pick % 2], 0))
            case _:
                return tuple(right)

    def _leg(
        self, order_type: OrderType, wallet: Wallet, carrier: int, wish: Wish
    ) -> tuple[int, int, int] | None:
        other = self._wallet(wish.other)
        if other == wallet:
            other = self._wallet(wish.other + 1)
        known = self.model.wallets.get(int(wallet.number))
        match order_type:
            case OrderType.MANDATE_PAYMENT if known and known.mandates and wish.pick % 7:
                mandate = known.mandates[self._named(order_type, wallet, wish)]
                payee = mandate.payee if mandate.payee != wallet.number else int(other.number)
                return int(wallet.number), payee, wish.amount
            case OrderType.PAYMENT | OrderType.MANDATE_PAYMENT:
                return int(wallet.number), int(other.number), wish.amount
            case OrderType.REDEEM:
                into = wallet.operator if wish.pick % 8 == 0 else carrier
                has_money = known is not None and known.balance and wish.pick % 2
                amount = known.balance if known and has_money else wish.amount
                return int(wallet.number), int(numbers.vault_of(into)), amount
            case OrderType.EXCHANGE:
                return int(numbers.vault_of(carrier)), int(wallet.number), wish.amount
            case _:
                return None

    def _named(self, order_type: OrderType, wallet: Wallet, wish: Wish) -> bytes:
        """The case or mandate that an order names: mostly one that is there."""
        known, there = self.model.wallets.get(int(wallet.number)), []
        if known is not None and order_type in _LIFTS:
            there = sorted(case for case, _ in known.freezes)
        elif known is not None and order_type in _OF_MANDATES:
            there = sorted(known.mandates)
        among = there if there and wish.pick % 7 else list(CASES)
        return among[wish.pick % len(among)]

    def _body(self, order_type: OrderType, wallet: Wallet, wish: Wish) -> dict[str, int | bytes]:
        pick, number, now_ms = wish.pick, int(wallet.number), self.world.clock.now_ms
        names = {each.name for each in ORDER_TYPES[order_type].body}
        signer = self.signers["wallet", number, pick % WALLET_KEYS]
        body: dict[str, int | bytes] = {
            "number": number,
            "case": self._named(order_type, wallet, wish),
            "mandate": self._named(order_type, wallet, wish),
            "wallet_class": (2, 1, 2, 3)[pick % 4],
            "suite": int(signer.suite),
            "key": signer.public_key,
            "on": int(pick % 4 > 0),
        }
        match order_type:
            case OrderType.OPEN_ACCOUNT:
                body |= {"key": wallet.signer.public_key, "holder": int(Holder.PERSONAL)}
                body |= {"group": wallet.group, **OWN_SETS[pick % len(OWN_SETS)]}
            case OrderType.LOWER_LIMITS | OrderType.RAISE_LIMITS:
                body |= OWN_SETS[pick % len(OWN_SETS)]
            case OrderType.HOLDER_FREEZE | OrderType.OPERATOR_FREEZE | OrderType.AUTHORITY_FREEZE:
                body["scope"] = (1, 3, 2, 3, 1)[pick % 5]
                if (body["scope"] == 3) != (pick % 11 == 0):
                    body["amount_fen"] = wish.amount
            case OrderType.MANDATE:
                platform = self.signers[PLATFORM]
                body |= {"suite": int(platform.suite), "key": platform.public_key}
                body |= {"payee": int(self._wallet(wish.other).number)}
                body |= {"single_limit_fen": wish.amount, "day_limit_fen": wish.amount * 2}
                ends_ms = (DAY_MS, 3_600_000, 20 * DAY_MS, DAY_MS, 0)[pick % 5]
                body["expires_at_ms"] = now_ms + ends_ms
            case OrderType.REASSIGN:
                among = (*THREE, UNKNOWN_OPERATOR)
                body |= {"operator": among[pick % 4], "carrier": among[pick // 4 % 4]}
            case OrderType.HALT:
                body |= _halt(wish, now_ms)
            case _:
                pass
        return {name: value for name, value in body.items() if name in names}


def _halt(wish: Wish, now_ms: int) -> dict[str, int | bytes]:
    scope, subject, per_second = HALTS[wish.pick % len(HALTS)]
    lasts_ms = (-1, 60_000, 7_200_000, HALT_MAX_MS, HALT_MAX_MS + 1)[wish.amount % 5]
    body: dict[str, int | bytes] = {"scope": scope, "until_ms": now_ms + lasts_ms}
    if subject:
        body["subject"] = int(subject)
    if per_second is not None:
        body["orders_per_s"] = per_second
    return body
