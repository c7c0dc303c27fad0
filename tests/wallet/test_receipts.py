"""A receipt is believed because it proves itself, and for no other reason."""

import base64
from dataclasses import replace

import pytest

from jiaozi.protocol.certificates import Certified, Use, certify
from jiaozi.protocol.genesis import sign_genesis
from jiaozi.protocol.ids import OrderId
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.suites import Suite
from jiaozi.wallet.errors import AnswerMalformed
from jiaozi.wallet.pay import Payee, pay
from jiaozi.wallet.receipts import get_receipt
from jiaozi.wallet.wallet import Wallet
from tests.wallet.conftest import ANNA, NUMBER
from tests.wallet.fake_operator import FakeOperator, key

NEXT = key("next block key")


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


def certificate(operator: FakeOperator, root: str, *, use: Use = Use.REGISTRY_BLOCK) -> bytes:
    """A certificate for the next block key, from genesis on."""
    certified = Certified(
        use=use,
        operator=0,
        suite=Suite.ED25519,
        key=NEXT.public_key,
        not_before_ms=operator.network.genesis.created_ms,
        not_after_ms=2**47,
    )
    return certify(certified, key(root), operator.network.id)


def tell_of(operator: FakeOperator, certificate: bytes, revoked_ms: int | None = None) -> None:
    told = {
        "public_key": NEXT.public_key.hex(),
        "certificate": base64.b64encode(certificate).decode(),
        "revoked_ms": revoked_ms,
    }
    operator.block_keys.append(told)


async def test_a_block_of_a_later_key_is_believed_for_the_roots_certificate(
    wallet: Wallet, operator: FakeOperator
) -> None:
    first = await pay(wallet, [Payee(ANNA, 100)])
    operator.block = NEXT
    tell_of(operator, certificate(operator, "root"))
    second = await pay(wallet, [Payee(ANNA, 100)])
    for paid, beside in ((first, None), (second, certificate(operator, "root"))):
        _, receipt = await get_receipt(wallet, paid.order.order_id)
        assert wallet.block_keys.certificate_of(receipt.block_key) == beside


@pytest.mark.parametrize(
    ("root", "use", "revoked_ms"),
    [
        ("somebody else", Use.REGISTRY_BLOCK, None),
        ("root", Use.AUDITOR, None),
        ("root", Use.REGISTRY_BLOCK, 1),
    ],
)
async def test_a_block_of_a_later_key_without_such_a_certificate_proves_nothing(
    wallet: Wallet, operator: FakeOperator, root: str, use: Use, revoked_ms: int | None
) -> None:
    operator.block = NEXT
    tell_of(operator, certificate(operator, root, use=use), revoked_ms)
    paid = await pay(wallet, [Payee(ANNA, 100)])
    with pytest.raises(AnswerMalformed):
        await get_receipt(wallet, paid.order.order_id)


async def test_an_operator_that_tells_of_another_network_is_not_believed(
    wallet: Wallet, operator: FakeOperator
) -> None:
    paid = await pay(wallet, [Payee(ANNA, 100)])
    operator.block = NEXT
    last = await pay(wallet, [Payee(ANNA, 100)])
    genesis = replace(operator.network.genesis, name="another")
    operator.genesis = sign_genesis(genesis, key("root"))
    await get_receipt(wallet, paid.order.order_id)
    with pytest.raises(AnswerMalformed, match="another network"):
        await get_receipt(wallet, last.order.order_id)


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
