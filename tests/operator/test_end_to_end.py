"""Two operators in front of the real registry: the same story without any fake."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from jiaozi.central_bank.http.serve import CentralBankSettings, open_central_bank
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.rulebook.load import shipped
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.order_types import Holder
from jiaozi.protocol.receipts import verify_receipt
from jiaozi.protocol.refusals import Code
from jiaozi.service.server import listening
from jiaozi.storage.database import Database
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.copies import network_databases
from tests.operator.builders import OperatorWorld, operator_keys, operator_world, until
from tests.operator.clock import Clock
from tests.operator.holders import Holder as Customer
from tests.registry.builders import Orders
from tests.registry.listed import list_signers, listed_genesis, root_certificates
from tests.registry.network import OPERATORS, Keys

RULEBOOK = next(each for each in shipped().values() if each.name.startswith("2021"))
ISSUED_FEN = 10_000_000_00
DEPOSIT_FEN = 1_000_000_00


@dataclass
class Registry:
    """The real registry, as far as the operators' builders need it."""

    url: str
    keys: Keys
    genesis: bytes
    clock: Clock


@asynccontextmanager
async def real_registry(dsn: str) -> AsyncIterator[Registry]:
    """Serve a registry of a fresh network, with money in both vaults."""
    keys, clock = Keys(), Clock()
    genesis = listed_genesis(keys, RULEBOOK)
    settings = CentralBankSettings(
        dsn=dsn, genesis=genesis, block_signers=BlockSigners([keys.block]),
        library={RULEBOOK.hash: RULEBOOK}, verifier_processes=0, list_signers=list_signers(),
        certificates=root_certificates(keys, read_genesis(genesis)),
    )  # fmt: skip
    async with open_central_bank(settings) as app, listening(app, drain_timeout_s=1) as server:
        registry = Registry(server.url, keys, genesis, clock)
        await until(lambda: _leads(server.url))
        orders = Orders(keys, read_genesis(genesis).id, clock)
        async with RegistryClient(
            server.url, network=read_genesis(genesis), signer=keys.officers[0], now_ms=clock
        ) as officer:
            for operator in OPERATORS:
                funded, issued = await officer.submit(
                    [orders.fund_reserve(operator, ISSUED_FEN), orders.issue(operator, ISSUED_FEN)]
                )
                assert funded[:2] == issued[:2] == [1, [0]]
        yield registry


async def _leads(url: str) -> bool:
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.get(f"{url}/healthz")).status_code == httpx.codes.OK


@pytest.fixture
async def worlds(postgres: EmbeddedPostgres) -> AsyncIterator[list[OperatorWorld]]:
    """Both operators."""
    async with AsyncExitStack() as stack:
        names = [f"end_to_end_{name}" for name in ("registry", *OPERATORS)]
        dsns = await network_databases(postgres, names)
        for name in names:
            stack.push_async_callback(postgres.drop_database, name)
        registry: Any = await stack.enter_async_context(real_registry(dsns[0]))
        yield [
            await stack.enter_async_context(
                operator_world(dsn, registry, code=code, keys=operator_keys(registry.keys, code))
            )
            for code, dsn in zip(OPERATORS, dsns[1:], strict=True)
        ]


async def balance_fen(holder: Customer) -> int:
    return int((await holder.ask("GET", holder.path)).json()["balance_fen"])


async def entries(holder: Customer) -> list[dict[str, Any]]:
    return list((await holder.ask("GET", f"{holder.path}/history")).json()["entries"])


async def test_money_goes_through_two_operators_and_a_registry(
    worlds: list[OperatorWorld],
) -> None:
    here, there = worlds
    payer = await here.open_wallet(deposit_fen=2_000_00)
    payee = await there.open_wallet(deposit_fen=1)
    assert (await payer.exchange(1_500_00))["state"] == "settled"
    note = b"n" * 32
    order_id = payer.new_id()
    order = payer.payment(payee.number, 700_00, id=order_id, reference=note)
    answers = [await here.http.post("/v1/orders", content=order) for _ in range(3)]
    assert len({each.content for each in answers}) == 1
    assert (await payee.redeem(payee.redeem_order(100_00)))["state"] == "settled"
    assert await balance_fen(payer) == 800_00
    assert await balance_fen(payee) == 600_00
    assert await here.deposit_fen(payer) == (500_00, 0)
    assert await there.deposit_fen(payee) == (100_01, 0)

    async def is_told() -> bool:
        return len(await entries(payer)) == len(await entries(payee)) == 2

    await until(is_told)
    paid, received = (await entries(payer))[0], (await entries(payee))[1]
    assert (paid["direction"], received["direction"]) == ("out", "in")
    assert paid["reference"] == received["reference"] == note.hex()
    genesis = read_genesis(here.registry.genesis)
    block_key = genesis.genesis.key_of(Use.REGISTRY_BLOCK)
    for holder in (payer, payee):
        data = (await holder.ask("GET", f"{holder.path}/receipts/{order_id.hex()}")).content
        receipt = verify_receipt(data, block_keys=BlockKeys.stated(block_key), network=genesis.id)
        assert [leg.amount for leg in receipt.order.legs] == [700_00]


async def test_limits_are_the_rulebooks_and_their_refusals_final(
    worlds: list[OperatorWorld],
) -> None:
    here, there = worlds
    payer = await here.open_wallet(deposit_fen=DEPOSIT_FEN)
    payee = await there.open_wallet()
    limits = RULEBOOK.limits[Holder.PERSONAL, 4]
    cap_fen, single_fen = limits.balance_cap_fen, limits.single_fen
    assert cap_fen is not None
    assert single_fen is not None
    refused = await payer.exchange(cap_fen + 1)
    assert (refused["state"], refused["outcome"]) == ("refused", [Code.PAYEE_CANNOT_RECEIVE])
    assert await here.deposit_fen(payer) == (DEPOSIT_FEN, 0)
    assert (await payer.exchange(cap_fen))["state"] == "settled"
    over = await payer.pay(payee.number, single_fen + 1)
    assert over[:2] == [1, [Code.LIMIT_SINGLE, single_fen]]
    assert (await payer.pay(payee.number, single_fen))[:2] == [1, [0]]


async def test_an_operator_reads_nothing_of_another_operators_wallet(
    worlds: list[OperatorWorld], database: Database
) -> None:
    here, there = worlds
    stranger = await there.open_wallet()
    for asking in (
        here.operator.registry.account(stranger.number),
        here.operator.registry.outcome(stranger.number, stranger.new_id()),
        here.operator.registry.receipt(stranger.number, stranger.new_id(), stranger.number),
    ):
        with pytest.raises(Exception, match="nothing at this address"):
            await asking
