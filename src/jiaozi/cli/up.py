"""`jiaozi up`: a central bank and two operators on this machine, until Ctrl-C."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from jiaozi.cli.failures import failures_told
from jiaozi.cli.output import AsJson, print_facts, print_json, stderr, stdout
from jiaozi.local.directory import DataDirectory, default_directory
from jiaozi.local.network import PORT_BASE, LocalNetwork, LocalSettings, local_network
from jiaozi.local.setup import DEFAULT_RULEBOOK
from jiaozi.service.logs import configure_logs

app = typer.Typer(add_completion=False)
Result = TypeVar("Result")

PortBase = Annotated[
    int,
    typer.Option(
        min=0,
        max=65_000,
        envvar="JIAOZI_PORT_BASE",
        help="Port of the central bank; operators and worker have the next three. "
        "0 takes free ones.",
    ),
]
Rulebook = Annotated[str, typer.Option(help="In force in a network that is set up now.")]


@app.command()
def up(
    data: Annotated[
        Path | None,
        typer.Option(
            envvar="JIAOZI_DATA",
            help="Where everything is kept; by default ~/.local/share/jiaozi.",
        ),
    ] = None,
    port_base: PortBase = PORT_BASE,
    rulebook: Rulebook = DEFAULT_RULEBOOK,
    archive: Annotated[
        Path | None,
        typer.Option(
            envvar="JIAOZI_ARCHIVE",
            help="Takes PostgreSQL's log as it grows, for `jiaozi restore --until`.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a central bank and two operators on this machine; data survives a restart.

    The first run makes keys and genesis. The operators are in demo mode: they tell the codes that
    would go to phones, and give deposits to whoever asks.
    """
    configure_logs("up", console=True, level="WARNING")
    settings = LocalSettings(
        directory=DataDirectory((data or default_directory()).absolute()),
        port_base=port_base,
        rulebook=rulebook,
        archive=archive,
    )

    async def serve() -> None:
        async with local_network(settings, tell) as network:
            show_network(network, as_json=as_json)
            await asyncio.get_running_loop().create_future()

    with failures_told(as_json=as_json):
        run_until_signal(serve)


def run_until_signal(main: Callable[[], Awaitable[Result]]) -> Result | None:
    """Run until it returns; SIGTERM and Ctrl-C cancel it, and then nothing is returned."""

    async def watched() -> Result | None:
        task = asyncio.ensure_future(main())
        loop = asyncio.get_running_loop()
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, task.cancel)
        try:
            return await task
        except asyncio.CancelledError:
            return None

    return asyncio.run(watched())


def tell(sentence: str) -> None:
    """Say what happens to a process."""
    stderr.print(sentence, markup=False)


def show_network(network: LocalNetwork, *, as_json: bool) -> None:
    """Print where the parties serve."""
    urls = {f"{code:04d}": url for code, url in network.operator_urls.items()}
    if as_json:
        print_json(
            {
                "central_bank": network.central_bank_url,
                "operators": urls,
                "data": str(network.directory.path),
            }
        )
        return
    print_facts(
        {
            "Central bank": network.central_bank_url,
            **{f"Operator {code}": url for code, url in urls.items()},
            "Data": str(network.directory.path),
        }
    )
    stdout.print("Serving until Ctrl-C.")
