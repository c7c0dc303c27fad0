"""What waits takes effect once and in time, whichever writer leads by then."""

from jiaozi.central_bank.audit.audit import AuditOptions, audit_database
from jiaozi.central_bank.audit.model import Rule
from jiaozi.central_bank.registry.state_hash import hash_state
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code
from tests.registry.effects import refused
from tests.registry.limited import LIMITED
from tests.registry.network import OPERATORS
from tests.registry.world import RegistryWorld

ONE, _ = OPERATORS
DAY_MS = 86_400_000
CASE = bytes(16)
OPTIONS = AuditOptions(processes=0, library={LIMITED.hash: LIMITED})


async def test_a_new_writer_carries_out_what_became_due_meanwhile(
    own_world: RegistryWorld,
) -> None:
    world, raised = own_world, OrderType.RAISE_LIMITS
    payer, payee = await world.open_wallets(2, balance_fen=100, single_limit_fen=1)
    more = world.orders.by_holder(raised, payer, countersigned_by=ONE, single_limit_fen=5)
    await world.settle(more)
    await world.restart()
    world.clock.advance(DAY_MS - 1)
    await refused(world, world.orders.payment(payer, payee, 5), Code.LIMIT_SINGLE, 1)
    await world.restart()
    world.clock.advance(1)
    await world.settle(world.orders.payment(payer, payee, 5))
    less = world.orders.by_holder(OrderType.LOWER_LIMITS, payer, single_limit_fen=2)
    await world.settle(less)
    await world.restart()
    world.clock.advance(DAY_MS)
    await refused(world, world.orders.payment(payer, payee, 3), Code.LIMIT_SINGLE, 2)
    assert (await audit_database(world.database, OPTIONS)).verdict == "ok"


async def test_a_changed_row_of_safeguards_is_found(own_world: RegistryWorld) -> None:
    world = own_world
    wallet, other = await world.open_wallets(2)
    for each in (wallet, other):
        freeze = OrderType.OPERATOR_FREEZE
        scope = 1 if each is wallet else 2
        await world.settle(world.orders.by_operator(freeze, each, case=CASE, scope=scope))
    before = await hash_state(world.database)
    async with world.database.connection() as connection:
        await connection.execute(
            "UPDATE safeguard SET record = (SELECT record FROM safeguard WHERE account = $1) "
            "WHERE account = $2",
            other.number, wallet.number,
        )  # fmt: skip
    assert await hash_state(world.database) != before
    [found] = (await audit_database(world.database, OPTIONS)).differences
    assert found.rule == Rule.REGISTRY_STATE
    assert "safeguards" in found.detail
