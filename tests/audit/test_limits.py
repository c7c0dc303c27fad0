"""rules.md §E.1 to §E.4: an order beyond a limit or cap is found by one fen, one at it is none.

In the story the payer spent 13.00 yuan on one day under a rulebook without caps, and holds 83.00;
the careful wallet, at the same operator, holds 101.00.
"""

from datetime import date, datetime, timedelta, timezone

import pytest

from jiaozi.central_bank.audit.limits import today
from jiaozi.central_bank.audit.model import AuditStopped, Rule
from jiaozi.central_bank.rulebook.model import ClassLimits, Rulebook
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.order_types import Holder, OrderType
from tests.audit.story import ROTATED, vault
from tests.audit.telling import CASE, PLATFORM, Teller
from tests.registry.builders import Wallet, new_wallet
from tests.registry.network import START_MS

BOOK = Rulebook(
    hash=b"limits to the fen".ljust(32),
    name="limits",
    limits={
        (Holder.PERSONAL, 1): ClassLimits(),
        (Holder.PERSONAL, 2): ClassLimits(
            balance_cap_fen=100_00, single_fen=30_00, day_fen=50_00, year_fen=60_00
        ),
    },
)
UTC8 = timezone(timedelta(hours=8))
NEXT_DAY_MS = int(datetime(2026, 5, 30, tzinfo=UTC8).timestamp() * 1000)
NEXT_YEAR_MS = int(datetime(2027, 1, 1, tzinfo=UTC8).timestamp() * 1000)
BY_ONE_FEN = pytest.mark.parametrize("beyond_fen", [0, 1])
SUB_WALLET = 4


@pytest.fixture
def limited(teller: Teller) -> Teller:
    """The story goes on under a rulebook with limits."""
    teller.put_in_force(BOOK)
    return teller


async def is_found(teller: Teller, rule: Rule, place: tuple[int, int], beyond_fen: int) -> None:
    """The order at the place is found if it was beyond what may be, and only then."""
    if beyond_fen:
        await teller.finds(rule, place)
    else:
        await teller.is_ok()


def until(teller: Teller, time_ms: int) -> None:
    """Tell an empty block at a time."""
    last_ms = teller.forger.header(len(teller.forger.blocks) - 1).time_ms
    teller.block(after_ms=time_ms - last_ms)
    teller.fresh()


def open_sub_wallet(teller: Teller, **limits: int) -> Wallet:
    """Open a second wallet of the payer's."""
    opened = new_wallet(1001, SUB_WALLET)
    payer = teller.story.payer
    group = {"group": payer.group, "parent": payer.number, **limits}
    teller.block(teller.orders.open_account(opened, **group))
    return opened


def exchange(teller: Teller, wallet: Wallet, amount_fen: int) -> bytes:
    """Exchange with the key that the vault has at the end of the story."""
    legs = [teller.orders.leg(vault(1001), wallet.number, amount_fen)]
    return teller.orders.sign(teller.orders.head(OrderType.EXCHANGE), [ROTATED], legs)


@BY_ONE_FEN
async def test_a_payment_beyond_the_single_limit_is_found(limited: Teller, beyond_fen: int) -> None:
    place = limited.block(limited.payment(30_00 + beyond_fen))
    await is_found(limited, Rule.LIMIT, place, beyond_fen)


@BY_ONE_FEN
async def test_the_legs_of_an_order_count_together(limited: Teller, beyond_fen: int) -> None:
    orders, payer, payee = limited.orders, limited.story.payer, limited.story.payee
    legs = [orders.leg(payer.number, payee.number, each) for each in (15_00, 15_00 + beyond_fen)]
    payment = orders.sign(orders.head(OrderType.PAYMENT), [payer.signer], legs)
    await is_found(limited, Rule.LIMIT, limited.block(payment), beyond_fen)


@BY_ONE_FEN
async def test_a_day_counts_from_before_its_rulebook(limited: Teller, beyond_fen: int) -> None:
    place = limited.block(limited.payment(30_00), limited.payment(7_00 + beyond_fen))
    await is_found(limited, Rule.LIMIT, place, beyond_fen)


@BY_ONE_FEN
async def test_a_day_ends_at_midnight_in_utc8(limited: Teller, beyond_fen: int) -> None:
    limited.block(limited.payment(30_00))
    until(limited, NEXT_DAY_MS - beyond_fen)
    place = limited.block(limited.payment(7_01), after_ms=0)
    await is_found(limited, Rule.LIMIT, place, beyond_fen)


@BY_ONE_FEN
async def test_a_year_counts_all_its_days(limited: Teller, beyond_fen: int) -> None:
    limited.block(limited.payment(30_00), limited.payment(7_00))
    until(limited, NEXT_DAY_MS)
    place = limited.block(limited.payment(10_00 + beyond_fen))
    await is_found(limited, Rule.LIMIT, place, beyond_fen)


@BY_ONE_FEN
async def test_a_year_ends_at_midnight_in_utc8(limited: Teller, beyond_fen: int) -> None:
    limited.block(limited.payment(30_00))
    until(limited, NEXT_YEAR_MS - beyond_fen)
    place = limited.block(limited.payment(17_01), after_ms=0)
    await is_found(limited, Rule.LIMIT, place, beyond_fen)


@BY_ONE_FEN
@pytest.mark.parametrize(
    "own", [{"single_limit_fen": 5_00}, {"day_limit_fen": 18_00}, {"year_limit_fen": 18_00}]
)
async def test_a_holders_own_limits_bind_too(
    limited: Teller, own: dict[str, int], beyond_fen: int
) -> None:
    lower = limited.by_holder(OrderType.LOWER_LIMITS, **own)
    place = limited.block(lower, limited.payment(5_00 + beyond_fen))
    await is_found(limited, Rule.LIMIT, place, beyond_fen)


