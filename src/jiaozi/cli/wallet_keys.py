"""`jiaozi wallet export-keys` and `import-keys`: take a wallet elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from jiaozi.cli.output import AsJson, print_json, stdout
from jiaozi.cli.wallet_setup import failures_told, setup_of
from jiaozi.protocol.numbers import format_number
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.export import export_keys, import_keys

_File = Annotated[Path, typer.Argument(dir_okay=False, help="The sealed file.")]


def export_command(context: typer.Context, file: _File, as_json: AsJson = False) -> None:
    """Move this wallet, its journal too, into a file under its passphrase.

    Here it orders nothing new from then on, so that nothing is paid twice; importing the file goes
    on where this one stopped.
    """
    setup = setup_of(context)
    with failures_told(as_json=as_json):
        open_count = export_keys(setup.directory, file, setup.passphrase(), SYSTEM_EDGE)
    if as_json:
        print_json({"file": str(file), "open_orders": open_count})
        return
    stdout.print(f"The wallet is in {file}, with {open_count} unfinished order(s).")
    stdout.print("Here it pays no more: import it where it shall go on.")


def import_command(context: typer.Context, file: _File, as_json: AsJson = False) -> None:
    """Put an exported wallet into the directory named by --dir, which must not have one.

    Import a file in one place only: two copies do not know of each other's later orders.
    """
    setup = setup_of(context)
    with failures_told(as_json=as_json):
        public = import_keys(setup.directory, file, setup.passphrase())
    assert public.number is not None, "only open wallets are exported"
    number = format_number(public.number)
    if as_json:
        print_json({"number": number, "directory": str(setup.directory)})
        return
    stdout.print(f"Wallet {number} goes on in {setup.directory}.")
    stdout.print("Run `jiaozi wallet resume` if orders were unfinished.")
