"""`jiaozi wallet`: hold, pay, exchange and redeem digital yuan."""

from pathlib import Path
from typing import Annotated

import typer

from jiaozi.cli import (
    wallet_adopt,
    wallet_class,
    wallet_keys,
    wallet_life,
    wallet_mandate,
    wallet_offline,
    wallet_open,
    wallet_orders,
    wallet_payroll,
    wallet_pin,
    wallet_reading,
    wallet_rebind,
    wallet_receipt,
    wallet_request,
    wallet_signatory,
    wallet_statement,
    wallet_sub,
    wallet_watch,
    wallet_waterfall,
)
from jiaozi.cli.output import add_commands
from jiaozi.cli.wallet_setup import Setup
from jiaozi.wallet.transport import Patience

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Hold, pay, exchange and redeem digital yuan.",
)
wallet_life.mandate_app.command("key")(wallet_mandate.key_command)
wallet_life.mandate_app.command("pay")(wallet_mandate.pay_command)
add_commands(
    app,
    {
        "Money": {
            "open": wallet_open.open_command,
            "exchange": wallet_orders.exchange_command,
            "pay": wallet_orders.pay_command,
            "request": wallet_request.request_command,
            "requests": wallet_request.requests_command,
            "return": wallet_request.return_command,
            "pay-file": wallet_payroll.pay_file_command,
            "redeem": wallet_orders.redeem_command,
            "waterfall": wallet_waterfall.app,
            "resume": wallet_orders.resume_command,
            "offline": wallet_offline.app,
        },
        "Look": {
            "balance": wallet_reading.balance_command,
            "history": wallet_reading.history_command,
            "watch": wallet_watch.watch_command,
            "sums": wallet_reading.sums_command,
            "statement": wallet_statement.statement_command,
            "receipt": wallet_receipt.app,
            "deposits": wallet_reading.deposits_command,
            "info": wallet_reading.info_command,
            "view": wallet_life.view_command,
        },
        "Keep safe": {
            "pin": wallet_pin.app,
            "limits": wallet_life.limits_app,
            "freeze": wallet_life.freeze_command,
            "unfreeze": wallet_life.unfreeze_command,
            "rebind": wallet_rebind.app,
            "adopt": wallet_adopt.adopt_command,
            "export-keys": wallet_keys.export_command,
            "import-keys": wallet_keys.import_command,
        },
        "The wallet itself": {
            "upgrade": wallet_class.upgrade_command,
            "downgrade": wallet_class.downgrade_command,
            "close": wallet_life.close_command,
            "sub-wallet": wallet_sub.app,
            "mandate": wallet_life.mandate_app,
            "signatory": wallet_signatory.app,
        },
    },
)


@app.callback()
def set_up(
    context: typer.Context,
    directory: Annotated[
        Path | None,
        typer.Option("--dir", envvar="JIAOZI_WALLET", help="The wallet's own directory."),
    ] = None,
    passphrase_file: Annotated[
        Path | None,
        typer.Option(
            "--passphrase-file",
            envvar="JIAOZI_WALLET_PASSPHRASE_FILE",
            help="Read the passphrase from a file instead of asking for it.",
        ),
    ] = None,
    timeout_s: Annotated[
        float,
        typer.Option("--timeout", min=0.1, help="Seconds to try for a definite answer."),
    ] = Patience().total_s,
) -> None:
    """Keep the options that all commands share."""
    context.obj = Setup(
        directory=directory or Path(typer.get_app_dir("jiaozi")) / "wallet",
        passphrase_file=passphrase_file,
        patience=Patience(total_s=timeout_s),
    )
