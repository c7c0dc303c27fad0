"""Every key is changed without stopping, and a stolen one does nothing from its revocation on."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from jiaozi.central_bank.audit.audit import AuditOptions, audit_database, audit_source
from jiaozi.central_bank.audit.model import AuditReport, RawBlock, Rule
from jiaozi.central_bank.registry import store, views
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.registry.state_hash import StateHasher
from jiaozi.central_bank.registry.writer import Writer
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.blocks import SignedHeader, read_header, sign_header
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import parse
from jiaozi.protocol.receipts import verify_receipt
from jiaozi.protocol.refusals import SETTLED, Code, Refusal
from jiaozi.protocol.suites import Ed25519Signer, Signer
from jiaozi.service.keys import KeyStore
from jiaozi.service.keys_pkcs11 import Pkcs11KeyStore, read_uri
from jiaozi.storage.database import Database
from tests.audit.forgery import ListSource
from tests.hsm import PIN, Hsm
from tests.registry.builders import new_wallet
from tests.registry.effects import refused
from tests.registry.network import Keys, certified, key, person
from tests.registry.waiting import until
from tests.registry.world import RegistryWorld, registry_world

ONE, OTHER = 1001, 1002


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


async def last_header(world: RegistryWorld, block_keys: BlockKeys) -> SignedHeader:
    return read_header(world.writer.tip.header, block_keys=block_keys, network=world.network.id)


async def signer_of_next_block(world: RegistryWorld, block_keys: BlockKeys) -> bytes:
    await world.settle(world.orders.quota(ONE, 10**12))
    world.clock.advance(1)
    return (await last_header(world, block_keys)).key


async def audited(world: RegistryWorld, directory: Path | None = None) -> AuditReport:
    options = AuditOptions(processes=0, state_directory=directory)
    return await audit_database(world.database, options)


async def raw_blocks(database: Database) -> list[RawBlock]:
    async with database.connection() as connection:
        rows = await connection.fetch(store.SQL.blocks, 0, 1_000)
    return [RawBlock(row["height"], row["header"], row["body"]) for row in rows]


def known_keys(world: RegistryWorld) -> BlockKeys:
    """The keys of genesis, and those that the registry has certificates of."""
    certificates = [each.certificate for each in world.control.keys.values() if each.certificate]
    return BlockKeys.of_network(world.network, certificates)


@pytest.fixture
def kept() -> Kept:
    return Kept(block=Keys().block)


@pytest.fixture
async def world(database_dsn: str, kept: Kept) -> AsyncIterator[RegistryWorld]:
    """A registry that signs blocks with what is in `kept`."""
    async with registry_world(database_dsn, block_signers=BlockSigners(store=kept)) as world:
        yield world


async def rotate(world: RegistryWorld, keys: KeyStore, name: str = "block-2") -> Signer:
    """Make and certify a block key while the registry runs."""
    new = keys.create(name)
    world.clock.advance(1)
    what = certified(Use.REGISTRY_BLOCK, new, not_before_ms=world.clock.now_ms)
    await world.settle(world.orders.certify(what))
    return new


async def test_new_block_key_signs_from_the_block_after_its_certificate(
    world: RegistryWorld, kept: Kept
) -> None:
    old, new = world.keys.block, await rotate(world, kept)
    known = known_keys(world)
    assert (await last_header(world, known)).key == old.public_key
    assert await signer_of_next_block(world, known) == new.public_key
    await world.settle(world.orders.revoke(old.public_key))
    assert await signer_of_next_block(world, known) == new.public_key
    await world.restart()
    assert await signer_of_next_block(world, known) == new.public_key
    assert (await audited(world)).verdict == "ok"


async def test_block_key_is_changed_for_one_in_a_token_without_stopping(
    database_dsn: str, hsm: Hsm
) -> None:
    in_token = Pkcs11KeyStore(read_uri(hsm.fresh_token()), PIN)
    signers = BlockSigners([Keys().block], store=in_token)
    async with registry_world(database_dsn, block_signers=signers) as world:
        new = await rotate(world, in_token)
        assert await signer_of_next_block(world, known_keys(world)) == new.public_key
        assert (await audited(world)).verdict == "ok"


async def test_block_key_signs_in_its_time_only(world: RegistryWorld, kept: Kept) -> None:
    old, soon = world.keys.block, kept.create("block-2")
    start_ms = world.clock.now_ms + DAY_MS
    what = certified(Use.REGISTRY_BLOCK, soon, not_before_ms=start_ms, not_after_ms=start_ms + 5)
    await world.settle(world.orders.certify(what))
    known = known_keys(world)
    assert await signer_of_next_block(world, known) == old.public_key
    world.clock.now_ms = start_ms
    assert await signer_of_next_block(world, known) == soon.public_key
    world.clock.now_ms = start_ms + 5
    assert await signer_of_next_block(world, known) == old.public_key
    assert (await audited(world)).verdict == "ok"


async def test_key_that_is_certified_and_not_at_hand_lets_the_old_one_sign_on(
    world: RegistryWorld, kept: Kept
) -> None:
    elsewhere = key("in another machine room")
    what = certified(Use.REGISTRY_BLOCK, elsewhere, not_before_ms=1)
    await world.settle(world.orders.certify(what))
    known = known_keys(world)
    assert await signer_of_next_block(world, known) == world.keys.block.public_key
    kept.signers["block-2"] = elsewhere
    assert await signer_of_next_block(world, known) == elsewhere.public_key


async def test_audit_goes_on_from_a_state_that_a_later_key_signed(
    world: RegistryWorld, kept: Kept, tmp_path: Path
) -> None:
    await rotate(world, kept)
    await world.settle(world.orders.revoke(world.keys.block.public_key))
    for _ in range(2):
        await StateHasher(world.writer, world.dsn).hash_now()
        await world.settle(world.orders.quota(ONE, 10**12))
        report = await audited(world, tmp_path)
        assert (report.verdict, report.notice) == ("ok", None)
    assert report.from_height > 0


async def test_receipts_of_both_keys_are_checked_with_the_certificate_beside(
    world: RegistryWorld, kept: Kept
) -> None:
    await world.provide(ONE, 1_000)
    payer, payee = await world.open_wallets(2, balance_fen=100)
    paid = []
    for _ in range(2):
        order = world.orders.payment(payer, payee, 1)
        await world.settle(order)
        paid.append(order)
        if len(paid) == 1:
            new = await rotate(world, kept)
    known = known_keys(world)
    for order, signer in zip(paid, (world.keys.block, new), strict=True):
        receipt = await receipt_of(world, payer.number, order)
        checked = verify_receipt(receipt, block_keys=known, network=world.network.id)
        assert checked.block_key == signer.public_key
    with pytest.raises(Refusal):
        without = BlockKeys.of_network(world.network)
        verify_receipt(receipt, block_keys=without, network=world.network.id)


async def receipt_of(world: RegistryWorld, payer: int, submission: bytes) -> bytes:
    async with world.database.connection() as connection:
        return await views.make_receipt(
            connection,
            payer,
            parse(submission).id,
            reader=payer,
            operator=ONE,
            control=world.control,
        )


async def test_stolen_block_key_writes_no_block_once_it_is_revoked(
    world: RegistryWorld, kept: Kept
) -> None:
    """Whoever has the stolen key, and the database too, does not get to write with it."""
    stolen = world.keys.block
    await rotate(world, kept)
    await world.settle(world.orders.revoke(stolen.public_key))
    height = world.height
    world.running.cancel()
    with suppress(asyncio.CancelledError):
        await world.running
    thief = Writer(
        world.database,
        genesis=world.genesis_control,
        block_signers=BlockSigners([stolen]),
        clock_ms=world.clock,
        idle_block_s=0.01,
    )
    running = asyncio.create_task(thief.run())

    async def waits() -> bool:
        return thief.waits_for is not None

    await until(waits)
    await asyncio.sleep(0.1)
    assert not thief.leads
    assert thief.broken is None
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await world.restart()
    assert world.height == height


async def test_block_that_a_revoked_key_signed_is_refused_by_every_reader(
    world: RegistryWorld, kept: Kept
) -> None:
    stolen, new = world.keys.block, await rotate(world, kept)
    await world.settle(world.orders.revoke(stolen.public_key))
    revoked_ms = world.control.keys[stolen.public_key].revoked_ms
    assert revoked_ms is not None
    world.clock.advance(1)
    known = known_keys(world).revoked({stolen.public_key: revoked_ms})
    assert await signer_of_next_block(world, known) == new.public_key
    blocks = await raw_blocks(world.database)
    for each in blocks:
        read_header(each.header, block_keys=known, network=world.network.id)
    true = read_header(blocks[-1].header, block_keys=known, network=world.network.id)
    forged = sign_header(true.header, stolen, world.network.id)
    with pytest.raises(Refusal) as refusal:
        read_header(forged.encoded, block_keys=known, network=world.network.id)
    assert refusal.value.code is Code.SIGNATURE_INVALID
    chain = [*blocks[:-1], blocks[-1]._replace(header=forged.encoded)]
    report = await audit_source(ListSource(chain), AuditOptions(processes=0))
    assert [each.rule for each in report.differences] == [Rule.BLOCK_SIGNATURE]
    assert "revoked" in report.verdict


async def test_stolen_certify_key_opens_no_wallet_once_it_is_revoked(
    world: RegistryWorld,
) -> None:
    stolen, new = world.keys.certify(ONE), key("new certify key")
    await world.settle(
        world.orders.certify(certified(Use.OPERATOR_CERTIFY, new, ONE)),
        world.orders.revoke(stolen.public_key),
    )
    wallet = new_wallet(ONE, 900)
    await refused(world, world.orders.open_account(wallet), Code.CERTIFICATE_REVOKED)
    world.keys.certify = lambda _: new  # type: ignore[method-assign]
    await world.settle(world.orders.open_account(wallet))


async def test_stolen_vault_key_spends_nothing_once_its_successor_is_certified(
    world: RegistryWorld,
) -> None:
    await world.provide(ONE, 1_000)
    wallet = await world.open_wallet(ONE)
    stolen, new = world.keys.vault(ONE), key("new vault key")
    await world.settle(world.orders.certify(certified(Use.OPERATOR_VAULT, new, ONE)))
    await refused(world, world.orders.exchange(wallet, 1), Code.SIGNER_FOREIGN)
    await world.settle(world.orders.revoke(stolen.public_key))
    await refused(world, world.orders.exchange(wallet, 1), Code.SIGNER_FOREIGN)
    issue = world.orders.issue(ONE, 1)
    await refused(world, issue, Code.CERTIFICATE_REVOKED)
    world.keys.vault = lambda _: new  # type: ignore[method-assign]
    assert (await world.exchange(wallet, 1_000)).outcome == SETTLED


async def test_revoked_vault_key_stops_the_vault_at_once_though_it_has_no_successor(
    world: RegistryWorld,
) -> None:
    await world.provide(ONE, 1_000)
    wallet = await world.open_wallet(ONE)
    await world.settle(world.orders.revoke(world.keys.vault(ONE).public_key))
    await refused(world, world.orders.exchange(wallet, 1), Code.CERTIFICATE_REVOKED)


async def test_stolen_officer_key_approves_nothing_once_it_is_revoked(
    world: RegistryWorld,
) -> None:
    stolen, second, third = world.keys.officers
    new = key("the first officer's new key")
    await world.settle(
        world.orders.certify(certified(Use.OFFICER, new, person=person(1))),
    )
    revocation = world.orders.sign(
        world.orders.head(OrderType.REVOKE), (second, third), (), key=stolen.public_key
    )
    await world.settle(revocation)
    await refused(world, world.orders.quota(ONE, 1), Code.CERTIFICATE_REVOKED)
    world.keys.officers = (new, second, third)
    await world.settle(world.orders.quota(ONE, 10**12))


async def test_every_rotation_stands_the_audit(world: RegistryWorld, kept: Kept) -> None:
    await world.provide(ONE, 1_000)
    await rotate(world, kept)
    successors: dict[Use, Callable[[int], Ed25519Signer]] = {
        Use.OPERATOR_CERTIFY: world.keys.certify,
        Use.OPERATOR_VAULT: world.keys.vault,
        Use.OPERATOR_TRANSPORT: world.keys.transport,
    }
    for use, old in successors.items():
        new = certified(use, key(f"new {use.name}"), ONE)
        await world.settle(world.orders.certify(new), operator=OTHER)
        await world.settle(world.orders.revoke(old(ONE).public_key), operator=OTHER)
    await world.settle(world.orders.revoke(world.keys.block.public_key), operator=OTHER)
    await world.settle(world.orders.quota(OTHER, 10**12), operator=OTHER)
    assert (await audited(world)).verdict == "ok"
