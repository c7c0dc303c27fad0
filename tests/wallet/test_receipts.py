"""A receipt is believed because it proves itself, and for no other reason."""

import pytest

from jiaozi.protocol.ids import OrderId
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.wallet.errors import AnswerMalformed
from jiaozi.wallet.pay import Payee, pay
from jiaozi.wallet.receipts import get_receipt
from jiaozi.wallet.wallet import Wallet
from tests.wallet.conftest import ANNA, NUMBER
from tests.wallet.fake_operator import FakeOperator, key


async def test_a_receipt_shows_the_payment_in_its_block(wallet: Wallet) -> None:
    paid = await pay(wallet, [Payee(ANNA, 100)])

    _, receipt = await get_receipt(wallet, paid.order.order_id)

    [leg] = receipt.order.legs
    assert (leg.debit, leg.credit, leg.amount) == (NUMBER, ANNA, 100)
    assert receipt.outcome == (0,)
    assert (receipt.header.height, receipt.position) == (1, 0)


async def test_a_block_that_another_key_signed_proves_nothing(
    wallet: Wallet, operator: FakeOperator
) -> None:
    operator.block = key("somebody else")
    paid = await pay(wallet, [Payee(ANNA, 100)])
    with pytest.raises(AnswerMalformed):
        await get_receipt(wallet, paid.order.order_id)


async def test_the_receipt_of_another_order_is_not_this_ones(
    wallet: Wallet, operator: FakeOperator
) -> None:
    first = await pay(wallet, [Payee(ANNA, 100)])
    second = await pay(wallet, [Payee(ANNA, 200)])
    operator.taken[first.order.order_id] = operator.taken[second.order.order_id]
    with pytest.raises(AnswerMalformed):
        await get_receipt(wallet, first.order.order_id)


async def test_an_order_without_receipt_is_told_as_not_found(wallet: Wallet) -> None:
    with pytest.raises(Refusal) as refused:
        await get_receipt(wallet, OrderId(bytes(16)))
    assert refused.value.code is Code.NOT_FOUND
