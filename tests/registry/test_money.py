"""rules.md §D: issue and destroy post both ledgers, within reserve and quota; 1:1 in and out."""

import asyncpg
import pytest

from jiaozi.protocol import numbers
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import SETTLED, Code
from tests.registry.conftest import PROVIDED_FEN
from tests.registry.effects import refused
from tests.registry.limited import LIMITED, UNCAPPED
from tests.registry.world import RegistryWorld, registry_world

ONE, OTHER = 1001, 1002
ISSUED_FEN = 2 * PROVIDED_FEN


async def fen(world: RegistryWorld, *accounts: int) -> list[int]:
    return [(await world.account(each)).balance_fen for each in accounts]


async def test_issue_posts_both_ledgers_in_one_block(own_world: RegistryWorld) -> None:
    world = own_world
    await world.fund_reserve(ONE, 500)
    reserve, vault = numbers.reserve_of(ONE), numbers.vault_of(ONE)
    accounts = (reserve, numbers.SETTLEMENT, numbers.ISSUANCE, vault)
    assert await fen(world, *accounts) == [500, -500, -ISSUED_FEN, PROVIDED_FEN]
    answer = await world.issue(ONE, 300)
    assert await fen(world, *accounts) == [200, -200, -ISSUED_FEN - 300, PROVIDED_FEN + 300]
    assert answer.height == world.height
    await world.destroy(ONE, 100)
    assert await fen(world, *accounts) == [300, -300, -ISSUED_FEN - 200, PROVIDED_FEN + 200]
    totals = world.writer.tip.totals
    assert (totals.issued_fen, totals.destroyed_fen) == (ISSUED_FEN + 300, 100)
    assert totals.outstanding_fen == ISSUED_FEN + 200


async def test_issue_needs_the_reserve_to_the_fen(own_world: RegistryWorld) -> None:
    world = own_world
    await world.fund_reserve(ONE, 500)
    await refused(world, world.orders.issue(ONE, 501), Code.RESERVE_INSUFFICIENT, 500)
    await refused(world, world.orders.issue(OTHER, 1), Code.RESERVE_INSUFFICIENT, 0)
    await world.issue(ONE, 500)


async def test_quota_bounds_issue_to_the_fen(own_world: RegistryWorld) -> None:
    world = own_world
    await world.fund_reserve(ONE, 1000)
    await world.settle(world.orders.quota(ONE, PROVIDED_FEN + 400))
    over = world.orders.issue(ONE, 401)
    await refused(world, over, Code.QUOTA_EXCEEDED, PROVIDED_FEN + 400, 400)
    await world.issue(ONE, 400)
    await world.settle(world.orders.quota(ONE, 0))
    await refused(world, world.orders.issue(ONE, 1), Code.QUOTA_EXCEEDED, 0, 0)


async def test_what_is_exchanged_makes_room_under_the_quota(own_world: RegistryWorld) -> None:
    world = own_world
    await world.fund_reserve(ONE, 1000)
    await world.settle(world.orders.quota(ONE, PROVIDED_FEN))
    [wallet] = await world.open_wallets(1, balance_fen=1000)
    await world.issue(ONE, 1000)
    # A redemption is never refused for the operator's quota.
    assert (await world.redeem(wallet, 1000)).outcome == SETTLED


async def test_destroy_needs_the_vault_to_the_fen(own_world: RegistryWorld) -> None:
    world = own_world
    over = world.orders.destroy(ONE, PROVIDED_FEN + 1)
    await refused(world, over, Code.INSUFFICIENT_FUNDS, PROVIDED_FEN)
    await world.destroy(ONE, PROVIDED_FEN)


async def test_operator_destroys_what_another_issued(own_world: RegistryWorld) -> None:
    world = own_world
    payer = await world.open_wallet(ONE, balance_fen=700, wallet_class=UNCAPPED)
    payee = await world.open_wallet(OTHER, wallet_class=UNCAPPED)
    await world.pay(payer, payee, 700)
    await world.redeem(payee, 700)
    await world.destroy(OTHER, PROVIDED_FEN + 700)
    assert await fen(world, numbers.reserve_of(OTHER)) == [PROVIDED_FEN + 700]


async def test_exchange_needs_the_vault_to_the_fen(own_world: RegistryWorld) -> None:
    world = own_world
    wallet = await world.open_wallet(wallet_class=UNCAPPED)
    over = world.orders.exchange(wallet, PROVIDED_FEN + 1)
    await refused(world, over, Code.INSUFFICIENT_FUNDS, PROVIDED_FEN)
    await world.exchange(wallet, PROVIDED_FEN)


async def test_redeem_needs_the_balance_to_the_fen(world: RegistryWorld) -> None:
    wallet = await world.open_wallet(balance_fen=100)
    await refused(world, world.orders.redeem(wallet, 101), Code.INSUFFICIENT_FUNDS, 100)
    assert (await world.redeem(wallet, 100)).outcome == SETTLED


