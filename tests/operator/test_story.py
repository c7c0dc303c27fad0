"""The main job end to end: open, exchange, pay, redeem, look back."""

from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.receipts import verify_receipt
from tests.operator.builders import OperatorWorld


async def test_money_goes_from_deposit_to_wallet_to_wallet_to_deposit(
    world: OperatorWorld,
) -> None:
    payer = await world.open_wallet(deposit_fen=100_00)
    payee = await world.open_wallet(deposit_fen=1)
    assert (await payer.exchange(60_00))["state"] == "settled"
    assert await world.deposit_fen(payer) == (40_00, 0)
    assert await payer.pay(payee.number, 25_00) == [1, [0], world.ledger.tip.header.height, 0]
    done = await payee.redeem(payee.redeem_order(20_00))
    assert done["state"] == "settled"
    assert world.balance_fen(payer) == 35_00
    assert world.balance_fen(payee) == 5_00
    assert await world.deposit_fen(payee) == (20_01, 0)
    wallet = (await payer.ask("GET", payer.path)).json()
    assert wallet["balance_fen"] == 35_00
    block_key = read_genesis(world.registry.genesis).genesis.key_of(Use.REGISTRY_BLOCK)
    receipt = (await payee.ask("GET", f"{payee.path}/receipts/{done['order_id']}")).content
    checked = verify_receipt(receipt, block_keys=BlockKeys.stated(block_key), network=world.network)
    assert checked.outcome == (0,)
