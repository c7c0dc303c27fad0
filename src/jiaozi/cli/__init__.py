"""The command line, one file per command group; the only package that may see all parties."""

import typer

from jiaozi.cli import wallet

app = typer.Typer(
    name="jiaozi",
    help="A digital legal tender you can run.",
    no_args_is_help=True,
    add_completion=False,
)
app.add_typer(wallet.app, name="wallet")


def main() -> None:
    """Run the command line."""
    app()