async def test_redeem_goes_to_the_vault_of_the_wallets_operator(world: RegistryWorld) -> None:
    wallet, other = await world.open_wallets(2, balance_fen=100)
    for credit in (numbers.vault_of(OTHER), other.number, numbers.reserve_of(ONE)):
        legs = [world.orders.leg(wallet.number, credit, 1)]
        order = world.orders.sign(world.orders.head(OrderType.REDEEM), [wallet.signer], legs)
        await refused(world, order, Code.LEGS_NOT_ALLOWED, 0)


async def test_exchange_goes_to_the_operators_own_wallets(world: RegistryWorld) -> None:
    wallet = await world.open_wallet(OTHER)
    legs = [world.orders.leg(numbers.vault_of(ONE), wallet.number, 1)]
    order = world.orders.sign(world.orders.head(OrderType.EXCHANGE), [world.keys.vault(ONE)], legs)
    await refused(world, order, Code.LEGS_NOT_ALLOWED, 0)


@pytest.mark.parametrize(
    ("order_type", "debit", "credit"),
    [
        (OrderType.ISSUE, numbers.ISSUANCE, numbers.reserve_of(ONE)),
        (OrderType.ISSUE, numbers.vault_of(OTHER), numbers.vault_of(ONE)),
        (OrderType.ISSUE, numbers.SETTLEMENT, numbers.vault_of(ONE)),
        (OrderType.DESTROY, numbers.vault_of(ONE), numbers.SETTLEMENT),
        (OrderType.DESTROY, numbers.reserve_of(ONE), numbers.ISSUANCE),
        (OrderType.FUND_RESERVE, numbers.SETTLEMENT, numbers.vault_of(ONE)),
        (OrderType.FUND_RESERVE, numbers.ISSUANCE, numbers.reserve_of(ONE)),
        (OrderType.PAYMENT, numbers.vault_of(ONE), numbers.vault_of(OTHER)),
        (OrderType.PAYMENT, numbers.ISSUANCE, numbers.vault_of(OTHER)),
        (OrderType.EXCHANGE, numbers.vault_of(ONE), numbers.vault_of(OTHER)),
    ],
)
async def test_money_moves_between_the_accounts_of_the_order_table_only(
    world: RegistryWorld, order_type: OrderType, debit: int, credit: int
) -> None:
    signers = [world.keys.vault(ONE), *world.keys.officers[:2]]
    legs = [world.orders.leg(debit, credit, 1)]
    order = world.orders.sign(world.orders.head(order_type), signers, legs)
    await refused(world, order, Code.LEGS_NOT_ALLOWED, 0)


async def test_operator_without_accounts_gets_no_money(world: RegistryWorld) -> None:
    order = world.orders.fund_reserve(1003, 1)
    await refused(world, order, Code.ACCOUNT_UNKNOWN)


async def test_sums_stop_at_the_largest_amount(database_dsn: str) -> None:
    async with registry_world(database_dsn, quota_fen=FEN_MAX, rulebooks=[LIMITED]) as world:
        await world.fund_reserve(ONE, FEN_MAX)
        await refused(world, world.orders.fund_reserve(OTHER, 1), Code.SUM_TOO_LARGE)
        await world.issue(ONE, FEN_MAX)
        await world.fund_reserve(OTHER, FEN_MAX)
        await refused(world, world.orders.issue(OTHER, 1), Code.SUM_TOO_LARGE)
        await refused(world, world.orders.destroy(ONE, 1), Code.SUM_TOO_LARGE)


@pytest.mark.parametrize(
    ("number", "balance_fen"), [(numbers.vault_of(ONE), -1), (numbers.ISSUANCE, 1)]
)
async def test_database_refuses_a_balance_on_the_wrong_side_of_zero(
    world: RegistryWorld, number: int, balance_fen: int
) -> None:
    async with world.database.connection() as connection:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(
                "UPDATE account SET balance_fen = $2 WHERE number = $1", number, balance_fen
            )


@pytest.mark.parametrize("table", ["block", "feed_block"])
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {} CASCADE"])
async def test_database_only_adds_to_blocks_and_feeds(
    world: RegistryWorld, table: str, statement: str
) -> None:
    async with world.database.connection() as connection:
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            await connection.execute(statement.format(table))


async def test_a_payment_funds_a_reserve_once(own_world: RegistryWorld) -> None:
    world = own_world
    paid = {"reference": b"r" * 32}
    await world.settle(world.orders.fund_reserve(ONE, 7, **paid))
    await refused(world, world.orders.fund_reserve(ONE, 7, **paid), Code.FUNDED_BEFORE)
    await world.restart()
    await refused(world, world.orders.fund_reserve(OTHER, 9, **paid), Code.FUNDED_BEFORE)
    without = world.orders.fund_reserve(ONE, 7, reference=None)  # type: ignore[arg-type]
    await refused(world, without, Code.MALFORMED, "reference")
