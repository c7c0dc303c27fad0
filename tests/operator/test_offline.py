"""The desk for offline devices, in front of the real registry."""

from collections.abc import AsyncIterator

import pytest

from jiaozi.storage.embedded import EmbeddedPostgres
from tests.operator.offline import Desks, balance_fen, open_desks, pay


@pytest.fixture
async def desks(postgres: EmbeddedPostgres) -> AsyncIterator[Desks]:
    """Two operators with guarantees at a registry."""
    async with open_desks(postgres) as desks:
        yield desks


async def test_money_goes_onto_a_card_to_another_and_back_into_a_wallet(desks: Desks) -> None:
    payer_wallet, payee_wallet = await desks.customer(), await desks.customer(1002)
    payer, payee = await desks.enrol(payer_wallet), await desks.enrol(payee_wallet)
    await desks.load(payer_wallet, payer, 100_00)
    pay(payer, payee, 30_00)
    assert [each[3] for each in await desks.hand_in(payee.log, 1002)] == [1]
    assert await desks.shadow_fen(payer.key) == 70_00
    assert await desks.shadow_fen(payee.key, 1002) == 30_00
    await desks.synchronise(payee)
    await desks.synchronise(payer)
    assert (payer.purse.balances_fen[0], payee.purse.balances_fen[0]) == (70_00, 30_00)
    unload = payee.unload(payee_wallet.number, 25_00)
    [became] = await desks.hand_in_payments(unload, operator=1002)
    assert became[3] == 1
    assert await balance_fen(payee_wallet) == 1_025_00
    await desks.synchronise(payee)
    assert payee.purse.balance_fen == 5_00
    supply = await desks.supply()
    assert supply["offline_fen"] == 75_00
