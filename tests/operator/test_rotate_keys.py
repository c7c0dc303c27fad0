"""An operator's keys, and the registry's, change while the operator serves."""

import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from jiaozi.central_bank.http.serve import CentralBankSettings, open_central_bank
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.cli import app
from jiaozi.operator.keys import KEY_NAMES
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.operator.rotate_keys import RotatingKey
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.certify_keys import CertifyKeys
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.ids import OrderId
from jiaozi.protocol.numbers import vault_of
from jiaozi.protocol.payment_request import PaymentRequest, Terms, read_request, sign_request
from jiaozi.protocol.receipts import verify_receipt
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.suites import Signer
from jiaozi.service.server import listening
from jiaozi.storage.embedded import EmbeddedPostgres
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.open import learn_certify_keys
from jiaozi.wallet.transport import Patience, Transport
from tests.copies import network_databases
from tests.operator.builders import OperatorWorld, operator_keys, operator_world, until
from tests.operator.clock import Clock
from tests.operator.holders import Holder
from tests.operator.test_end_to_end import ISSUED_FEN, RULEBOOK
from tests.operator.test_statements import statement
from tests.registry.builders import Orders
from tests.registry.network import Keys, certified, key, make_genesis

CODE = 1001


class Kept:
    """A store of keys in memory."""

    def __init__(self, **signers: Signer) -> None:
        self.signers = signers

    def names(self) -> list[str]:
        return sorted(self.signers)

    def create(self, name: str) -> Signer:
        return self.signers.setdefault(name, key(f"made {name}"))

    def signer(self, name: str) -> Signer:
        return self.signers[name]


@dataclass
class Rotation:
    """A registry and an operator at work, their stores of keys, and officers."""

    keys: Keys
    genesis: bytes
    url: str
    clock: Clock
    of_registry: Kept
    of_operator: Kept
    officer: RegistryClient
    orders: Orders
    operator: OperatorWorld

    async def settle(self, *orders: bytes) -> None:
        """Have officers' orders settle."""
        answers = await self.officer.submit(orders)
        assert all(each[:2] == [1, [0]] for each in answers), answers

    async def certify(self, what: Certified) -> None:
        """Have a key certified from now on."""
        await self.settle(self.orders.certify(replace(what, not_before_ms=self.clock())))

    async def succeed(self, use: Use) -> Signer:
        """Make the successor of one of the operator's keys, and have it certified."""
        new = self.of_operator.create(f"{KEY_NAMES[use]}-2")
        await self.certify(certified(use, new, CODE))
        return new


@pytest.fixture
async def rotation(postgres: EmbeddedPostgres) -> AsyncIterator[Rotation]:
    keys, clock = Keys(), Clock()
    genesis = make_genesis(keys, rulebook=RULEBOOK)
    network = read_genesis(genesis)
    of_registry = Kept(block=keys.block)
    signers = {name: getattr(keys, name)(CODE) for name in KEY_NAMES.values()}
    of_operator = Kept(**signers)
    rotating = tuple(RotatingKey(of_operator, use, name) for use, name in KEY_NAMES.items())
    certify, vault, transport = rotating
    async with AsyncExitStack() as stack:
        names = ["rotation_registry", "rotation_operator"]
        dsns = await network_databases(postgres, names)
        for name in names:
            stack.push_async_callback(postgres.drop_database, name)
        settings = CentralBankSettings(
            dsn=dsns[0], genesis=genesis, block_signers=BlockSigners(store=of_registry),
            library={RULEBOOK.hash: RULEBOOK}, verifier_processes=0,
        )  # fmt: skip
        app = await stack.enter_async_context(open_central_bank(settings))
        server = await stack.enter_async_context(listening(app, drain_timeout_s=1))

        async def leads() -> bool:
            async with httpx.AsyncClient(trust_env=False) as http:
                return (await http.get(f"{server.url}/healthz")).status_code == httpx.codes.OK

        await until(leads)
        client = RegistryClient(server.url, network=network, signer=keys.officers[0], now_ms=clock)
        officer = await stack.enter_async_context(client)
        orders = Orders(keys, network.id, clock)
        registry: Any = _Registry(server.url, keys, genesis, clock)
        world = await stack.enter_async_context(
            operator_world(
                dsns[1],
                registry,
                keys=replace(
                    operator_keys(keys), certify=certify, vault=vault, transport=transport,
                    rotating=rotating,
                ),
            )
        )  # fmt: skip
        it = Rotation(
            keys, genesis, server.url, clock, of_registry, of_operator, officer, orders, world
        )
        await it.settle(orders.fund_reserve(CODE, ISSUED_FEN), orders.issue(CODE, ISSUED_FEN))
        yield it


