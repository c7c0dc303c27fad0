"""The reckoning after a storm: blocks, supply and audit, from the central bank's own database."""

from collections import Counter

from jiaozi.central_bank.audit.audit import AuditOptions, audit_database
from jiaozi.protocol import blocks
from jiaozi.protocol.genesis import read_genesis
from jiaozi.storage.database import Database
from tests.system.parties import ISSUED_FEN, Parties


async def orders_in_blocks(parties: Parties) -> Counter[tuple[bytes, tuple[int, ...]]]:
    """Every order that stands in a block, with its outcome, and how often."""
    found: Counter[tuple[bytes, tuple[int, ...]]] = Counter()
    sql = "SELECT body, order_count FROM block WHERE height > 0 ORDER BY height"
    async with (
        await Database.open(parties.registry_dsn) as database,
        database.connection() as connection,
    ):
        rows = await connection.fetch(sql)
    for body, count in rows:
        for item in blocks.read_body(body, count):
            found[item.submission, tuple(item.outcome)] += 1
    return found


async def assert_books(parties: Parties, settled: list[bytes], public_fen: int) -> None:
    """Every order stands in one block, the settled ones as settled; figures and audit agree."""
    found = await orders_in_blocks(parties)
    assert set(found.values()) == {1}
    assert len({submission for submission, _ in found}) == len(found)
    assert all(found[each, (0,)] == 1 for each in settled)
    issued_fen = ISSUED_FEN * len(parties.operators)
    supply = await parties.supply()
    assert supply["issued_fen"] == supply["outstanding_fen"] == issued_fen
    assert supply["with_public_fen"] == public_fen
    assert supply["in_vaults_fen"] == issued_fen - public_fen
    vaults_fen = [await parties.vault_fen(code) for code in parties.operators]
    assert sum(vaults_fen) == supply["in_vaults_fen"]
    await assert_audit(parties)


async def assert_audit(parties: Parties) -> None:
    """The audit finds from the blocks what the tables hold."""
    network = read_genesis(parties.directory.network.genesis.read_bytes())
    async with await Database.open(parties.registry_dsn) as database:
        report = await audit_database(database, AuditOptions(processes=0, network=network.id))
    assert report.verdict == "ok", report.differences
