"""An operator keeps what the registry signed, and shows it; what contradicts is a proof."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest
from structlog.testing import capture_logs

from jiaozi.operator.headers import store
from jiaozi.protocol import blocks, cbor
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.blocks import HEADER_BYTES_MAX, Header, SignedHeader
from jiaozi.protocol.equivocation import Contradiction, Equivocation, read_proof
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.refusals import Code
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.operator.builders import OperatorWorld, operator_keys, operator_world, until
from tests.registry.network import key


def split(data: bytes) -> list[bytes]:
    return [encoded for _, encoded in cbor.decode_sequence(data, items_max=999, item_size_max=4096)]


async def shown(world: OperatorWorld, start: int = 0, limit: int = 100) -> list[object]:
    answer = await world.http.get(f"/v1/headers?from={start}&limit={limit}")
    items = cbor.decode_sequence(answer.content, items_max=999, item_size_max=HEADER_BYTES_MAX)
    return [value for value, _ in items]


async def proofs(world: OperatorWorld) -> list[Equivocation]:
    network = read_genesis(world.registry.genesis)
    answer = await world.http.get("/v1/equivocations")
    assert answer.status_code == 200
    return [
        read_proof(each, block_keys=BlockKeys.of_network(network), network=network.id)
        for each in split(answer.content)
    ]


def replace_header(world: OperatorWorld, height: int, **changes: object) -> SignedHeader:
    """Let the registry sign another header for a height, and give that from now on."""
    header = world.ledger.headers[height].header
    fields = {name: getattr(header, name) for name in Header.__slots__} | changes
    signed = blocks.sign_header(Header(**fields), world.ledger.signer, world.network)
    world.ledger.headers[height] = signed
    return signed


async def grow(world: OperatorWorld, count: int) -> None:
    for _ in range(count):
        world.clock.advance(1)
        world.registry.idle_block()

    async def has_all() -> bool:
        await world.operator.watch.keep_headers.step()
        kept = await world.database_value("SELECT height FROM header_cursor")
        return kept == world.ledger.tip.header.height

    await until(has_all)


async def test_the_chain_is_kept_without_a_gap_and_shown_to_everyone(world: OperatorWorld) -> None:
    await world.open_wallet()
    await grow(world, 5)
    expected = [each.encoded for each in world.ledger.headers]
    assert await shown(world) == expected
    assert await shown(world, 2, 2) == expected[2:4]
    answer = await world.http.get("/v1/headers?from=99")
    assert (answer.content, answer.headers["jiaozi-height"]) == (b"", str(len(expected) - 1))
    assert await proofs(world) == []


async def test_kept_headers_stay(world: OperatorWorld) -> None:
    await grow(world, 1)
    for change in ("UPDATE header SET height = 99 WHERE height = 0", "DELETE FROM header"):
        async with world.database.connection() as connection:
            with pytest.raises(asyncpg.RaiseError, match="append-only"):
                await connection.execute(change)


@pytest.mark.parametrize(
    ("height_from_tip", "changes", "contradiction"),
    [
        (0, {"count": 7}, Contradiction.SAME_HEIGHT),
        (1, {"previous": b"\x01" * 32}, Contradiction.BROKEN_LINK),
        (1, {"time_ms": 5}, Contradiction.TIME_RUNS_BACK),
    ],
)
async def test_a_chain_that_contradicts_itself_is_a_proof_and_goes_no_further(
    world: OperatorWorld,
    height_from_tip: int,
    changes: dict[str, object],
    contradiction: Contradiction,
) -> None:
    await grow(world, 3)
    before = await shown(world)
    height = len(before) - 1 + height_from_tip
    world.registry.idle_block()
    replace_header(world, height, **changes)
    with capture_logs() as logs:
        for _ in range(3):
            await world.operator.watch.keep_headers.step()
    [proof] = await proofs(world)
    assert proof.contradiction is contradiction
    assert proof.second.header.height == height
    assert await shown(world) == before
    [alarm] = [each for each in logs if each["event"] == "registry_contradicts_itself"]
    assert (alarm["log_level"], alarm["proof"]) == ("critical", proof.id.hex())


async def test_a_header_of_the_feed_that_is_not_the_chains_is_a_proof(world: OperatorWorld) -> None:
    """The feed shows one block, /v1/headers another: whichever came first."""
    await world.open_wallet()
    await world.until_followed()
    height = world.ledger.tip.header.height
    given_by_feed = world.ledger.headers[height]
    replace_header(world, height, body_hash=b"\x09" * 32)
    async with world.database.connection() as connection:
        await connection.execute("TRUNCATE header; UPDATE header_cursor SET height = -1")
    world.operator.registry.headers_seen.append(given_by_feed)
    await world.operator.watch.keep_headers.step()
    [proof] = await proofs(world)
    assert given_by_feed.identity in (proof.first.identity, proof.second.identity)


async def test_a_header_by_another_key_is_no_proof(world: OperatorWorld) -> None:
    await grow(world, 2)
    forger = key("a forger")
    height = world.ledger.tip.header.height
    header = world.ledger.headers[height].header
    world.ledger.headers[height] = blocks.sign_header(header, forger, world.network)
    with pytest.raises(Exception, match="does not verify"):
        await world.operator.watch.keep_headers.step()
    assert await proofs(world) == []
    assert world.operator.watch.doubt.proofs == 0


async def test_who_has_proof_sends_nothing_and_says_so_and_goes_on_reading(
    world: OperatorWorld,
) -> None:
    payer = await world.open_wallet(deposit_fen=500_00)
    payee = await world.open_wallet()
    await payer.exchange(300_00)
    await grow(world, 1)
    replace_header(world, world.ledger.tip.header.height, count=3)
    await world.operator.watch.keep_headers.step()
    sent = len(world.registry.batches)
    refused = await world.http.post("/v1/orders", content=payer.payment(payee.number, 1))
    assert (refused.status_code, refused.json()["code"]) == (503, Code.UNAVAILABLE)
    assert (await payer.exchange(1_00))["state"] == "open"
    assert len(world.registry.batches) == sent
    health = await world.http.get("/healthz")
    assert (health.status_code, health.json()["status"]) == (200, "registry_contradicts_itself")
    assert "jiaozi_equivocations 1.0" in (await world.http.get("/metrics")).text
    assert (await payer.ask("GET", payer.path)).status_code == 200


async def test_a_restart_does_not_forget_a_proof_and_a_judgement_ends_it(
    world: OperatorWorld,
) -> None:
    await grow(world, 2)
    other = replace_header(world, world.ledger.tip.header.height, count=3)
    await world.operator.watch.keep_headers.step()
    async with operator_world(
        world.settings.dsn, world.registry, code=world.settings.code
    ) as again:
        assert again.operator.watch.doubt.proofs == 1
        async with again.database.transaction() as connection:
            assert await store.judge(connection, now_ms=world.clock()) == 1
        await again.operator.watch.keep_headers.step()
        assert again.operator.watch.doubt.proofs == 0
        assert other.encoded in await shown(again)
        assert len(await proofs(again)) == 1
        await again.open_wallet()
    for change in ("UPDATE equivocation SET judged_ms = 1", "DELETE FROM equivocation"):
        async with world.database.connection() as connection:
            with pytest.raises(asyncpg.RaiseError):
                await connection.execute(change)


@pytest.fixture
async def peers(
    world: OperatorWorld, postgres: EmbeddedPostgres
) -> AsyncIterator[tuple[OperatorWorld, OperatorWorld]]:
    """Two operators of one network; the second one's registry is a copy of the first one's."""
    async with AsyncExitStack() as stack:
        dsn = await postgres.create_database("peer_operator")
        stack.push_async_callback(postgres.drop_database, "peer_operator")
        other = await stack.enter_async_context(
            operator_world(
                dsn, world.registry, code=1002, keys=operator_keys(world.registry.keys, 1002)
            )
        )
        yield world, other


async def test_two_operators_that_agree_find_nothing(
    peers: tuple[OperatorWorld, OperatorWorld],
) -> None:
    here, there = peers
    await grow(here, 3)
    await grow(there, 3)  # it is ahead now
    url = str(there.http.base_url)
    assert await here.operator.watch.compare_peers.step(url) >= 1
    assert await there.operator.watch.compare_peers.step(str(here.http.base_url)) >= 1
    assert await proofs(here) == await proofs(there) == []


async def test_a_peer_with_another_history_is_a_proof(
    peers: tuple[OperatorWorld, OperatorWorld],
) -> None:
    here, there = peers
    await grow(here, 3)
    height = here.ledger.tip.header.height
    kept = here.ledger.headers[height]
    replace_header(here, height, count=9)
    async with there.database.connection() as connection:
        await connection.execute("TRUNCATE header; UPDATE header_cursor SET height = -1")
    await there.operator.watch.keep_headers.step()
    here.ledger.headers[height] = kept
    await here.operator.watch.compare_peers.step(str(there.http.base_url))
    [proof] = await proofs(here)
    assert (proof.contradiction, proof.first.header.height) == (Contradiction.SAME_HEIGHT, height)
    assert await here.operator.watch.compare_peers.step(str(there.http.base_url)) == 0