@dataclass
class _Registry:
    url: str
    keys: Keys
    genesis: bytes
    clock: Clock


async def test_operator_serves_on_while_all_its_keys_change(rotation: Rotation) -> None:
    operator = rotation.operator
    payer = await operator.open_wallet(deposit_fen=2_000_00)
    for use in KEY_NAMES:
        new = await rotation.succeed(use)
        await operator.operator.rotate_keys.step()
        old = getattr(rotation.keys, KEY_NAMES[use])(CODE)
        await rotation.settle(rotation.orders.revoke(old.public_key))
        signing = {each.use: each for each in operator.settings.keys.rotating}
        assert signing[use].public_key == new.public_key
        assert (await payer.exchange(100_00))["state"] == "settled"
        await operator.open_wallet()


async def test_what_an_earlier_certify_key_signed_still_holds_until_it_is_revoked(
    rotation: Rotation, tmp_path: Path
) -> None:
    operator = rotation.operator
    holder = await operator.open_wallet()
    old_code, old_request = await statement_code(holder), await payment_request(holder)
    await rotation.succeed(Use.OPERATOR_CERTIFY)
    await operator.operator.rotate_keys.step()
    new_code, new_request = await statement_code(holder), await payment_request(holder)
    for code in (new_code, old_code):
        assert await is_checked(operator, code)
        assert await is_verified(rotation, code, tmp_path)
    keys = await certify_keys_shown_by(operator)
    assert new_request.is_attested(keys, operator.network)
    assert old_request.is_attested(keys, operator.network)

    await rotation.settle(rotation.orders.revoke(rotation.keys.certify(CODE).public_key))
    await operator.operator.registry.block_keys.learn()
    for code, holds in ((new_code, True), (old_code, False)):
        assert await is_checked(operator, code) is holds
        assert await is_verified(rotation, code, tmp_path) is holds
    keys = await certify_keys_shown_by(operator)
    assert new_request.is_attested(keys, operator.network)
    assert not old_request.is_attested(keys, operator.network)


async def statement_code(holder: Holder) -> str:
    """The code of a statement that is made now."""
    return (await statement(holder))[-1]["text"]


async def payment_request(holder: Holder) -> PaymentRequest:
    """A request to pay this wallet, attested now."""
    attestation = (await holder.ask("GET", f"{holder.path}/attestation")).content
    order_id = OrderId(holder.new_id())
    expires_ms = holder.clock() + 60_000
    terms = Terms(id=order_id, payee=holder.number, amount_fen=None, expires_ms=expires_ms, note="")
    text = sign_request(terms, attestation, holder.signer, holder.network)
    return read_request(text, holder.network)


async def certify_keys_shown_by(operator: OperatorWorld) -> CertifyKeys:
    """What a wallet of the network learns of certify keys."""
    transport = Transport(
        operator.http, str(operator.http.base_url), edge=SYSTEM_EDGE, patience=Patience()
    )
    return await learn_certify_keys(OperatorClient(transport), expected=operator.network)


async def is_checked(operator: OperatorWorld, code: str) -> bool:
    """Whether the operator stands by a code."""
    answer = await operator.http.post("/v1/statements/check", json={"code": code})
    assert answer.status_code in (200, 403), answer.text
    return answer.status_code == httpx.codes.OK


