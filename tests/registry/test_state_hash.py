"""rules.md §H: every so many blocks a header names the hash of the whole state."""

import asyncio
from contextlib import suppress
from hashlib import sha256
from typing import Any

import pytest

from jiaozi.central_bank.registry.state_hash import StateHasher, StateHashFailed, hash_state
from jiaozi.protocol import cbor
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.blocks import Header, read_header
from jiaozi.protocol.certificates import Certified
from jiaozi.protocol.state import AccountRecord, DeviceRecord, StateHash
from tests.registry.offline_builders import OFFLINE, OfflineDesk
from tests.registry.world import RegistryWorld, registry_world

TOTALS = cbor.encode([6, 0, 0])
FUNDINGS = "SELECT reference FROM reserve_funding ORDER BY reference"


async def header_at(world: RegistryWorld, height: int) -> Header:
    async with world.database.connection() as connection:
        data = await connection.fetchval("SELECT header FROM block WHERE height = $1", height)
    signed = read_header(
        data, block_keys=BlockKeys.stated(world.keys.block.public_key), network=world.network.id
    )
    return signed.header


def key_items(certified: Certified) -> list[Any]:
    by_key = certified.fields()
    use, operator, person, suite, key, *validity = (by_key.get(each) for each in range(1, 8))
    return [key, suite, use, operator, person, *validity, False]


async def test_the_next_header_names_height_and_hash_of_the_state(database_dsn: str) -> None:
    async with registry_world(database_dsn) as world:
        await world.provide(1001, 100_00)
        hashed = await StateHasher(world.writer, database_dsn).hash_now()
        assert hashed == await hash_state(world.database)
        assert hashed[0] == world.height
        await world.open_wallet()
        await world.open_wallet()
        assert (await header_at(world, hashed[0] + 1)).state == hashed
        assert (await header_at(world, hashed[0] + 2)).state is None


async def test_a_state_is_hashed_when_a_multiple_of_so_many_blocks_is_passed(
    database_dsn: str,
) -> None:
    async with registry_world(database_dsn) as world:
        running = asyncio.create_task(StateHasher(world.writer, database_dsn, every_blocks=4).run())
        await asyncio.sleep(0)
        for _ in range(4):
            await world.open_wallet()
        headers: list[Header] = []
        async with asyncio.timeout(20):
            while not any(each.state for each in headers):
                await asyncio.sleep(0.1)
                await world.open_wallet()
                headers.append(await header_at(world, world.height))
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        named = [each.state[0] for each in headers if each.state]
        assert named[0] >= 4


async def test_the_hash_is_over_records_as_documented(database_dsn: str) -> None:
    async with registry_world(database_dsn) as world:
        await world.open_wallet(wallet_class=3, day_limit_fen=5)
        for reference in (b"b" * 32, b"a" * 32):
            await world.settle(world.orders.fund_reserve(1001, 1, reference=reference))
        height, state_hash = await hash_state(world.database)
        records = await _records_before_devices(world)
        assert records[-3:] == [cbor.encode([5, b"a" * 32]), cbor.encode([5, b"b" * 32]), TOTALS]
        expected = sha256(b"jiaozi/state/1" + height.to_bytes(8, "big"))
        expected.update(b"".join(records))
        assert state_hash == expected.digest()


async def test_the_hash_is_over_devices_and_the_revocation_list(database_dsn: str) -> None:
    async with registry_world(database_dsn, rulebooks=[OFFLINE]) as world:
        desk = OfflineDesk(world)
        await desk.prepare()
        wallet = await world.open_wallet(balance_fen=1_000)
        lost = await desk.enrolled("lost", wallet=wallet, load_fen=300)
        await desk.enrolled("anonymous", 1002)
        _, before = await hash_state(world.database)
        await world.settle(desk.revoke(lost), desk.oldest_generation(5))
        height, state_hash = await hash_state(world.database)
        assert state_hash != before
        async with world.database.connection() as connection:
            fields = ", ".join(DeviceRecord._fields)
            devices = await connection.fetch(f"SELECT {fields} FROM device ORDER BY key")
            [listed] = await connection.fetch("SELECT hash FROM revocation WHERE number = 2")
        expected = StateHash(height)
        expected.add(await _records_before_devices(world))
        expected.add(cbor.encode([10, *row]) for row in devices)
        expected.add([cbor.encode([11, 2, listed["hash"], 5])])
        assert state_hash == expected.digest()


async def _records_before_devices(world: RegistryWorld) -> list[bytes]:
    async with world.database.connection() as connection:
        rows = await connection.fetch(
            f"SELECT {', '.join(AccountRecord._fields)} FROM account ORDER BY number"
        )
        references = [each[0] for each in await connection.fetch(FUNDINGS)]
    genesis, totals = world.network.genesis, world.writer.tip.totals
    records: list[list[Any]] = [
        *([1, *row] for row in rows),
        *([2, *key] for key in sorted(map(key_items, genesis.keys))),
        *([3, code, quota] for code, quota in sorted(genesis.quotas_fen.items())),
        [4, 0, genesis.rulebook_hash],
        *([5, reference] for reference in references),
        [6, totals.issued_fen, totals.destroyed_fen],
    ]
    return [cbor.encode(each) for each in records]


async def test_a_failure_to_hash_says_why_and_publishes_nothing(database_dsn: str) -> None:
    async with registry_world(database_dsn) as world:
        elsewhere = database_dsn.replace("/test_", "/gone_")
        with pytest.raises(StateHashFailed, match="does not exist"):
            await StateHasher(world.writer, elsewhere).hash_now()
        await world.open_wallet()
        assert (await header_at(world, world.height)).state is None
