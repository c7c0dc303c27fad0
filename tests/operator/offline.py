"""Two operators' desks at a real registry, and purses that go there.

::

    holder = await desks.here.open_wallet(deposit_fen=1_000_00)
    card = await desks.enrol(holder)
    await desks.load(holder, card, 100_00)
    pay(card, other, 30_00)
    await desks.synchronise(card)
"""

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from jiaozi.central_bank.http.serve import CentralBankSettings, open_central_bank
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.rulebook.load import shipped
from jiaozi.central_bank.rulebook.model import OfflineRules
from jiaozi.operator.figures import OperatorFigures
from jiaozi.operator.keys import OperatorKeys
from jiaozi.operator.offline.issue_codes import MakeIssueCodes
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.protocol import cbor, numbers
from jiaozi.protocol.genesis import Network, read_genesis
from jiaozi.protocol.offline import loading, news, steps, synchronisation
from jiaozi.protocol.offline.certificate import Anchor, Chain, Profile, certify_device
from jiaozi.protocol.offline.enrolment import Enrolment, sign_enrolment
from jiaozi.protocol.offline.purse import Purse, new_purse
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.suites import Ed25519Signer, Signer
from jiaozi.service.server import listening
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.copies import network_databases
from tests.operator.builders import OperatorWorld, operator_keys, operator_world, until
from tests.operator.clock import Clock
from tests.operator.holders import Holder
from tests.operator.test_end_to_end import ISSUED_FEN, RULEBOOK, Registry, _leads
from tests.registry.builders import Orders
from tests.registry.listed import list_signers, listed_genesis, root_certificates
from tests.registry.network import OPERATORS, Keys

GUARANTEE_FEN = 10_000_00
DEMO = next(each for each in shipped().values() if each.name == "demo-offline")
OFFLINE = replace(
    RULEBOOK,
    hash=b"offline".ljust(32),
    offline=OfflineRules(
        guarantee_permille=100, claim_wait_s=1, bounds=MappingProxyType(dict(DEMO.offline.bounds))
    ),
)


@dataclass(slots=True)
class Card:
    """A device: its key, its state, and the states it had before (to be rolled back to)."""

    signer: Ed25519Signer
    purse: Purse
    wallet: int | None = None

    @property
    def key(self) -> bytes:
        """The public key."""
        return self.signer.public_key

    @property
    def log(self) -> bytes:
        """What it hands in now."""
        return synchronisation.hand_in(self.purse, signer=self.signer)

    def clone(self) -> "Card":
        """A second device with the same key and state."""
        return replace(self)

    def ask(self, amount_fen: int) -> bytes:
        """Ask for a payment."""
        self.purse, request = steps.ask(
            self.purse, amount_fen=amount_fen, challenge=secrets.token_bytes(16),
            expires_ms=2**47, signer=self.signer,
        )  # fmt: skip
        return request

    def pay(self, request: bytes) -> bytes:
        """Pay what is asked for."""
        salt = secrets.token_bytes(16)
        self.purse, payment = steps.pay(self.purse, request, salt=salt, signer=self.signer)
        return payment

    def collect(self, payment: bytes) -> None:
        """Take a payment."""
        self.purse, _ = steps.collect(self.purse, payment, signer=self.signer)

    def unload(self, wallet: int, amount_fen: int) -> bytes:
        """Pay to a wallet."""
        self.purse, payment = steps.unload(
            self.purse, amount_fen=amount_fen, wallet=wallet, salt=secrets.token_bytes(16),
            signer=self.signer,
        )  # fmt: skip
        return payment


def pay(payer: Card, payee: Card, amount_fen: int) -> bytes:
    """Pay from device to device, with no network."""
    payment = payer.pay(payee.ask(amount_fen))
    payee.collect(payment)
    return payment


