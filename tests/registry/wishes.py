"""Random orders in outline, and how each becomes a signed order and one for the reference."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import hypothesis.strategies as st

from jiaozi.protocol import numbers
from jiaozi.protocol.ids import OrderId, new_order_id
from jiaozi.protocol.order_types import ORDER_TYPES, OrderType, Role
from jiaozi.protocol.orders import OrderHead, parse
from jiaozi.protocol.suites import Ed25519Signer
from tests.registry.builders import Wallet, new_wallet
from tests.registry.network import OPERATORS, key
from tests.registry.reference import DAY_MS, Asked, Caps
from tests.registry.world import RegistryWorld

WALLETS = [new_wallet(OPERATORS[serial % 2], serial) for serial in range(8)]
OWN_CAPS = (Caps(), Caps(), Caps(single=30_000, day=60_000), Caps(balance=90_000, year=120_000))
AMOUNTS = (5_000, 10_000, 15_000, 20_000, 25_000, 30_000, 40_000, 1, 30_001, 50_001, 120_000)
FLAWS = ("",) * 18 + ("foreign", "caller", "expired", "ahead", "later", "same id")
TYPES = (OrderType.PAYMENT,) * 14 + (OrderType.EXCHANGE,) * 3 + (None,) * 3 + (
    OrderType.REDEEM, OrderType.OPEN_ACCOUNT, OrderType.ISSUE, OrderType.DESTROY,
    OrderType.FUND_RESERVE, OrderType.QUOTA,
)  # fmt: skip

_BY_NUMBER = {int(each.number): each for each in WALLETS}
_STRANGER = key("a stranger")

Legs = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """An order in outline; indices are taken modulo what there is."""

    type: OrderType | None
    """None sends an earlier order again."""
    payer: int
    payees: Sequence[int]
    amount: int
    flaw: str = ""
    past: int = 0
    by_two: bool = False
    """Whether another wallet, mostly of the same operator, pays every second leg."""
    wallet_class: int = 2


class Sent(NamedTuple):
    """A signed order and what it asks for."""

    data: bytes
    asked: Asked


# Drawn evenly: integers would nearly all be small.
_INDEX = st.sampled_from(range(8))
WISHES = st.lists(
    st.builds(
        Wish,
        type=st.sampled_from(TYPES),
        payer=_INDEX,
        payees=st.lists(_INDEX, min_size=1, max_size=2),
        amount=st.sampled_from(AMOUNTS),
        flaw=st.sampled_from(FLAWS),
        past=st.sampled_from(range(100)),
        by_two=st.booleans(),
        wallet_class=st.sampled_from((1, 2, 2, 2, 3)),
    ),
    min_size=12,
    max_size=40,
)


@dataclass
class Wisher:
    """Makes orders of wishes and remembers them, for those that are sent again."""

    world: RegistryWorld
    past: list[Sent] = field(default_factory=list)

    def order(self, wish: Wish) -> Sent:
        """Sign the order of a wish."""
        if wish.type is None and self.past:
            return self.past[wish.past % len(self.past)]
        asked = self._asked(wish.type or OrderType.PAYMENT, wish)
        data = self._signed(asked)
        sent = Sent(data, replace(asked, content=parse(data).identity))
        self.past.append(sent)
        return sent

    def _asked(self, order_type: OrderType, wish: Wish) -> Asked:
        now_ms = self.world.clock.now_ms
        made_ms = now_ms + (600_000 if wish.flaw == "ahead" else 0)
        order_id = new_order_id(made_ms, len(self.past).to_bytes(10, "big"))
        if wish.flaw == "same id" and self.past:
            other = self.past[wish.past % len(self.past)].asked
            order_id, made_ms = OrderId(other.id), other.made_ms
        wallet = _wallet(wish.payer)
        legs = _legs(order_type, wallet, wish)
        scope = legs[0][0] if legs else numbers.ISSUANCE
        if order_type is OrderType.OPEN_ACCOUNT:
            scope = wallet.number
        operator = _BY_NUMBER[scope].operator if scope in _BY_NUMBER else wallet.operator
        by_officers = Role.OFFICERS in ORDER_TYPES[order_type].signers
        lifetime_ms = DAY_MS if by_officers else 5 * DAY_MS
        return Asked(
            type=order_type,
            id=order_id,
            scope=scope,
            content=b"",
            made_ms=made_ms,
            expires_ms=now_ms if wish.flaw == "expired" else made_ms + lifetime_ms,
            begins_ms=now_ms + 3 * DAY_MS if wish.flaw == "later" else 0,
            caller=OPERATORS[OPERATORS[0] == operator] if wish.flaw == "caller" else operator,
            operator=operator,
            signed_rightly=wish.flaw != "foreign",
            legs=legs,
            wallet_class=wish.wallet_class,
            group=b"group %d" % (wish.past % 3) + bytes(9),
            own=OWN_CAPS[wish.past % len(OWN_CAPS)],
            quota=wish.amount * 10,
            reference=self._reference(wish) if ORDER_TYPES[order_type].needs_reference else None,
        )

    def _reference(self, wish: Wish) -> bytes:
        """Name a payment that funds a reserve: sometimes one that others name too."""
        payment = wish.past if wish.past % 3 == 2 else 1000 + len(self.past)
        return payment.to_bytes(32, "big")

    def _signed(self, asked: Asked) -> bytes:
        orders = self.world.orders
        head = OrderHead(
            type=asked.type,
            id=OrderId(asked.id),
            expires_ms=asked.expires_ms,
            not_before_ms=asked.begins_ms or None,
            reference=asked.reference,
        )
        signers = self._signers(asked) if asked.signed_rightly else [_STRANGER]
        return orders.sign(
            head, signers, [orders.leg(*each) for each in asked.legs], **_body(asked)
        )

    def _signers(self, asked: Asked) -> list[Ed25519Signer]:
        keys = self.world.keys
        match asked.type:
            case OrderType.PAYMENT | OrderType.REDEEM:
                owners = dict.fromkeys(debit for debit, _, _ in asked.legs)
                return [_BY_NUMBER[number].signer for number in owners]
            case OrderType.EXCHANGE:
                return [keys.vault(asked.operator)]
            case OrderType.OPEN_ACCOUNT:
                return [keys.certify(asked.operator)]
            case OrderType.ISSUE | OrderType.DESTROY:
                return [keys.vault(asked.operator), *keys.officers[:2]]
            case _:
                return list(keys.officers[:2])


def _legs(order_type: OrderType, wallet: Wallet, wish: Wish) -> Legs:
    operator, amount = wallet.operator, wish.amount
    vault = numbers.vault_of(operator)
    match order_type:
        case OrderType.PAYMENT:
            payers = (
                [wallet, _wallet(wish.payer + (1 if wish.past % 4 == 0 else 2))]
                if wish.by_two
                else [wallet]
            )
            legs = tuple(
                (payers[i % len(payers)].number, _wallet(payee).number, amount)
                for i, payee in enumerate(wish.payees)
            )
            others = tuple(leg for leg in legs if leg[0] != leg[1])
            return others or ((wallet.number, _wallet(wish.payer + 2).number, amount),)
        case OrderType.EXCHANGE:
            return ((vault, _wallet(wish.payees[0]).number, amount),)
        case OrderType.REDEEM:
            return ((wallet.number, vault, amount),)
        case OrderType.ISSUE:
            return ((numbers.ISSUANCE, vault, amount),)
        case OrderType.DESTROY:
            return ((vault, numbers.ISSUANCE, amount),)
        case OrderType.FUND_RESERVE:
            return ((numbers.SETTLEMENT, numbers.reserve_of(operator), amount),)
        case _:
            return ()


def _body(asked: Asked) -> dict[str, int | bytes | None]:
    if asked.type is OrderType.QUOTA:
        return {"operator": asked.operator, "quota_fen": asked.quota}
    if asked.type is not OrderType.OPEN_ACCOUNT:
        return {}
    signer, own = _BY_NUMBER[asked.scope].signer, asked.own
    return {
        "number": asked.scope, "suite": signer.suite, "key": signer.public_key,
        "wallet_class": asked.wallet_class, "holder": 1, "group": asked.group,
        "single_limit_fen": own.single, "day_limit_fen": own.day, "year_limit_fen": own.year,
        "balance_cap_fen": own.balance,
    }  # fmt: skip


def _wallet(index: int) -> Wallet:
    return WALLETS[index % len(WALLETS)]
