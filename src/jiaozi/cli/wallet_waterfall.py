"""`jiaozi wallet waterfall`: have what would be above the balance cap redeemed into a deposit."""

import asyncio
from typing import Annotated

import typer

from jiaozi.cli.output import AsJson
from jiaozi.cli.wallet_setup import failures_told, remind_of_open, setup_of, tell_standing
from jiaozi.wallet.life import redeem_excess
from jiaozi.wallet.model import JournaledOrder

app = typer.Typer(
    no_args_is_help=True, help="Have what would be above the balance cap redeemed into a deposit."
)


@app.command("on")
def on_command(
    context: typer.Context,
    deposit: Annotated[
        str, typer.Option("--deposit", help="Your deposit account at the operator.")
    ],
    as_json: AsJson = False,
) -> None:
    """Take payments above the balance cap: the excess goes into a deposit of yours."""
    _consent(context, deposit, as_json=as_json)


@app.command("off")
def off_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Have payments that would go above the balance cap refused again."""
    _consent(context, None, as_json=as_json)


def _consent(context: typer.Context, deposit_id: str | None, *, as_json: bool) -> None:
    async def act() -> JournaledOrder:
        async with setup_of(context).unlocked() as wallet:
            remind_of_open(wallet, as_json=as_json)
            return await redeem_excess(wallet, deposit_id=deposit_id)

    with failures_told(as_json=as_json):
        journaled = asyncio.run(act())
    order_id = journaled.order.order_id.hex()
    tell_standing(
        journaled.standing,
        facts={"order_id": order_id},
        labels={"Order": order_id},
        as_json=as_json,
    )