@dataclass
class Desks:
    """Both operators, their registry, and what a test does at them."""

    here: OperatorWorld
    there: OperatorWorld
    at: "Institutions"

    @property
    def network(self) -> Network:
        """The network."""
        return self.at.network

    @property
    def orders(self) -> Orders:
        """Signs orders."""
        return self.at.orders

    @property
    def anchor(self) -> Anchor:
        """What devices believe."""
        return Anchor(network=self.network.id, root_key=self.network.root_key)

    def world(self, operator: int) -> OperatorWorld:
        """One of the operators."""
        return self.here if operator == self.here.settings.code else self.there

    async def customer(self, operator: int = OPERATORS[0], money_fen: int = 1_000_00) -> Holder:
        """A wallet with money in it."""
        holder = await self.world(operator).open_wallet(deposit_fen=money_fen)
        assert (await holder.exchange(money_fen))["state"] == "settled"
        return holder

    async def figure(self, name: str, operator: int = OPERATORS[0], **labels: str) -> float | None:
        """One of an operator's own figures for Prometheus."""
        registry, its = CollectorRegistry(), self.world(operator).operator
        figures = OperatorFigures(
            registry,
            database=its.database,
            batcher=its.batcher,
            registry_client=its.registry,
            doubt=its.watch.doubt,
            all_work=lambda: True,
        )
        await figures.look()
        return registry.get_sample_value(f"jiaozi_{name}", labels)

    async def enrol(self, holder: Holder, **changes: Any) -> Card:  # noqa: ANN401
        """A new device of a wallet."""
        signer = Ed25519Signer(secrets.token_bytes(32))
        answer = await self.ask_to_enrol(holder, signer, **changes)
        assert answer.status_code == 201, answer.text
        return self.card(signer, answer.content, holder.number)

    async def ask_to_enrol(
        self,
        holder: Holder,
        signer: Ed25519Signer,
        **changes: Any,  # noqa: ANN401
    ) -> httpx.Response:
        """Ask for a device's certificates."""
        operator = int(numbers.operator_of(holder.number))
        fields: dict[str, Any] = {
            "operator": operator, "profile": Profile.CARD, "wallet": holder.number, **changes
        }  # fmt: skip
        message = sign_enrolment(Enrolment(**fields), signer, self.network.id)
        return await signed(holder, "POST", f"{holder.path}/devices", message)

    def rogue(self, like: Card, certify: Signer, fen: int = 500_00) -> Card:
        """A device that a thief of a certify key made like another; it holds what they say."""
        signer = Ed25519Signer(secrets.token_bytes(32))
        device = replace(like.purse.device, key=signer.public_key)
        certificate = certify_device(device, certify, self.network.id)
        chain = Chain(operator=like.purse.chain.operator, device=certificate)
        purse = new_purse(chain, self.anchor)
        return Card(signer, replace(purse, balances_fen=(fen, *purse.balances_fen[1:])))

    async def enrol_anonymous(self, operator: int = OPERATORS[0]) -> Card:
        """A new card of nobody's."""
        signer = Ed25519Signer(secrets.token_bytes(32))
        message = sign_enrolment(
            Enrolment(operator=operator, profile=Profile.CARD), signer, self.network.id
        )
        code = (await self.issue_codes(1, operator))[0]
        answer = await self.ask_to_enrol_anonymously(message, code, operator)
        assert answer.status_code == 201, answer.text
        return self.card(signer, answer.content, None)

    async def issue_codes(self, count: int, operator: int = OPERATORS[0]) -> list[bytes]:
        """Codes that a clerk has made, good for an hour."""
        make = MakeIssueCodes(database=self.world(operator).database, now_ms=self.at.registry.clock)
        expires_ms = self.at.registry.clock() + 3_600_000
        return await make(count, expires_ms=expires_ms, clerk="wu-7", file_number="2026/18")

    async def ask_to_enrol_anonymously(
        self, message: bytes, code: bytes | None, operator: int = OPERATORS[0]
    ) -> httpx.Response:
        """Ask for the certificates of a card of nobody's."""
        body = cbor.encode([code, message])
        return await self.world(operator).http.post("/v1/offline/devices", content=body)

    def card(self, signer: Ed25519Signer, chain: bytes, wallet: int | None) -> Card:
        """A device that has just got its certificates."""
        parts: Any = cbor.decode(chain, size_max=len(chain))
        purse = new_purse(Chain(operator=parts[0], device=parts[1]), self.anchor)
        return Card(signer, purse, wallet)

    async def load(self, holder: Holder, card: Card, amount_fen: int) -> None:
        """Load a device from a wallet."""
        number = card.purse.loads + 1
        answer = await self.send_load(holder, card.key, number, amount_fen)
        assert answer[:2] == [1, [0]], answer
        message = await self.fetch_load(holder, card.key, number)
        card.purse = loading.take_load(card.purse, message)

    async def send_load(
        self, holder: Holder, device: bytes, number: int, amount_fen: int
    ) -> list[Any]:
        """Send the order of a load."""
        leg = self.orders.leg(holder.number, numbers.OFFLINE, amount_fen)
        order = self.orders.sign(
            self.orders.head(OrderType.LOAD), [holder.signer], [leg], device=device, load=number
        )
        return await self.post_order(holder, order)

    async def post_order(self, holder: Holder, order: bytes) -> list[Any]:
        """Send an order by way of the wallet's operator."""
        answer = await holder.http.post(
            "/v1/orders", content=order, headers={"Content-Type": "application/cbor"}
        )
        found: Any = cbor.decode(answer.content, size_max=1 << 16)
        return list(found)

    async def fetch_load(self, holder: Holder, device: bytes, number: int) -> bytes:
        """Fetch the message of a load, once it is there."""
        found = b""

        async def is_there() -> bool:
            nonlocal found
            path = f"{holder.path}/devices/{device.hex()}/loads/{number}"
            answer = await holder.ask("GET", path)
            found = answer.content
            return answer.status_code == 200

        await until(is_there)
        return found

    async def hand_in(self, log: bytes, operator: int = OPERATORS[0]) -> list[Any]:
        """Hand a log in; what became of each payment."""
        return await self.post(operator, "/v1/offline/logs", log)

    async def hand_in_payments(self, *payments: bytes, operator: int = OPERATORS[0]) -> list[Any]:
        """Hand payments in; what became of each."""
        body = b"".join(map(cbor.encode_bytes, payments))
        return await self.post(operator, "/v1/offline/payments", body)

    async def post(self, operator: int, path: str, body: bytes) -> list[Any]:
        """Send a body to a desk that must take it."""
        answer = await self.world(operator).http.post(path, content=body)
        assert answer.status_code == 200, answer.text
        found: Any = cbor.decode(answer.content, size_max=1 << 24)
        return list(found)

    async def ask_to_synchronise(self, card: Card) -> httpx.Response:
        """Ask a device's own desk for a checkpoint."""
        world = self.world(card.purse.device.operator)
        return await world.http.post("/v1/offline/synchronisations", content=card.log)

    async def synchronise(self, card: Card) -> None:
        """Synchronise a device."""
        answer = await self.ask_to_synchronise(card)
        assert answer.status_code == 200, answer.text
        found: Any = cbor.decode(answer.content, size_max=1 << 20)
        checkpoint, time, frames = found
        for frame in frames:
            card.purse = news.learn_revocations(card.purse, frame)
        card.purse = synchronisation.synchronise(card.purse, checkpoint, time)

    async def device(self, key: bytes, operator: int = OPERATORS[0]) -> dict[str, Any]:
        """A device as the registry has it."""
        return await self.at.transports[operator].device(key)

    async def shadow_fen(self, key: bytes, operator: int = OPERATORS[0]) -> int:
        """What the registry has seen on a device."""
        return int((await self.device(key, operator))["shadow_fen"])

    async def supply(self) -> dict[str, Any]:
        """Where the money is."""
        async with httpx.AsyncClient(base_url=self.at.registry.url, trust_env=False) as http:
            return dict((await http.get("/v1/supply")).json())


