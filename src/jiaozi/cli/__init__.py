"""The command line, one file per command group; the only package that may see all parties.

Groups are loaded by name, when they are called: a wallet's command shall not wait for the parts of
a central bank.
"""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

_GROUPS: Mapping[str, str] = {
    "demo": "jiaozi.cli.demo",
    "up": "jiaozi.cli.up",
    "wallet": "jiaozi.cli.wallet",
    "card": "jiaozi.cli.card",
    "pos": "jiaozi.cli.pos",
    "statement": "jiaozi.cli.statement",
    "operator": "jiaozi.cli.operator",
    "central-bank": "jiaozi.cli.central_bank",
    "audit": "jiaozi.cli.audit",
    "offline": "jiaozi.cli.offline",
    "verify-equivocation": "jiaozi.cli.verify_equivocation",
    "backup": "jiaozi.cli.backup",
    "restore": "jiaozi.cli.restore",
    "bench": "jiaozi.cli.bench",
}
"""Each module has an ``app``; the order is the one of the help."""


class _Groups(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401 - typer's own copy of click
        return list(_GROUPS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401
        module = _GROUPS.get(cmd_name)
        if module is None:
            return None
        command = typer.main.get_command(import_module(module).app)
        command.name = cmd_name
        return command


app = typer.Typer(name="jiaozi", cls=_Groups, no_args_is_help=True, add_completion=False)


@app.callback()
def _describe() -> None:
    """A digital legal tender you can run."""


def main() -> None:
    """Run the command line."""
    app()