@BY_ONE_FEN
async def test_the_wallets_of_a_holder_spend_together(limited: Teller, beyond_fen: int) -> None:
    orders, story = limited.orders, limited.story
    second = open_sub_wallet(limited)
    inside = orders.payment(story.payer, second, 30_00)
    outside = orders.payment(second, story.payee, 7_00 + beyond_fen)
    place = limited.block(inside, limited.payment(30_00), outside)
    await is_found(limited, Rule.LIMIT, place, beyond_fen)


@BY_ONE_FEN
async def test_a_sub_wallets_own_limit_is_its_own(limited: Teller, beyond_fen: int) -> None:
    orders, story = limited.orders, limited.story
    second = open_sub_wallet(limited, day_limit_fen=7_00)
    inside = orders.payment(story.payer, second, 30_00)
    back = orders.payment(second, story.payer, 10_00)
    outside = orders.payment(second, story.payee, 7_00 + beyond_fen)
    place = limited.block(inside, back, limited.payment(30_00), outside)
    await is_found(limited, Rule.LIMIT, place, beyond_fen)


@BY_ONE_FEN
async def test_a_mandate_spends_from_the_wallet(limited: Teller, beyond_fen: int) -> None:
    payer, payee = limited.story.payer, limited.story.payee
    lower = limited.by_holder(OrderType.LOWER_LIMITS, day_limit_fen=13_40)
    paid = limited.orders.pay_by_mandate(payer, payee, 40 + beyond_fen, CASE, PLATFORM)
    place = limited.block(lower, limited.mandate(), paid)
    await is_found(limited, Rule.LIMIT, place, beyond_fen)


@BY_ONE_FEN
async def test_exchange_and_redeem_spend_nothing_and_give_nothing_back(
    limited: Teller, beyond_fen: int
) -> None:
    payer = limited.story.payer
    place = limited.block(
        limited.payment(30_00), limited.orders.redeem(payer, 20_00),
        exchange(limited, payer, 35_00), limited.payment(7_00 + beyond_fen),
    )  # fmt: skip
    await is_found(limited, Rule.LIMIT, place, beyond_fen)


@BY_ONE_FEN
async def test_an_exchange_beyond_the_cap_is_found(limited: Teller, beyond_fen: int) -> None:
    place = limited.block(exchange(limited, limited.story.payer, 17_00 + beyond_fen))
    await is_found(limited, Rule.BALANCE_CAP, place, beyond_fen)


@BY_ONE_FEN
async def test_the_wallets_of_a_holder_have_one_cap(limited: Teller, beyond_fen: int) -> None:
    second = open_sub_wallet(limited)
    inside = limited.orders.payment(limited.story.payer, second, 30_00)
    place = limited.block(inside, exchange(limited, second, 17_00 + beyond_fen))
    await is_found(limited, Rule.BALANCE_CAP, place, beyond_fen)


@BY_ONE_FEN
async def test_a_holders_own_cap_binds_too(limited: Teller, beyond_fen: int) -> None:
    story = limited.story
    lower = limited.by_holder(OrderType.LOWER_LIMITS, balance_cap_fen=85_00)
    paid = limited.orders.payment(story.careful, story.payer, 2_00 + beyond_fen)
    place = limited.block(lower, paid)
    await is_found(limited, Rule.BALANCE_CAP, place, beyond_fen)


async def test_a_cap_that_came_later_stops_credits_and_nothing_else(limited: Teller) -> None:
    orders, story = limited.orders, limited.story
    limited.block(orders.payment(story.careful, story.payee, 50))
    await limited.is_ok()
    place = limited.block(orders.payment(story.payer, story.careful, 1))
    await limited.finds(Rule.BALANCE_CAP, place)


@pytest.mark.parametrize("how", ["opened", "put"])
async def test_a_class_is_one_of_the_rulebook(limited: Teller, how: str) -> None:
    opened = limited.orders.open_account(new_wallet(1001, SUB_WALLET), wallet_class=9)
    put = limited.by_operator(OrderType.SET_CLASS, wallet_class=9)
    place = limited.block(opened if how == "opened" else put)
    assert how in await limited.finds(Rule.EFFECT, place)


async def test_a_higher_class_lifts_the_limits_from_its_block_on(limited: Teller) -> None:
    raised = limited.by_operator(OrderType.SET_CLASS, wallet_class=1)
    place = limited.block(limited.payment(30_01), raised, limited.payment(40_00))
    await limited.finds(Rule.LIMIT, (place[0], 0))


async def test_without_the_rulebooks_file_there_is_no_verdict(limited: Teller) -> None:
    limited.block(limited.payment(1))
    del limited.library[BOOK.hash]
    with pytest.raises(AuditStopped, match=BOOK.hash.hex()):
        await limited.differences()


@pytest.mark.parametrize(
    ("time_ms", "year"),
    [
        (0, 1970), (START_MS, 2026), (NEXT_YEAR_MS - 1, 2026), (NEXT_YEAR_MS, 2027),
        (NEXT_YEAR_MS + 400 * 365 * DAY_MS + 97 * DAY_MS, 2427),
    ],
)  # fmt: skip
def test_years_are_those_of_the_calendar(time_ms: int, year: int) -> None:
    assert today(time_ms).year_start == (date(year, 1, 1) - date(1970, 1, 1)).days


def test_a_header_may_claim_any_time() -> None:
    assert 0 <= today(2**63 - 1).day - today(2**63 - 1).year_start <= 365
