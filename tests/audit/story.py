"""A short true story on a real registry: the chain that the audit's tests tamper with."""

from dataclasses import dataclass

from jiaozi.central_bank.audit.model import Figures, RawBlock
from jiaozi.central_bank.registry.state_hash import StateHasher
from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.order_types import OrderType
from tests.registry.builders import Orders, Wallet, new_wallet
from tests.registry.network import QUOTA_FEN, Keys, certified, key, person
from tests.registry.world import RegistryWorld

FUND, ISSUE, OPEN_1001, EXCHANGE, OPEN_1002, PAY, REFUSED, REDEEM, DESTROY = range(1, 10)
CERTIFY, REVOKE, NAMING, LAST = range(10, 14)
"""What stands at which height."""
NAMED = REVOKE
"""The height of the state whose hash the header at `NAMING` bears."""
SECOND_FACTOR_ABOVE_FEN = 5_00

ROTATED = key("vault 1001, rotated")
SECOND_KEY = key("another key of officer 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What a test needs to go on from the story, or to tell it otherwise."""

    keys: Keys
    network: Network
    orders: Orders
    blocks: tuple[RawBlock, ...]
    payer: Wallet
    careful: Wallet
    """Asks for a second factor above `SECOND_FACTOR_ABOVE_FEN`."""
    payee: Wallet


async def play(world: RegistryWorld) -> Story:
    """Play the story: one block at a time, as the names of the heights say."""
    orders, keys = world.orders, world.keys
    await world.fund_reserve(1001, 1_000_00)
    await world.issue(1001, 600_00)
    payer, careful, payee = new_wallet(1001, 1), new_wallet(1001, 2), new_wallet(1002, 3)
    await world.settle(
        orders.open_account(payer),
        orders.open_account(careful, second_factor_above_fen=SECOND_FACTOR_ABOVE_FEN),
    )
    await world.settle(orders.exchange(payer, 100_00), orders.exchange(careful, 100_00))
    await world.settle(orders.open_account(payee), operator=1002)
    await world.settle(
        orders.payment(payer, payee, 1_00),
        orders.sign(
            orders.head(OrderType.PAYMENT),
            [payer.signer, careful.signer],
            [
                orders.leg(payer.number, payee.number, 2_00),
                orders.leg(careful.number, payee.number, 3_00),
            ],
        ),
        orders.payment(payer, careful, 4_00),
    )
    assert (await world.pay(payee, payer, 50_00)).outcome == (107, 6_00)
    await world.redeem(payer, 5_00)
    await world.destroy(1001, 100_00)
    second_key = certified(Use.OFFICER, SECOND_KEY, person=person(1))
    rotated = certified(Use.OPERATOR_VAULT, ROTATED, 1001)
    third = certified(Use.OPERATOR_VAULT, key("vault 1003"), 1003)
    await world.settle(orders.certify(second_key), orders.certify(rotated), orders.certify(third))
    await world.settle(
        orders.revoke(keys.officers[2].public_key),
        orders.quota(1003, QUOTA_FEN),
        orders.rulebook(world.network.genesis.rulebook_hash, world.clock.now_ms + 1),
    )
    await StateHasher(world.writer, world.dsn).hash_now()
    await world.settle(orders.payment(payer, payee, 6_00))
    await world.settle(orders.payment(payee, payer, 1_00), operator=1002)
    assert world.height == LAST
    return Story(
        keys=keys,
        network=world.network,
        orders=orders,
        blocks=await load_blocks(world),
        payer=payer,
        careful=careful,
        payee=payee,
    )


async def load_blocks(world: RegistryWorld) -> tuple[RawBlock, ...]:
    """Load the chain as it is."""
    names = ", ".join(f"{name}_fen" for name in Figures._fields)
    async with world.database.connection() as connection:
        rows = await connection.fetch(
            f"SELECT height, header, body, {names} FROM block ORDER BY height"
        )
    return tuple(
        RawBlock(height, header, body, Figures(*figures)) for height, header, body, *figures in rows
    )


def vault(operator: int) -> int:
    """The number of an operator's vault."""
    return int(numbers.vault_of(operator))
