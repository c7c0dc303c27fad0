"""Sweeps: all of one but its amount follows from the payment before it."""

from jiaozi.protocol import cose
from jiaozi.protocol.ids import id_time_ms
from jiaozi.protocol.numbers import vault_of
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import parse
from jiaozi.protocol.sweeps import sign_sweep, sweep_leg
from tests.protocol.builders import (
    BLOCK_SIGNER,
    BOB,
    CAROL,
    NETWORK,
    OPERATOR,
    ORDER_AAD,
    order_id,
    submission_of,
)

PAYMENT = parse(submission_of())
VAULT = vault_of(OPERATOR)


def test_a_sweep_is_an_order_of_the_registry_that_names_its_payment() -> None:
    sweep = sign_sweep(PAYMENT, sweep_leg(PAYMENT.identity, BOB, VAULT, 7), BLOCK_SIGNER, NETWORK)
    assert parse(sweep.encoded) == sweep
    assert cose.verify(sweep.message, ORDER_AAD)
    assert sweep.keys == (BLOCK_SIGNER.public_key,)
    assert (sweep.type, sweep.link) == (OrderType.SWEEP, PAYMENT.identity)
    assert [(leg.debit, leg.credit, leg.amount) for leg in sweep.legs] == [(BOB, VAULT, 7)]


def test_a_sweep_lives_when_its_payment_does() -> None:
    sweep = sign_sweep(PAYMENT, sweep_leg(PAYMENT.identity, BOB, VAULT, 7), BLOCK_SIGNER, NETWORK)
    assert sweep.expires_ms == PAYMENT.expires_ms
    assert id_time_ms(sweep.id) == id_time_ms(PAYMENT.id)


def test_each_wallet_and_payment_has_a_sweep_of_its_own() -> None:
    other = parse(submission_of(id=order_id(serial=2)))
    made = [
        sign_sweep(each, sweep_leg(each.identity, wallet, VAULT, 7), BLOCK_SIGNER, NETWORK)
        for each in (PAYMENT, other)
        for wallet in (BOB, CAROL)
    ]
    assert len({each.id for each in made}) == 4
    assert len({each.legs[0].salt for each in made}) == 4
