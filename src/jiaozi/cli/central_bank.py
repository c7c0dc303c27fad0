"""`jiaozi central-bank`: hold the ceremony, serve the registry, decide with officers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from jiaozi.central_bank.certification.keys import BLOCK_KEY, LIST_KEY, KeyPlaces
from jiaozi.central_bank.configuration import CentralBankConfiguration
from jiaozi.central_bank.http.serve import CentralBankSettings, open_central_bank
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.registry.found import OtherGenesis
from jiaozi.central_bank.rulebook.load import RulebookInvalid, load_directory, shipped
from jiaozi.cli import (
    central_bank_approval,
    central_bank_ceremony,
    central_bank_emergency,
    central_bank_orders,
    central_bank_root,
    central_bank_worker,
    new_key,
)
from jiaozi.cli.configuration import Config, configured
from jiaozi.cli.failures import PassphraseFile, failures_told, passphrase
from jiaozi.cli.new_key import OwnKeyStore
from jiaozi.cli.output import ExitCode, add_commands, fail, stdout
from jiaozi.protocol.certificates import Use
from jiaozi.service.key_locations import open_store
from jiaozi.service.logs import configure_logs
from jiaozi.service.server import run_party


def serve_command(
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
    port: Annotated[int | None, typer.Option(help="By default 10240; 0 takes a free one.")] = None,
    rulebooks: Annotated[
        Path | None, typer.Option(help="A directory of rulebook files beside those shipped.")
    ] = None,
    key_store: OwnKeyStore = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Serve the registry until SIGTERM or Ctrl-C; all settings also come by file or environment."""
    given = {
        "dsn": dsn,
        "network": network,
        "host": host,
        "port": port,
        "rulebooks": rulebooks,
        "key_store": key_store,
        "passphrase_file": passphrase_file,
    }
    asked = configured(CentralBankConfiguration, config, given)
    configure_logs("central-bank", level=asked.log_level)
    with failures_told(), _misfits_told():
        settings = _settings(asked)
        run_party(
            lambda: open_central_bank(settings),
            host=asked.host,
            port=asked.port,
            on_ready=lambda url: stdout.print(f"The central bank serves at {url}"),
            drain_timeout_s=asked.drain_timeout_s,
            connections_max=asked.connections_max,
        )


def _settings(asked: CentralBankConfiguration) -> CentralBankSettings:
    """Open what the settings name: genesis, keys and rulebooks."""
    places = KeyPlaces(asked.network)
    central_bank_worker.founded_network(places)
    store = open_store(
        asked.key_store or str(places.registry), lambda: passphrase(asked.passphrase_file)
    )
    own = {} if asked.rulebooks is None else load_directory(asked.rulebooks)
    return CentralBankSettings(
        dsn=asked.dsn,
        genesis=places.genesis.read_bytes(),
        block_signers=BlockSigners(store=store, name=BLOCK_KEY),
        list_signers=BlockSigners(store=store, name=LIST_KEY, use=Use.LIST_SIGNING),
        library={**shipped(), **own},
        verifier_processes=asked.verifier_processes,
        idle_block_s=asked.idle_block_s,
        limits=asked.limits,
        database_connections_max=asked.database_connections_max,
        statement_timeout_ms=asked.statement_timeout_ms,
        rates=asked.rates,
        certificates=tuple(
            each.read_bytes() for each in sorted(places.certificates.glob("*.cbor"))
        ),
    )


@contextmanager
def _misfits_told() -> Iterator[None]:
    """Tell that database, genesis and rulebooks do not belong together."""
    try:
        yield
    except (OtherGenesis, LookupError, RulebookInvalid) as error:
        what = str(error).rstrip(".")
        advice = "Nothing was changed: check --dsn, --network, --key-store and --rulebooks"
        fail("other_genesis", what, advice, exit_code=ExitCode.USAGE, as_json=False)


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Hold the ceremony, serve the registry, decide.",
)
add_commands(
    app,
    {
        "Keys": {
            "ceremony": central_bank_ceremony.ceremony_command,
            "certificate": central_bank_root.certificate_command,
            "new-key": new_key.new_key_command,
        },
        "Serve": {
            "serve": serve_command,
            "worker": central_bank_worker.worker_command,
        },
        "Draw an order up, for officers to sign": {
            **central_bank_orders.COMMANDS,
            **central_bank_emergency.COMMANDS,
        },
        "Sign and send": {
            "show": central_bank_approval.show_command,
            "approve": central_bank_approval.approve_command,
            "submit": central_bank_approval.submit_command,
        },
        "Look": {
            "day": central_bank_worker.day_command,
            "check-statements": central_bank_worker.check_statements_command,
            "halts": central_bank_emergency.halts_command,
        },
    },
)
