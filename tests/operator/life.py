"""Two operators at a real registry whose delays are a second, as tests of a wallet's life need."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from jiaozi.central_bank.http.serve import CentralBankSettings, open_central_bank
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.rulebook.model import Delays
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead, sign_order
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.service.server import listening
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.copies import network_databases
from tests.operator.builders import OperatorWorld, operator_keys, operator_world, until
from tests.operator.clock import Clock
from tests.operator.holders import Caller
from tests.operator.holders import Holder as Customer
from tests.operator.test_end_to_end import ISSUED_FEN, RULEBOOK, Registry, _leads
from tests.registry.builders import Orders
from tests.registry.network import OPERATORS, Keys, make_genesis

QUICK = replace(RULEBOOK, hash=b"quick".ljust(32), delays=Delays(rebind_s=1, unfreeze_s=1))
NEW = Ed25519Signer(b"new key".ljust(32))
ONE, TWO = OPERATORS


@dataclass
class Worlds:
    """Both operators, and officers who act at the registry."""

    here: OperatorWorld
    there: OperatorWorld
    orders: Orders
    officer: RegistryClient


@asynccontextmanager
async def life_worlds(postgres: EmbeddedPostgres) -> AsyncIterator[Worlds]:
    """Serve a registry with short delays and two operators."""
    async with AsyncExitStack() as stack:
        names = [f"life_{name}" for name in ("registry", *OPERATORS)]
        dsns = await network_databases(postgres, names)
        for name in names:
            stack.push_async_callback(postgres.drop_database, name)
        keys, clock = Keys(), Clock()
        genesis = make_genesis(keys, rulebook=QUICK)
        network = read_genesis(genesis)
        settings = CentralBankSettings(
            dsn=dsns[0], genesis=genesis, block_signers=BlockSigners([keys.block]),
            library={QUICK.hash: QUICK}, verifier_processes=0, idle_block_s=0.2,
        )  # fmt: skip
        app = await stack.enter_async_context(open_central_bank(settings))
        server = await stack.enter_async_context(listening(app, drain_timeout_s=1))
        registry: Any = Registry(server.url, keys, genesis, clock)
        await until(lambda: _leads(server.url))
        orders = Orders(keys, network.id, clock)
        officer = await stack.enter_async_context(
            RegistryClient(server.url, network=network, signer=keys.officers[0], now_ms=clock)
        )
        for code in OPERATORS:
            funding = [orders.fund_reserve(code, ISSUED_FEN), orders.issue(code, ISSUED_FEN)]
            assert [each[:2] for each in await officer.submit(funding)] == [[1, [0]], [1, [0]]]
        here, there = [
            await stack.enter_async_context(
                operator_world(dsn, registry, code=code, keys=operator_keys(keys, code))
            )
            for code, dsn in zip(OPERATORS, dsns[1:], strict=True)
        ]
        yield Worlds(here, there, orders, officer)


def by_holder(holder: Customer, order_type: OrderType, **body: int | bytes) -> bytes:
    head = OrderHead(
        id=holder.new_id(),  # type: ignore[arg-type]
        type=order_type,
        expires_ms=holder.clock() + 60_000,
    )
    return sign_order(head, [holder.signer], holder.network, legs=(), number=holder.number, **body)


async def rebinding(world: OperatorWorld, phone: str, caller: Caller) -> dict[str, Any]:
    """The body that asks for a caller's key in the place of a lost one."""
    begun = await world.register(phone)
    return {
        "registration_id": begun["registration_id"],
        "code": begun["demo_code"],
        "suite": int(caller.signer.suite),
        "public_key": caller.signer.public_key.hex(),
    }


async def ask_for_new_key(world: OperatorWorld, holder: Customer, phone: str) -> httpx.Response:
    """Ask for `NEW` as the key of a wallet, under a phone's code."""
    caller = Caller(world.http, world.network, world.clock, NEW, NEW.public_key.hex())
    body = await rebinding(world, phone, caller)
    return await caller.ask("POST", f"{holder.path}/rebinds", body)
