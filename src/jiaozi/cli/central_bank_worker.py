"""`jiaozi central-bank worker` and `check-statements`: the days, stated and checked."""

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from jiaozi.central_bank.certification.keys import BLOCK_KEY, KeyPlaces
from jiaozi.central_bank.configuration import WorkerConfiguration
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.registry.store import read_control
from jiaozi.central_bank.statements.check import Checked, check_statements
from jiaozi.central_bank.statements.make import state_so_far
from jiaozi.cli.configuration import Config, configured
from jiaozi.cli.failures import PassphraseFile, failures_told, misfit_told, passphrase
from jiaozi.cli.new_key import OwnKeyStore
from jiaozi.cli.output import AsJson, ExitCode, print_json, print_table, stdout, yuan
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.daily_statement import DailyStatement
from jiaozi.protocol.genesis import Network, read_genesis
from jiaozi.service.key_locations import open_store
from jiaozi.service.logs import configure_logs
from jiaozi.service.server import run_party
from jiaozi.storage.database import Database

Dsn = Annotated[str, typer.Option(envvar="JIAOZI_DSN", help="The registry's PostgreSQL database.")]
NetworkDirectory = Annotated[
    Path, typer.Option(help="The ceremony's directory: genesis.cbor and registry/block.key.")
]


def founded_network(places: KeyPlaces) -> Network:
    """Read the genesis of a ceremony's directory, or tell that it is none and end."""
    data = places.genesis.read_bytes()
    with misfit_told(places.genesis, "the genesis of a network"):
        return read_genesis(data)


def worker_command(
    config: Config = None,
    dsn: Annotated[
        str | None, typer.Option(help="The registry's PostgreSQL database; or JIAOZI_DSN.")
    ] = None,
    network: Annotated[
        Path | None,
        typer.Option(help="The ceremony's directory: genesis.cbor and registry/block.key."),
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; by default 127.0.0.1.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="By default 10249; 0 takes a free one.")] = None,
    key_store: OwnKeyStore = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Do what is due by the clock, until SIGTERM or Ctrl-C: daily statements at midnight UTC+8.

    Over HTTP it serves its health and its figures. Several may run beside each other. All settings
    also come by file or environment.
    """
    # The driver of the jobs' library is for this process alone.
    from jiaozi.central_bank.worker.serve import WorkerSettings, open_worker

    given = {
        "dsn": dsn,
        "network": network,
        "host": host,
        "port": port,
        "key_store": key_store,
        "passphrase_file": passphrase_file,
    }
    asked = configured(WorkerConfiguration, config, given)
    configure_logs("worker", level=asked.log_level)
    places = KeyPlaces(asked.network)
    with failures_told():
        store = open_store(
            asked.key_store or str(places.registry), lambda: passphrase(asked.passphrase_file)
        )
        settings = WorkerSettings(
            dsn=asked.dsn,
            network=founded_network(places).id,
            block_signers=BlockSigners(store=store, name=BLOCK_KEY),
            database_connections_max=asked.database_connections_max,
        )
        run_party(
            lambda: open_worker(settings),
            host=asked.host,
            port=asked.port,
            on_ready=lambda url: stdout.print(f"The worker tells its health at {url}"),
            drain_timeout_s=asked.drain_timeout_s,
            connections_max=asked.connections_max,
        )


def check_statements_command(dsn: Dsn, network: NetworkDirectory, as_json: AsJson = False) -> None:
    """Make every daily statement anew from the blocks, and compare.

    Ends with 1 if anything differs.
    """

    async def check() -> Checked:
        known = founded_network(KeyPlaces(network))
        async with await Database.open(dsn, name="check-statements") as database:
            async with database.connection() as connection:
                keys = (await read_control(connection)).keys
            certificates = [each.certificate for each in keys.values() if each.certificate]
            block_keys = BlockKeys.of_network(known, certificates)
            return await check_statements(database, block_keys=block_keys, network=known.id)

    with failures_told(as_json=as_json):
        checked = asyncio.run(check())
    if as_json:
        findings = [each._asdict() for each in checked.findings]
        print_json({"statements": checked.statements, "findings": findings})
    else:
        stdout.print(f"{checked.statements} statements, {len(checked.findings)} findings.")
        if checked.findings:
            rows = [(f"{op:04d}", day, detail) for op, day, detail in checked.findings]
            print_table(("Operator", "Day", "What differs"), rows)
    raise typer.Exit(ExitCode.REFUSED if checked.findings else ExitCode.DONE)


def day_command(dsn: Dsn, as_json: AsJson = False) -> None:
    """Show every operator's day so far, as its daily statement would state it now.

    Ends with 1 if anything is not explained.
    """

    async def state() -> list[DailyStatement]:
        async with await Database.open(dsn, name="day", pool_size=1) as database:
            return await state_so_far(database)

    with failures_told(as_json=as_json):
        stated = asyncio.run(state())
    if as_json:
        print_json({"statements": [_document(each) for each in stated]})
    else:
        rows = [
            (
                f"{each.operator:04d}", each.date, yuan(each.opening_fen), yuan(each.issued_fen),
                yuan(each.destroyed_fen), yuan(each.exchanged_fen), yuan(each.redeemed_fen),
                yuan(each.set_aside_fen), yuan(each.released_fen), yuan(each.vault_fen),
                yuan(each.reserve_fen), yuan(each.difference_fen),
            )
            for each in stated
        ]  # fmt: skip
        print_table(_DAY_COLUMNS, rows)
    unexplained = any(each.difference_fen for each in stated)
    raise typer.Exit(ExitCode.REFUSED if unexplained else ExitCode.DONE)


_DAY_COLUMNS = (
    "Operator", "Day", "Opening", "Issued", "Destroyed", "Exchanged", "Redeemed", "Set aside",
    "Released", "Vault", "Reserve", "Difference",
)  # fmt: skip


def _document(statement: DailyStatement) -> dict[str, int | str]:
    fields = {name: value for name, value in asdict(statement).items() if name.endswith("_fen")}
    return {
        "operator": f"{statement.operator:04d}",
        "day": statement.date,
        "height": statement.height,
        **fields,
        "difference_fen": statement.difference_fen,
    }
