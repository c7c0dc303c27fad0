"""A whole operator for a test: served over HTTP on a real database, in front of a fake registry.

::

    async with operator_world(database_dsn) as world:
        holder = await world.open_wallet(deposit_fen=1_000_00)
        saga = await holder.exchange(300_00)                 # the answer's JSON
        answer = await holder.pay(payee.number, 12_00)       # the raw answer
"""

import asyncio
import base64
import itertools
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from jiaozi.operator.deposits.ledger import LedgerCore
from jiaozi.operator.http.serve import at_work
from jiaozi.operator.keys import OperatorKeys
from jiaozi.operator.registry.answers import RawAnswer
from jiaozi.operator.wiring import Operator, OperatorSettings, open_operator
from jiaozi.protocol import cbor, numbers
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.http_signatures import NETWORK_HEADER, sign_request
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.numbers import AccountNumber, format_number
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import Leg, OrderHead, sign_order
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.service.server import listening
from jiaozi.storage.database import Database
from tests.operator.clock import Clock
from tests.operator.fake_ledger import FakeLedger
from tests.operator.fake_registry import FakeRegistry, fake_registry
from tests.registry.builders import Keys

OPERATOR = 1001
LIFETIME_MS = 60_000

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
        wrapping=b"w" * 32,
        lookup=b"l" * 32,
    )


@dataclass(slots=True)
class Caller:
    """Signs requests with one key, under one key id."""

    http: httpx.AsyncClient
    network: NetworkId
    clock: Clock
    signer: Ed25519Signer
    key_id: str

    async def ask(
        self, method: str, url: str, json: dict[str, Any] | None = None, **changes: object
    ) -> httpx.Response:
        """Send a signed request; `changes` replace arguments of `sign_request`."""
        request = self.http.build_request(method, url, json=json)
        body = request.content
        headers = {NETWORK_HEADER: self.network.hex()}
        arguments: dict[str, Any] = {
            "method": method,
            "url": url,
            "headers": headers,
            "body": body,
            "signer": self.signer,
            "key_id": self.key_id,
            "created_s": self.clock() // 1000,
            "nonce": secrets.token_hex(8),
            **changes,
        }
        request.headers.update(headers | sign_request(**arguments))
        return await self.http.send(request)


@dataclass(slots=True)
class Holder(Caller):
    """A wallet and its key, at its operator."""

    number: AccountNumber
    phone: str
    deposit_id: str = ""

    @property
    def path(self) -> str:
        """Where the wallet is."""
        return f"/v1/wallets/{format_number(self.number)}"

    def new_id(self) -> bytes:
        """A fresh order or exchange id."""
        return new_order_id(self.clock(), secrets.token_bytes(10))

    def order(self, order_type: OrderType, credit: int, amount_fen: int, **head: object) -> bytes:
        """A signed order out of this wallet."""
        leg = Leg(self.number, AccountNumber(credit), amount_fen, secrets.token_bytes(16))
        fields: dict[str, Any] = {
            "id": self.new_id(),
            "expires_ms": self.clock() + LIFETIME_MS,
            **head,
        }
        return sign_order(
            OrderHead(type=order_type, **fields), [self.signer], self.network, legs=[leg]
        )

    def payment(self, payee: int, amount_fen: int, **head: object) -> bytes:
        """A signed payment."""
        return self.order(OrderType.PAYMENT, payee, amount_fen, **head)

    def redeem_order(self, amount_fen: int, **head: object) -> bytes:
        """A signed order to the operator's vault."""
        vault = numbers.vault_of(numbers.operator_of(self.number))
        return self.order(OrderType.REDEEM, vault, amount_fen, **head)

    async def pay(self, payee: int, amount_fen: int) -> RawAnswer:
        """Pay and return the raw answer."""
        return await send_order(self.http, self.payment(payee, amount_fen))

    async def exchange(self, amount_fen: int, exchange_id: bytes | None = None) -> dict[str, Any]:
        """Exchange from the holder's deposit."""
        answer = await self.ask(
            "POST",
            f"{self.path}/exchanges",
            {
                "exchange_id": (exchange_id or self.new_id()).hex(),
                "deposit_id": self.deposit_id,
                "amount_fen": amount_fen,
            },
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def redeem(self, submission: bytes) -> dict[str, Any]:
        """Redeem into the holder's deposit by a signed order."""
        answer = await self.ask("POST", f"{self.path}/redemptions", self.redemption(submission))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def redemption(self, submission: bytes) -> dict[str, Any]:
        """The body of a redemption."""
        return {
            "submission": base64.b64encode(submission).decode(),
            "deposit_id": self.deposit_id,
        }


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
    core: LedgerCore

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
            core=LedgerCore(database),
        )


async def send_order(http: httpx.AsyncClient, submission: bytes) -> RawAnswer:
    """Send one order as CBOR and return its raw answer."""
    answer = await http.post(
        "/v1/orders", content=submission, headers={"Content-Type": "application/cbor"}
    )
    assert answer.status_code == 200, answer.text
    raw = cbor.decode(answer.content, size_max=1 << 16)
    assert type(raw) is list
    return raw


async def until(question: Callable[[], Awaitable[bool]]) -> None:
    """Wait until a question is answered by yes."""
    async with asyncio.timeout(10):
        while True:
            if await question():
                return
            await asyncio.sleep(0.02)
