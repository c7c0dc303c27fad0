"""Loads that a desk hands out to a purse: in order, each once, and no two under one number."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jiaozi.protocol.offline.proofs import DoubleLoadFound, ProofKind, verify_proof
from jiaozi.wallet.errors import AnswerMalformed
from jiaozi.wallet.offline.desk import fetch_loads
from jiaozi.wallet.offline.software import SoftwarePurse
from jiaozi.wallet.wallet import Wallet
from tests.protocol.offline_builders import ANCHOR, PAYER, load_message
from tests.wallet.fake_operator import FakeOperator
from tests.wallet.purses import made, opened


@pytest.fixture
def purse(tmp_path: Path) -> Iterator[SoftwarePurse]:
    with made(tmp_path / "purse", PAYER) as purse:
        yield purse


async def test_all_loads_on_the_way_are_fetched_in_order(
    wallet: Wallet, operator: FakeOperator, purse: SoftwarePurse
) -> None:
    operator.loads = {number: load_message(PAYER, number, 10 * number) for number in (1, 2, 3)}
    assert await fetch_loads(wallet, purse) == 3
    assert (await fetch_loads(wallet, purse), purse.view().balance_fen) == (0, 60)


async def test_g3_a_desk_that_hands_out_another_load_of_a_number_leaves_its_proof_with_the_purse(
    wallet: Wallet, operator: FakeOperator, purse: SoftwarePurse, tmp_path: Path
) -> None:
    purse.take_load(load_message(PAYER, 1, 10))
    operator.loads = {2: load_message(PAYER, 1, 11)}
    with pytest.raises(DoubleLoadFound):
        await fetch_loads(wallet, purse)
    with opened(tmp_path / "purse", PAYER) as reopened:
        [proof] = reopened.proofs()
        assert reopened.view().balance_fen == 10
    assert verify_proof(proof, ANCHOR).kind is ProofKind.DOUBLE_LOAD


async def test_a_desk_that_hands_out_an_old_load_for_the_next_is_not_asked_for_ever(
    wallet: Wallet, operator: FakeOperator, purse: SoftwarePurse
) -> None:
    purse.take_load(load_message(PAYER, 1, 10))
    operator.loads = {2: load_message(PAYER, 1, 10)}
    with pytest.raises(AnswerMalformed):
        await fetch_loads(wallet, purse)
    assert purse.view().balance_fen == 10