async def is_verified(rotation: Rotation, code: str, directory: Path) -> bool:
    """Whether the command takes a code, given genesis and the central bank's list of keys."""
    genesis, keys = directory / "genesis", directory / "keys.json"
    genesis.write_bytes(rotation.genesis)
    async with httpx.AsyncClient(trust_env=False) as http:
        keys.write_bytes((await http.get(f"{rotation.url}/v1/certificates")).content)
    told = CliRunner().invoke(
        app, ["statement", "verify", code, "--genesis", str(genesis), "--certificates", str(keys)]
    )
    return told.exit_code == 0


async def test_successor_that_is_not_certified_yet_is_not_used(rotation: Rotation) -> None:
    rotation.of_operator.create("vault-2")
    await rotation.operator.operator.rotate_keys.step()
    payer = await rotation.operator.open_wallet(deposit_fen=2_000_00)
    assert (await payer.exchange(100_00))["state"] == "settled"


async def test_key_that_is_certified_for_another_use_is_not_taken(rotation: Rotation) -> None:
    new = rotation.of_operator.create("vault-2")
    await rotation.certify(certified(Use.OPERATOR_CERTIFY, new, CODE))
    await rotation.operator.operator.rotate_keys.step()
    vault = rotation.operator.settings.keys.vault
    assert vault.public_key == rotation.keys.vault(CODE).public_key


async def test_revoked_successor_is_given_up_for_the_key_before(rotation: Rotation) -> None:
    rotate, keys = rotation.operator.operator.rotate_keys, rotation.operator.settings.keys
    stolen = await rotation.succeed(Use.OPERATOR_TRANSPORT)
    await rotation.settle(rotation.orders.revoke(stolen.public_key))
    await rotate.step()
    assert keys.transport.public_key == rotation.keys.transport(CODE).public_key


async def test_stolen_transport_key_reads_and_brings_nothing_once_it_is_revoked(
    rotation: Rotation,
) -> None:
    stolen = rotation.keys.transport(CODE)
    await rotation.settle(rotation.orders.revoke(stolen.public_key))
    network = read_genesis(rotation.genesis)
    async with RegistryClient(
        rotation.url, network=network, signer=stolen, now_ms=rotation.clock
    ) as thief:
        for ask in (thief.feed(0, limit=1, wait_ms=0), thief.submit([b"\x80"])):
            with pytest.raises(Refusal) as refusal:
                await ask
            assert refusal.value.code is Code.CERTIFICATE_REVOKED


async def test_operator_and_holders_go_on_when_the_block_key_changes(rotation: Rotation) -> None:
    operator, old = rotation.operator, rotation.keys.block
    payer = await operator.open_wallet(deposit_fen=2_000_00)
    assert (await payer.exchange(100_00))["state"] == "settled"
    new = rotation.of_registry.create("block-2")
    await rotation.certify(certified(Use.REGISTRY_BLOCK, new))
    await rotation.settle(rotation.orders.revoke(old.public_key))
    assert (await payer.exchange(200_00))["state"] == "settled"

    async def is_told() -> bool:
        answer = await payer.ask("GET", f"{payer.path}/history")
        return len(answer.json()["entries"]) == 2

    await until(is_told)
    [last, first] = (await payer.ask("GET", f"{payer.path}/history")).json()["entries"]
    told = (await operator.http.get("/v1/network")).json()
    network = read_genesis(base64.b64decode(told["genesis"]))
    certificates = [
        base64.b64decode(each["certificate"])
        for each in told["block_keys"]
        if each["certificate"] is not None
    ]
    known = BlockKeys.of_network(network, certificates)
    assert [each["public_key"] for each in told["block_keys"] if each["revoked_ms"]] == [
        old.public_key.hex()
    ]
    for entry, signer in ((first, old), (last, new)):
        receipt = await operator.operator.registry.receipt(
            vault_of(CODE), bytes.fromhex(entry["order_id"]), payer.number
        )
        checked = verify_receipt(receipt, block_keys=known, network=network.id)
        assert checked.block_key == signer.public_key
