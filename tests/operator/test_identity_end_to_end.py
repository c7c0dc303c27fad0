"""Classes, sub-wallets and signatories at the real registry: its limits and freezes bind."""

from collections.abc import AsyncIterator

import pytest

from jiaozi.protocol.refusals import Code
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.operator.builders import OperatorWorld, new_phone, operator_world
from tests.operator.holders import Holder
from tests.operator.test_customers import ATTESTATION, DOCUMENT
from tests.operator.test_end_to_end import real_registry
from tests.operator.test_identity_class import set_class
from tests.operator.test_identity_signatories import CLERK, open_company, remove
from tests.operator.under import add_signatory, open_sub_wallet

DEPOSIT_FEN = 100_000_00
SINGLE_IV_FEN, CAP_IV_FEN = 2_000_00, 10_000_00
"""Class IV since June 2021."""
NAMED = {"identity_document": DOCUMENT}


@pytest.fixture
async def world(postgres: EmbeddedPostgres, database_dsn: str) -> AsyncIterator[OperatorWorld]:
    """One operator in front of the real registry."""
    registry_dsn = await postgres.create_database("identity_registry")
    async with (
        real_registry(registry_dsn) as registry,
        operator_world(database_dsn, registry) as world,  # type: ignore[arg-type]
    ):
        yield world
    await postgres.drop_database("identity_registry")


async def shown(holder: Holder) -> tuple[int, int]:
    """Class and balance as the registry holds them."""
    document = (await holder.ask("GET", holder.path)).json()
    return document["wallet_class"], document["balance_fen"]


async def test_the_limits_of_a_class_bind_from_its_settling_on(world: OperatorWorld) -> None:
    payer = await world.open_wallet(deposit_fen=DEPOSIT_FEN)
    payee = await world.open_wallet(
        wallet_class=3, evidence={"identity_document": {**DOCUMENT, "number": "2"}}
    )
    await payer.exchange(CAP_IV_FEN)
    more = SINGLE_IV_FEN + 1
    assert (await payer.pay(payee.number, more))[1][0] == Code.LIMIT_SINGLE
    assert (await set_class(payer, 3, NAMED))["state"] == "settled"
    assert (await payer.pay(payee.number, more))[:2] == [1, [0]]
    assert (await set_class(payer, 4))["state"] == "settled"
    assert (await payer.pay(payee.number, more))[1][0] == Code.LIMIT_SINGLE
    assert await shown(payer) == (4, CAP_IV_FEN - more)


async def test_the_caps_of_a_class_bind_a_holders_wallets_together(world: OperatorWorld) -> None:
    parent = await world.open_wallet(deposit_fen=DEPOSIT_FEN)
    sub = await open_sub_wallet(world, parent, balance_cap_fen=3_000_00)
    payee = await world.open_wallet()
    await parent.exchange(CAP_IV_FEN)
    assert (await parent.pay(sub.number, 3_000_00))[:2] == [1, [0]]
    assert (await parent.pay(sub.number, 1))[1][0] == Code.PAYEE_CANNOT_RECEIVE
    over = await parent.exchange(1)
    assert over["refusal"]["code"] == Code.PAYEE_CANNOT_RECEIVE
    for payer in (parent, sub):
        assert (await payer.pay(payee.number, 2_000_00))[:2] == [1, [0]]
    assert (await parent.pay(payee.number, 1_000_01))[1][0] == Code.LIMIT_DAY
    assert (await parent.pay(payee.number, 1_000_00))[:2] == [1, [0]]
    assert (await sub.pay(payee.number, 1))[1][0] == Code.LIMIT_DAY


async def test_a_removed_signatory_spends_nothing_more(world: OperatorWorld) -> None:
    phone = new_phone()
    deposit_id = await world.fund(phone, DEPOSIT_FEN)
    company = await open_company(
        world, phone, wallet_class=1, deposit_id=deposit_id, counter_attestation=ATTESTATION
    )
    company.deposit_id = deposit_id
    clerk = await add_signatory(world, company, CLERK, day_limit_fen=100_00)
    payee = await world.open_wallet()
    await company.exchange(500_00)
    assert (await company.pay(clerk.number, 300_00))[:2] == [1, [0]]
    assert (await clerk.pay(payee.number, 100_01))[1][0] == Code.LIMIT_DAY
    assert (await clerk.pay(payee.number, 100_00))[:2] == [1, [0]]
    assert await remove(company, clerk) == {"frozen": True}
    assert (await clerk.pay(payee.number, 1))[1][0] == Code.ACCOUNT_FROZEN
    assert (await company.pay(payee.number, 100_00))[:2] == [1, [0]]
