"""`jiaozi demo`: the whole story on this machine, then the parties to look at until Ctrl-C."""

import asyncio
import shutil
import tempfile
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from jiaozi.central_bank.rulebook.load import shipped
from jiaozi.central_bank.rulebook.model import ClassLimits
from jiaozi.cli.demo_output import document_of, shown_stages, tell_story
from jiaozi.cli.failures import failures_told
from jiaozi.cli.output import AsJson, ExitCode, fail, print_json, stderr
from jiaozi.cli.up import PortBase, run_until_signal, tell
from jiaozi.demo.errors import DemoFailed
from jiaozi.demo.plan import PEOPLE_MIN, Plan, draw_plan
from jiaozi.demo.story import Story, Told
from jiaozi.local.directory import DataDirectory
from jiaozi.local.errors import DirectoryForeign
from jiaozi.local.network import PORT_BASE, LocalSettings, local_network
from jiaozi.local.setup import OPERATORS
from jiaozi.protocol.order_types import Holder
from jiaozi.service.logs import configure_logs

app = typer.Typer(add_completion=False)

SEED = 1024
PAYMENTS_EACH = 4
DEMO_RULEBOOK = "demo-offline"
"""Today's caps, and waits of seconds."""
_INTERRUPTED = 130


class _Ended(Enum):
    """How a demo ended."""

    WELL = "well"
    BADLY = "badly"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Play:
    """One run of the demo.

    Attributes:
        once: End after the story instead of serving on.
        started_s: Monotonic time at which the command began.
    """

    settings: LocalSettings
    plan: Plan
    once: bool
    as_json: bool
    started_s: float


@app.command()
def demo(
    data: Annotated[
        Path | None,
        typer.Option(help="Keep the data in this new directory; `jiaozi up` serves it again."),
    ] = None,
    people: Annotated[
        int, typer.Option(min=PEOPLE_MIN, max=100_000, help="How many open wallets.")
    ] = 1_000,
    payments: Annotated[
        int | None, typer.Option(min=1, help="Between people; by default four for each.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of all amounts; the same gives the same.")] = SEED,
    port_base: PortBase = PORT_BASE,
    once: Annotated[
        bool, typer.Option("--once", help="End after the story; any free ports are taken.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Play the whole story on this machine: issue, wallets, payroll, payments, audit.

    It runs in a temporary directory, which is gone at the end, unless one is named. With --json
    the last line is one object.
    """
    started_s = time.monotonic()
    configure_logs("demo", console=True, level="WARNING")
    try:
        plan = draw_plan(
            people=people,
            payments=payments or PAYMENTS_EACH * people,
            operators=OPERATORS,
            limits=_limits(DEMO_RULEBOOK),
            seed=seed,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--payments") from None
    directory = (data or Path(tempfile.mkdtemp(prefix="jiaozi-demo-"))).absolute()
    settings = LocalSettings(
        directory=DataDirectory(directory),
        port_base=0 if once else port_base,
        network_name="demo",
        rulebook=DEMO_RULEBOOK,
    )
    play = _Play(settings=settings, plan=plan, once=once, as_json=as_json, started_s=started_s)
    ended = None
    try:
        ended = _run(play)
    finally:
        if data is None:
            _clear(directory, keep=ended is None or ended is _Ended.BADLY)
    match ended:
        case _Ended.INTERRUPTED:
            raise typer.Exit(_INTERRUPTED)
        case _Ended.BADLY:
            raise typer.Exit(ExitCode.REFUSED)
        case _Ended.WELL:
            return


def _clear(directory: Path, *, keep: bool) -> None:
    """Remove the temporary directory, or say that what went wrong can be looked at there."""
    if keep:
        stderr.print(f"Data and logs are left in {directory}.", markup=False)
    else:
        shutil.rmtree(directory, ignore_errors=True)


def _run(play: _Play) -> _Ended:
    """Play, and say how it ended; a story that breaks ends the command with an error."""
    told: list[Told] = []
    with failures_told(as_json=play.as_json):
        try:
            run_until_signal(lambda: _play(play, told))
        except DemoFailed as error:
            fail(
                "demo_failed",
                str(error).rstrip("."),
                f"See the logs in {play.settings.directory.path / 'logs'}",
                exit_code=ExitCode.REFUSED,
                as_json=play.as_json,
            )
    if not told:
        return _Ended.INTERRUPTED
    return _Ended.WELL if told[0].is_well else _Ended.BADLY


async def _play(play: _Play, told: list[Told]) -> None:
    """Start the parties, play, tell, and serve on unless told not to."""
    directory = play.settings.directory
    if directory.is_set_up:
        raise DirectoryForeign(
            happened=f"{directory.path} holds a network already.",
            remedy="The demo begins with a new one: choose an empty directory with --data.",
        )
    async with AsyncExitStack() as stack:
        with shown_stages() as stage:
            with stage("processes started", 1) as advance:
                network = await stack.enter_async_context(local_network(play.settings, tell))
                advance()
            story = Story(network, play.plan, stage, play.started_s)
            told.append(await story.play())
        elapsed_s = time.monotonic() - play.started_s
        if not play.as_json:
            tell_story(told[0], network, elapsed_s, is_served=not play.once)
        elif not play.once:
            print_json(document_of(told[0], elapsed_s))
        if not play.once:
            await asyncio.get_running_loop().create_future()
    if play.as_json and play.once:
        print_json(document_of(told[0], elapsed_s))


def _limits(rulebook: str) -> dict[int, ClassLimits]:
    [book] = [each for each in shipped().values() if each.name == rulebook]
    return {
        wallet_class: limits
        for (holder, wallet_class), limits in book.limits.items()
        if holder == Holder.PERSONAL
    }
