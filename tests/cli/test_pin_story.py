"""A second factor with everything real: registry, operator, commands; nothing is a fake."""

from pathlib import Path

from jiaozi.protocol import orders
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead
from jiaozi.wallet.model import Purpose, SignedOrder, State
from jiaozi.wallet.second_factor import countersigned
from jiaozi.wallet.submit import submit
from jiaozi.wallet.wallet import Wallet, unlock
from tests.cli.conftest import PASSPHRASE
from tests.cli.test_wallet_story import Bank, _open
from tests.cli.test_wallet_story import bank as bank

PIN = "602817"


def limits_order(wallet: Wallet, order_type: OrderType, **limits: int) -> SignedOrder:
    """An order about the wallet's own limits, signed by the wallet alone."""
    now_ms = wallet.edge.now_ms()
    head = OrderHead(
        id=new_order_id(now_ms, wallet.edge.random(10)),
        type=order_type,
        expires_ms=now_ms + 60_000,
    )
    return SignedOrder(
        order_id=head.id,
        purpose=Purpose.PAYMENT,
        submission=orders.sign_order(
            head, [wallet.signer], wallet.network, number=wallet.number, **limits
        ),
        expires_ms=head.expires_ms,
    )


async def state_of(wallet: Wallet, order: SignedOrder) -> State:
    return (await submit(wallet, [order]))[order.order_id].state


async def test_an_own_amount_is_lowered_at_once_and_above_it_the_pin_pays(
    bank: Bank, tmp_path: Path
) -> None:
    phone, pin_file = "+8613800000001", tmp_path / "pin"
    anna = await _open(bank, tmp_path / "anna", 1001, phone)
    ben = await _open(bank, tmp_path / "ben", 1002, "+8613800000002")
    deposit = await bank.fund(1001, phone, 50_000)
    await anna("exchange", "400", "--deposit", deposit)
    pin_file.write_text(PIN)
    assert await anna("pin", "set", "--pin-file", pin_file) == {"is_set": True}

    async with unlock(anna.directory, PASSPHRASE) as wallet:
        lower = limits_order(wallet, OrderType.LOWER_LIMITS, second_factor_above_fen=10_000)
        assert await state_of(wallet, lower) is State.SETTLED

    refused = await anna("pay", ben.number, "150", code=1)
    assert refused["refusal"]["name"] == "second_factor_required"
    paid = await anna("pay", ben.number, "150", "--pin-file", pin_file)
    assert paid["state"] == "settled"
    assert await ben.balance_fen() == 15_000

    redeem = ("redeem", "101", "--deposit", deposit)
    assert (await anna(*redeem, code=1))["refusal"]["name"] == "second_factor_required"
    assert (await anna(*redeem, "--pin-file", pin_file))["state"] == "settled"
    await anna("exchange", "101", "--deposit", deposit)

    request = await ben("request", "120")
    pay_request = ("pay", "--request", request["text"], "--yes")
    assert (await anna(*pay_request, code=1))["refusal"]["name"] == "second_factor_required"
    assert (await anna(*pay_request, "--pin-file", pin_file))["state"] == "settled"
    assert await ben.balance_fen() == 27_000
    assert (await anna(*pay_request, "--pin-file", pin_file, code=2))["error"]["name"] == (
        "already_paid"
    )

    async with unlock(anna.directory, PASSPHRASE) as wallet:
        alone = limits_order(wallet, OrderType.RAISE_LIMITS, second_factor_above_fen=30_000)
        assert await state_of(wallet, alone) is not State.SETTLED
        raised = limits_order(wallet, OrderType.RAISE_LIMITS, second_factor_above_fen=30_000)
        assert await state_of(wallet, await countersigned(wallet, raised, PIN)) is State.SETTLED
    asked = await anna("pin", "reset", "--phone", phone, "--pin-file", pin_file)
    assert asked["due_ms"] > wallet.edge.now_ms() + 23 * 3_600_000
    limits = (await anna("balance"))["limits"]
    assert limits["second_factor_above_fen"] == 10_000  # a raise waits for its day