async def signed(holder: Holder, method: str, url: str, body: bytes = b"") -> httpx.Response:
    """Send a signed request whose body is no JSON."""
    return await holder.send_bytes(method, url, body)


async def balance_fen(holder: Holder) -> int:
    """What a wallet holds."""
    return int((await holder.ask("GET", holder.path)).json()["balance_fen"])


@dataclass
class Institutions:
    """A registry with money in both vaults and guarantees, and what acts at it."""

    network: Network
    registry: Any
    orders: Orders
    transports: dict[int, RegistryClient]


@asynccontextmanager
async def open_institutions(dsn: str) -> AsyncIterator[Institutions]:
    """Serve a registry for two operators."""
    async with AsyncExitStack() as stack:
        keys, clock = Keys(), Clock()
        genesis = listed_genesis(keys, OFFLINE)
        network = read_genesis(genesis)
        settings = CentralBankSettings(
            dsn=dsn, genesis=genesis, block_signers=BlockSigners([keys.block]),
            library={OFFLINE.hash: OFFLINE}, verifier_processes=0, idle_block_s=0.2,
            list_signers=list_signers(),
            certificates=root_certificates(keys, network),
        )  # fmt: skip
        app = await stack.enter_async_context(open_central_bank(settings))
        server = await stack.enter_async_context(listening(app, drain_timeout_s=1))
        registry: Any = Registry(server.url, keys, genesis, clock)
        await until(lambda: _leads(server.url))
        officer, *transports = [
            await stack.enter_async_context(
                RegistryClient(server.url, network=network, signer=signer, now_ms=clock)
            )
            for signer in (keys.officers[0], *map(keys.transport, OPERATORS))
        ]
        institutions = Institutions(
            network, registry, Orders(keys, network.id, clock),
            dict(zip(OPERATORS, transports, strict=True)),
        )  # fmt: skip
        for code in OPERATORS:
            await _provide(institutions, officer, code)
        yield institutions


async def _provide(at: Institutions, officer: RegistryClient, code: int) -> None:
    """Put money into a vault and a part of it into the guarantee."""
    orders = at.orders
    leg = orders.leg(numbers.vault_of(code), numbers.guarantee_of(code), GUARANTEE_FEN)
    signers, head = [orders.keys.vault(code)], orders.head(OrderType.FUND_GUARANTEE)
    answers = [
        *await officer.submit(
            [orders.fund_reserve(code, ISSUED_FEN), orders.issue(code, ISSUED_FEN)]
        ),
        *await at.transports[code].submit([orders.sign(head, signers, [leg])]),
    ]
    assert [each[:2] for each in answers] == [[1, [0]]] * 3, answers


@asynccontextmanager
async def open_desks(
    postgres: EmbeddedPostgres,
    name: str = "desk",
    keys_of: Callable[[Keys, int], OperatorKeys] = operator_keys,
) -> AsyncIterator[Desks]:
    """Serve a registry and two operators with guarantees."""
    async with AsyncExitStack() as stack:
        names = [f"{name}_{each}" for each in ("registry", *OPERATORS)]
        dsns = await network_databases(postgres, names)
        for each in names:
            stack.push_async_callback(postgres.drop_database, each)
        at = await stack.enter_async_context(open_institutions(dsns[0]))
        keys = at.registry.keys
        here, there = [
            await stack.enter_async_context(
                operator_world(dsn, at.registry, code=code, keys=keys_of(keys, code))
            )
            for code, dsn in zip(OPERATORS, dsns[1:], strict=True)
        ]
        yield Desks(here, there, at)
