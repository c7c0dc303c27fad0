"""A central bank served over real HTTP, and callers that sign their requests."""

import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from jiaozi.central_bank.http.serve import CentralBankSettings, open_central_bank
from jiaozi.central_bank.rates import CentralBankRates
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.rulebook.model import Rulebook
from jiaozi.protocol import cbor
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.genesis import Network, read_genesis
from jiaozi.protocol.http_signatures import NETWORK_HEADER, sign_request
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.service.server import listening
from tests.registry.builders import Orders, Wallet, new_wallet
from tests.registry.limited import LIMITED
from tests.registry.network import OPERATORS, Keys, make_genesis
from tests.registry.waiting import until


def clock_ms() -> int:
    """The time of this machine, by which requests are signed."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Caller:
    """Someone with a key who sends requests; without a key they are not signed."""

    http: httpx.AsyncClient
    network: Network
    signer: Ed25519Signer | None

    async def send(
        self,
        method: str,
        url: str,
        body: bytes = b"",
        *,
        signed_body: bytes | None = None,
        signed_url: str | None = None,
        signed_at_s: int | None = None,
        network: bytes | None = None,
    ) -> httpx.Response:
        """Send a request; what was signed may differ from what is sent."""
        headers = {NETWORK_HEADER: (network or self.network.id).hex()}
        if self.signer is not None:
            headers |= sign_request(
                method=method,
                url=signed_url or url,
                headers=headers,
                body=body if signed_body is None else signed_body,
                signer=self.signer,
                key_id=self.signer.public_key.hex(),
                created_s=signed_at_s or int(time.time()),
                nonce=secrets.token_hex(16),
            )
        return await self.http.request(method, url, content=body, headers=headers)

    async def get(self, url: str) -> httpx.Response:
        """Read something."""
        return await self.send("GET", url)

    async def submit(self, *orders: bytes) -> list[list[object]]:
        """Send orders and return their answers."""
        response = await self.send("POST", "/v1/orders", b"".join(orders))
        assert response.status_code == 200, response.text
        assert response.headers["content-type"] == "application/cbor"
        answers = cbor.decode(response.content, size_max=len(response.content))
        assert isinstance(answers, list)
        return answers

    async def settle(self, *orders: bytes) -> list[list[object]]:
        """Send orders that must all settle."""
        answers = await self.submit(*orders)
        assert all(each[:2] == [1, [0]] for each in answers), answers
        return answers


@dataclass(slots=True)
class Served:
    """A running central bank as callers find it."""

    http: httpx.AsyncClient
    keys: Keys
    network: Network
    orders: Orders
    opened: int = 0

    def caller(self, signer: Ed25519Signer | None) -> Caller:
        """Someone who signs with this key."""
        return Caller(self.http, self.network, signer)

    def operator(self, operator: int = OPERATORS[0]) -> Caller:
        """An operator with its transport key."""
        return self.caller(self.keys.transport(operator))

    @property
    def officer(self) -> Caller:
        """The first officer."""
        return self.caller(self.keys.officers[0])

    @property
    def auditor(self) -> Caller:
        """The auditor."""
        return self.caller(self.keys.auditor)

    async def provide(self, operator: int, amount_fen: int) -> None:
        """Fund an operator's reserve and issue as much into its vault."""
        orders = self.orders
        await self.officer.settle(
            orders.fund_reserve(operator, amount_fen), orders.issue(operator, amount_fen)
        )

    async def open_wallet(self, operator: int = OPERATORS[0], *, balance_fen: int = 0) -> Wallet:
        """Open a wallet of class II with a balance."""
        return (await self.open_wallets(1, operator, balance_fen=balance_fen))[0]

    async def open_wallets(
        self, count: int, operator: int, *, balance_fen: int = 0, wallet_class: int = 2
    ) -> list[Wallet]:
        """Open wallets, each with a balance."""
        first = self.orders.series * 1000 + self.opened
        self.opened += count
        wallets = [new_wallet(operator, serial) for serial in range(first, first + count)]
        sent = [self.orders.open_account(each, wallet_class=wallet_class) for each in wallets]
        if balance_fen:
            sent += [self.orders.exchange(each, balance_fen) for each in wallets]
        await self.operator(operator).settle(*sent)
        return wallets

    async def balance_fen(self, wallet: Wallet) -> int:
        """Ask for the balance of a wallet."""
        response = await self.operator(wallet.operator).get(f"/v1/accounts/{wallet.number:016d}")
        return int(response.json()["balance_fen"])


def genesis_for(keys: Keys, rulebook: Rulebook = LIMITED) -> bytes:
    """A genesis of now."""
    return make_genesis(keys, rulebook=rulebook, created_ms=clock_ms() - 1000)


@asynccontextmanager
async def served_registry(
    dsn: str,
    genesis: bytes,
    *,
    series: int = 0,
    rates: CentralBankRates | None = None,
    rulebook: Rulebook = LIMITED,
    list_signers: Sequence[Ed25519Signer] = (),
) -> AsyncIterator[Served]:
    """Serve a central bank on a database for as long as the context lasts."""
    keys = Keys()
    settings = CentralBankSettings(
        dsn=dsn,
        genesis=genesis,
        block_signers=BlockSigners([keys.block]),
        list_signers=BlockSigners(list_signers, use=Use.LIST_SIGNING),
        library={rulebook.hash: rulebook},
        verifier_processes=0,
        rates=rates or CentralBankRates(),
    )
    network = read_genesis(genesis)
    async with (
        open_central_bank(settings) as app,
        listening(app) as server,
        httpx.AsyncClient(base_url=server.url, timeout=20) as http,
    ):
        await until_healthy(http)
        yield Served(http, keys, network, Orders(keys, network.id, clock_ms, series))


async def until_healthy(http: httpx.AsyncClient, *, timeout_s: float = 20) -> None:
    """Wait until a registry writes."""

    async def is_healthy() -> bool:
        try:
            return (await http.get("/healthz")).status_code == 200
        except httpx.TransportError:
            return False

    await until(is_healthy, timeout_s=timeout_s)


def problem(response: httpx.Response) -> Mapping[str, object]:
    """Read a problem document."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document: Mapping[str, object] = response.json()
    assert document["status"] == response.status_code
    return document
