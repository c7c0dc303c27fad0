"""``jiaozi bench``: measure on this machine."""

import asyncio
import json
from typing import Annotated

import typer
from rich.console import Console

from jiaozi.bench import gateway, offline, registry

app = typer.Typer(add_completion=False, help="Measure on this machine.", no_args_is_help=True)
_stderr = Console(stderr=True)

_Wallets = Annotated[int, typer.Option(min=10, help="Wallets to pay between.")]
_UsedIds = Annotated[
    int, typer.Option(min=0, help="Order ids that the registry remembers beforehand.")
]
_AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


@app.command("registry")
def bench_registry(
    wallets: _Wallets = 100_000,
    seconds: Annotated[float, typer.Option(min=1, help="Length of full load.")] = 30,
    used_ids: _UsedIds = 10_000_000,
    *,
    to_merchant: Annotated[
        bool, typer.Option("--to-merchant", help="One wallet receives every payment.")
    ] = False,
    as_json: _AsJson = False,
) -> None:
    """Signed orders, prepared beforehand, submitted to a registry as operators do."""
    bench = registry.RegistryBench(
        wallets=wallets, seconds=seconds, used_ids=used_ids, to_merchant=to_merchant
    )
    _show(asyncio.run(registry.run(bench, _progress)), as_json=as_json)


@app.command("gateway")
def bench_gateway(
    connections: Annotated[int, typer.Option(min=1, help="Connections in use at once.")] = 256,
    seconds: Annotated[float, typer.Option(min=1, help="Length of the load.")] = 20,
    wallets: _Wallets = 100_000,
    used_ids: _UsedIds = 1_000_000,
    *,
    as_json: _AsJson = False,
) -> None:
    """One signed order per HTTP request to an operator's gateway."""
    bench = gateway.GatewayBench(
        connections=connections, seconds=seconds, wallets=wallets, used_ids=used_ids
    )
    _show(asyncio.run(gateway.run(bench, _progress)), as_json=as_json)


@app.command("offline")
def bench_offline(
    payments: Annotated[int, typer.Option(min=100, help="Made without network.")] = 100_000,
    devices: Annotated[int, typer.Option(min=10, help="That pay one another.")] = 5_000,
    double_spends: Annotated[
        float, typer.Option(min=0, max=0.5, help="Share of payments that are spent twice.")
    ] = 0.01,
    *,
    as_json: _AsJson = False,
) -> None:
    """Logs of many devices, handed in shuffled and partly twice, with frauds to be found."""
    bench = offline.OfflineBench(payments=payments, devices=devices, double_spends=double_spends)
    _show(asyncio.run(offline.run(bench, _progress)), as_json=as_json)


def _progress(doing: str) -> None:
    _stderr.print(f"[dim]{doing} …[/dim]")


def _show(figures: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(figures))
        return
    for name, value in figures.items():
        typer.echo(f"{name:34} {value}")
