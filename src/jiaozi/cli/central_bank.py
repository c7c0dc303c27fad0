"""`jiaozi central-bank`: hold the ceremony, serve the registry, decide with officers."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from jiaozi.central_bank.certification.keys import BLOCK_KEY, KeyPlaces
from jiaozi.central_bank.http.serve import CentralBankSettings, open_central_bank
from jiaozi.central_bank.registry.found import OtherGenesis
from jiaozi.central_bank.rulebook.load import RulebookInvalid, load_directory, shipped
from jiaozi.cli import (
    central_bank_approval,
    central_bank_ceremony,
    central_bank_orders,
    central_bank_root,
    central_bank_worker,
    new_key,
)
from jiaozi.cli.failures import PassphraseFile, failures_told, passphrase
from jiaozi.cli.output import ExitCode, fail, stdout
from jiaozi.service.keys import FileKeyStore
from jiaozi.service.logs import configure_logs
from jiaozi.service.server import run_party

app = typer.Typer(no_args_is_help=True, help="Hold the ceremony, serve the registry, decide.")
app.command("ceremony")(central_bank_ceremony.ceremony_command)
app.command("certificate")(central_bank_root.certificate_command)
app.command("new-key")(new_key.new_key_command)
for _name, _command in central_bank_orders.COMMANDS.items():
    app.command(_name)(_command)
app.command("show")(central_bank_approval.show_command)
app.command("approve")(central_bank_approval.approve_command)
app.command("submit")(central_bank_approval.submit_command)
app.command("worker")(central_bank_worker.worker_command)
app.command("check-statements")(central_bank_worker.check_statements_command)


@app.command()
def serve(
    dsn: Annotated[
        str, typer.Option(envvar="JIAOZI_DSN", help="The registry's PostgreSQL database.")
    ],
    network: Annotated[
        Path, typer.Option(help="The ceremony's directory: genesis.cbor and registry/block.key.")
    ],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 10240,
    rulebooks: Annotated[
        Path | None, typer.Option(help="A directory of rulebook files beside those shipped.")
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Serve the registry until SIGTERM or Ctrl-C."""
    configure_logs("central-bank")
    places = KeyPlaces(network)
    with failures_told(), _misfits_told():
        store = FileKeyStore(places.registry, passphrase(passphrase_file))
        own = {} if rulebooks is None else load_directory(rulebooks)
        settings = CentralBankSettings(
            dsn=dsn,
            genesis=places.genesis.read_bytes(),
            block_signer=store.signer(BLOCK_KEY),
            library={**shipped(), **own},
        )
        run_party(
            lambda: open_central_bank(settings),
            host=host,
            port=port,
            on_ready=lambda url: stdout.print(f"The central bank serves at {url}"),
        )


@contextmanager
def _misfits_told() -> Iterator[None]:
    """Tell that database, genesis and rulebooks do not belong together."""
    try:
        yield
    except (OtherGenesis, LookupError, RulebookInvalid) as error:
        what = str(error).rstrip(".")
        advice = "Nothing was changed: check --dsn, --network and --rulebooks"
        fail("other_genesis", what, advice, exit_code=ExitCode.USAGE, as_json=False)
