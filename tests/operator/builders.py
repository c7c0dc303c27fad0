"""A whole operator for a test: served over HTTP on a real database, in front of a fake registry.

::

    async with operator_world(database_dsn) as world:
        holder = await world.open_wallet(deposit_fen=1_000_00)
        saga = await holder.exchange(300_00)                 # the answer's JSON
        answer = await holder.pay(payee.number, 12_00)       # the raw answer
"""

import asyncio
import itertools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from jiaozi.operator.http.serve import at_work
from jiaozi.operator.keys import OperatorKeys
from jiaozi.operator.settings import OperatorSettings
from jiaozi.operator.wiring import Operator, open_operator
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.service.keys import KdfCost
from jiaozi.service.server import listening
from jiaozi.storage.database import Database
from tests.operator.clock import Clock
from tests.operator.fake_ledger import FakeLedger
from tests.operator.fake_registry import FakeRegistry, fake_registry
from tests.operator.holders import Caller, Holder
from tests.registry.network import Keys

OPERATOR = 1001


_phones = itertools.count(13_000_000_000)


def new_phone() -> str:
    """A phone that no other test has."""
    return f"+86{next(_phones)}"


def operator_keys(keys: Keys, operator: int = OPERATOR) -> OperatorKeys:
    """The keys of an operator as genesis lists them."""
    return OperatorKeys(
        certify=keys.certify(operator),
        vault=keys.vault(operator),
        transport=keys.transport(operator),
        wrapping={1: b"w" * 32}.__getitem__,
        lookup=b"l" * 32,
        pepper=b"p" * 32,
    )


@dataclass(slots=True)
class OperatorWorld:
    """A served operator with everything that a test needs to use it; see `operator_world`."""

    registry: FakeRegistry
    settings: OperatorSettings
    operator: Operator
    database: Database
    http: httpx.AsyncClient
    clock: Clock
    network: NetworkId

    @property
    def ledger(self) -> FakeLedger:
        """The books of the fake registry."""
        return self.registry.ledger

    def new_caller(self) -> Caller:
        """Somebody with a new key, which names itself."""
        signer = Ed25519Signer(secrets.token_bytes(32))
        return Caller(self.http, self.network, self.clock, signer, signer.public_key.hex())

    async def register(self, phone: str) -> dict[str, Any]:
        """Ask for a code; in demo mode it comes back."""
        answer = await self.http.post("/v1/registrations", json={"phone": phone})
        assert answer.status_code == 202, answer.text
        return dict(answer.json())

    async def opening(self, phone: str, caller: Caller, **changes: object) -> dict[str, Any]:
        """The body that opens a wallet of class IV for a caller's key."""
        registration = await self.register(phone)
        return {
            "registration_id": registration["registration_id"],
            "code": registration["demo_code"],
            "wallet_class": 4,
            "holder": "personal",
            "suite": -8,
            "public_key": caller.signer.public_key.hex(),
            "evidence": {},
            **changes,
        }

    async def open_wallet(
        self, *, phone: str | None = None, deposit_fen: int = 0, **changes: object
    ) -> Holder:
        """Open a wallet, with a deposit behind it if money is to be in one."""
        phone = phone or new_phone()
        caller = self.new_caller()
        answer = await caller.ask(
            "POST", "/v1/wallets", await self.opening(phone, caller, **changes)
        )
        assert answer.status_code == 201, answer.text
        holder = self.holder(caller, answer.json()["number"], phone)
        if deposit_fen:
            holder.deposit_id = await self.fund(phone, deposit_fen)
        return holder

    def holder(self, caller: Caller, number: str, phone: str) -> Holder:
        """A wallet that was opened for a caller's key."""
        account = AccountNumber(int(number))
        return Holder(
            caller.http, caller.network, caller.clock, caller.signer, number, account, phone
        )

    async def fund(self, phone: str, amount_fen: int) -> str:
        """Open a deposit account for a phone."""
        body = {"phone": phone, "amount_fen": amount_fen}
        answer = await self.http.post("/v1/demo/deposits", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["deposit_id"])

    async def database_value(self, sql: str, *arguments: object) -> object:
        """The first value of a query."""
        async with self.database.connection() as connection:
            return await connection.fetchval(sql, *arguments)

    async def dump(self) -> str:
        """Every row of every table as text."""
        async with self.database.connection() as connection:
            tables = await connection.fetch(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            )
            rows = [
                str(row[0])
                for (table,) in tables
                for row in await connection.fetch(f"SELECT to_jsonb(t)::text FROM {table} t")
            ]
        return "\n".join(rows)

    async def until_followed(self) -> None:
        """Wait until the history has all that the registry's feed has."""

        async def is_followed() -> bool:
            read = await self.database_value("SELECT sequence FROM feed_cursor")
            return read == self.ledger.head(OPERATOR).sequence

        await until(is_followed)

    def balance_fen(self, holder: Holder) -> int:
        """What the registry holds for a wallet."""
        return int(self.ledger.accounts[holder.number].balance_fen)

    async def deposit_fen(self, holder: Holder) -> tuple[int, int]:
        """Balance and held part of a holder's deposit."""
        [deposit] = (await holder.ask("GET", "/v1/deposits")).json()["deposits"]
        return deposit["available_fen"] + deposit["held_fen"], deposit["held_fen"]


def settings_for(registry: FakeRegistry, dsn: str, **changes: object) -> OperatorSettings:
    """Settings of an operator in demo mode."""
    settings = OperatorSettings(
        code=OPERATOR,
        dsn=dsn,
        registry_url=registry.url,
        keys=operator_keys(registry.keys),
        demo=True,
        pin_cost=KdfCost(memory_kib=8, passes=1, lanes=1),
        now_ms=registry.clock,
    )
    return replace(settings, **changes)  # type: ignore[arg-type]


@asynccontextmanager
async def operator_world(
    dsn: str, registry: FakeRegistry | None = None, **changes: object
) -> AsyncIterator[OperatorWorld]:
    """Serve an operator; `changes` go into its settings."""
    async with AsyncExitStack() as stack:
        if registry is None:
            registry = await stack.enter_async_context(fake_registry())
        settings = settings_for(registry, dsn, **changes)
        operator = await stack.enter_async_context(open_operator(settings))
        app = await stack.enter_async_context(at_work(operator))
        server = await stack.enter_async_context(listening(app, drain_timeout_s=1))
        database = await stack.enter_async_context(await Database.open(dsn, pool_size=2))
        http = await stack.enter_async_context(
            httpx.AsyncClient(base_url=server.url, timeout=30, trust_env=False)
        )
        network = (await http.get("/v1/network")).json()["network_id"]
        yield OperatorWorld(
            registry=registry,
            settings=settings,
            operator=operator,
            database=database,
            http=http,
            clock=registry.clock,
            network=NetworkId(bytes.fromhex(network)),
        )


async def until(question: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a question is answered by yes."""
    async with asyncio.timeout(30):
        while True:
            if await question():
                return
            await asyncio.sleep(0.02)
