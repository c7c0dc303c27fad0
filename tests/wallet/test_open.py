"""Opening a wallet: the network pinned, no key stranded, no second wallet by a lost answer."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from jiaozi.protocol.certificates import Use
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.order_types import Holder
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.edge import Edge
from jiaozi.wallet.errors import AnswerMalformed, NetworkDiffers, NoAnswer
from jiaozi.wallet.keystore import Keystore, read_keystore, write_keystore
from jiaozi.wallet.open import (
    Registration,
    Terms,
    learn_network,
    new_keystore,
    open_wallet,
    opening_body,
    request_code,
)
from jiaozi.wallet.transport import Transport
from jiaozi.wallet.wallet import keystore_path
from tests.wallet.conftest import PATIENCE
from tests.wallet.fake_operator import CODE, FakeOperator, Fault

PASSPHRASE = "correct horse battery"
TERMS = Terms(wallet_class=4, holder=Holder.PERSONAL, evidence={})


@pytest.fixture
async def client(operator: FakeOperator, edge: Edge) -> AsyncIterator[OperatorClient]:
    async with httpx.AsyncClient(timeout=None) as http:
        yield OperatorClient(Transport(http, operator.url, edge=edge, patience=PATIENCE))


async def _prepared(
    client: OperatorClient, operator: FakeOperator, edge: Edge, directory: Path, code: str = CODE
) -> Keystore:
    """Make a keystore whose opening request is stored and not sent."""
    network = await learn_network(client, expected=None)
    keystore = new_keystore(operator.url, network, edge)
    registration = await request_code(client, "+8613800138000")
    keystore = replace(keystore, opening=opening_body(keystore, registration, code, TERMS))
    write_keystore(keystore_path(directory), keystore, PASSPHRASE, random=edge.random)
    return keystore


async def test_the_network_is_pinned_from_genesis(
    client: OperatorClient, operator: FakeOperator, edge: Edge
) -> None:
    network = await learn_network(client, expected=operator.network.id)
    public = new_keystore(operator.url, network, edge).public

    assert public.network == operator.network.id
    assert public.root_key == operator.network.root_key
    assert public.block_key == operator.network.genesis.key_of(Use.REGISTRY_BLOCK)


async def test_another_network_than_the_expected_one_is_refused(client: OperatorClient) -> None:
    with pytest.raises(NetworkDiffers):
        await learn_network(client, expected=NetworkId(bytes(32)))


async def test_a_genesis_that_its_root_did_not_sign_is_refused(
    client: OperatorClient, operator: FakeOperator
) -> None:
    operator.genesis = operator.genesis[:-1] + bytes([operator.genesis[-1] ^ 1])
    with pytest.raises(AnswerMalformed):
        await learn_network(client, expected=None)


async def test_an_opened_wallet_keeps_its_number_and_forgets_its_evidence(
    client: OperatorClient, operator: FakeOperator, edge: Edge, tmp_path: Path
) -> None:
    keystore = await _prepared(client, operator, edge, tmp_path)

    public = await open_wallet(client, keystore, tmp_path, PASSPHRASE, edge)

    assert public.number is not None
    assert format_number(public.number) in operator.wallets
    kept = read_keystore(keystore_path(tmp_path), PASSPHRASE)
    assert (kept.public, kept.seed, kept.opening) == (public, keystore.seed, None)


@pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.DOUBLE, Fault.LOSE_REQUEST])
async def test_lost_and_doubled_answers_open_one_wallet(
    client: OperatorClient, operator: FakeOperator, edge: Edge, tmp_path: Path, fault: Fault
) -> None:
    keystore = await _prepared(client, operator, edge, tmp_path)
    operator.faults.extend([fault] * 2)

    public = await open_wallet(client, keystore, tmp_path, PASSPHRASE, edge)

    assert public.number is not None
    assert list(operator.wallets)[1:] == [format_number(public.number)]


async def test_an_opening_without_an_answer_goes_on_with_the_same_key(
    client: OperatorClient, operator: FakeOperator, edge: Edge, tmp_path: Path
) -> None:
    keystore = await _prepared(client, operator, edge, tmp_path)
    operator.faults.extend([Fault.LOSE_ANSWER] * 1000)
    with pytest.raises(NoAnswer):
        await open_wallet(client, keystore, tmp_path, PASSPHRASE, edge)
    operator.faults.clear()

    kept = read_keystore(keystore_path(tmp_path), PASSPHRASE)
    assert kept == keystore
    public = await open_wallet(client, kept, tmp_path, PASSPHRASE, edge)

    assert public.number is not None
    assert list(operator.wallets)[1:] == [format_number(public.number)]


async def test_after_a_wrong_code_the_key_is_kept_for_another_try(
    client: OperatorClient, operator: FakeOperator, edge: Edge, tmp_path: Path
) -> None:
    keystore = await _prepared(client, operator, edge, tmp_path, code="000000")

    with pytest.raises(Refusal) as refused:
        await open_wallet(client, keystore, tmp_path, PASSPHRASE, edge)

    assert refused.value.code is Code.CODE_WRONG
    kept = read_keystore(keystore_path(tmp_path), PASSPHRASE)
    assert (kept.seed, kept.opening) == (keystore.seed, None)


async def test_a_refusal_of_the_request_alone_keeps_the_opening(
    client: OperatorClient, operator: FakeOperator, edge: Edge, tmp_path: Path
) -> None:
    """A wrong clock says nothing of whether an earlier copy has opened the wallet."""
    keystore = await _prepared(client, operator, edge, tmp_path)

    def refuse_request(_: object) -> str:
        raise refuse(Code.REQUEST_SIGNATURE_INVALID)

    operator._open = refuse_request  # type: ignore[method-assign]
    with pytest.raises(Refusal):
        await open_wallet(client, keystore, tmp_path, PASSPHRASE, edge)

    assert read_keystore(keystore_path(tmp_path), PASSPHRASE) == keystore


async def test_a_number_with_a_wrong_check_digit_is_no_number(
    client: OperatorClient, operator: FakeOperator, edge: Edge, tmp_path: Path
) -> None:
    keystore = await _prepared(client, operator, edge, tmp_path)
    operator._open = lambda _: "1001000010000002"  # type: ignore[method-assign]
    with pytest.raises(AnswerMalformed):
        await open_wallet(client, keystore, tmp_path, PASSPHRASE, edge)


async def test_only_demo_mode_tells_the_code(
    client: OperatorClient, operator: FakeOperator
) -> None:
    assert (await request_code(client, "+8613800138000")).demo_code == CODE
    operator.demo = False
    asked = await request_code(client, "+8613800138000")
    assert asked == Registration(registration_id=asked.registration_id, demo_code=None)
