"""`jiaozi wallet mandate key` and `pay`: what a platform does with a mandate that it was given."""

import asyncio
from pathlib import Path
from typing import Annotated

import httpx
import typer

from jiaozi.cli.arguments import Yuan, address_of, amount_of, hexadecimal, number_of
from jiaozi.cli.output import AsJson, print_facts, print_json, yuan
from jiaozi.cli.wallet_setup import Setup, failures_told, setup_of, tell_standing
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.keystore import Keystore, read_keystore, write_keystore
from jiaozi.wallet.mandate import MandatePayment, order_in_file, send_mandate_payment
from jiaozi.wallet.model import Standing
from jiaozi.wallet.open import learn_network, new_keystore
from jiaozi.wallet.transport import Transport

_KeyFile = Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="The key's.")]
_OrderFile = Annotated[
    Path,
    typer.Option(
        "--order",
        dir_okay=False,
        help="The order is written here before it is sent; the same file again pays once.",
    ),
]


def key_command(
    context: typer.Context,
    file: _KeyFile,
    operator_url: Annotated[
        str,
        typer.Option("--operator", envvar="JIAOZI_OPERATOR_URL", help="The payers' operator."),
    ],
    as_json: AsJson = False,
) -> None:
    """Make a platform's key in a new sealed file; payers give their mandates to its public half."""
    url = address_of(operator_url, "--operator")
    with failures_told(as_json=as_json):
        public_key = asyncio.run(_make(setup_of(context), file, url)).public.public_key.hex()
    if as_json:
        print_json({"public_key": public_key, "file": str(file)})
    else:
        print_facts({"Public key": public_key, "File": str(file)})


def pay_command(
    context: typer.Context,
    file: _KeyFile,
    amount: Yuan,
    order_file: _OrderFile,
    mandate: Annotated[str, typer.Option(help="As the payer was told when giving it.")],
    payer: Annotated[str, typer.Option(metavar="WALLET", help="Who gave it.")],
    payee: Annotated[str, typer.Option(metavar="WALLET", help="The one that it names.")],
    as_json: AsJson = False,
) -> None:
    """Pay by a mandate, with the platform's key alone, through the payer's operator."""
    payment = MandatePayment(
        mandate=hexadecimal(mandate, 16, "--mandate"),
        payer=number_of(payer),
        payee=number_of(payee),
        amount_fen=amount_of(amount),
    )
    with failures_told(as_json=as_json):
        try:
            order_id, standing = asyncio.run(_pay(setup_of(context), file, order_file, payment))
        except OSError as error:
            raise typer.BadParameter(str(error), param_hint="--order") from error
    tell_standing(
        standing,
        facts={"order_id": order_id, "amount_fen": payment.amount_fen},
        labels={"Order": order_id, "Amount": f"{yuan(payment.amount_fen)} yuan"},
        as_json=as_json,
    )


async def _make(setup: Setup, file: Path, url: str) -> Keystore:
    passphrase = setup.passphrase(is_new=True)
    async with httpx.AsyncClient(timeout=httpx.Timeout(None), trust_env=False) as http:
        network = await learn_network(_client(setup, http, url), expected=None)
    keystore = new_keystore(url, network, SYSTEM_EDGE)
    write_keystore(file, keystore, passphrase, random=SYSTEM_EDGE.random)
    return keystore


async def _pay(
    setup: Setup, file: Path, order_file: Path, payment: MandatePayment
) -> tuple[str, Standing]:
    keystore = read_keystore(file, setup.passphrase())
    order = order_in_file(order_file, keystore, payment, SYSTEM_EDGE)
    async with httpx.AsyncClient(timeout=httpx.Timeout(None), trust_env=False) as http:
        client = _client(setup, http, keystore.public.operator_url)
        return order.id.hex(), await send_mandate_payment(client, order)


def _client(setup: Setup, http: httpx.AsyncClient, url: str) -> OperatorClient:
    return OperatorClient(Transport(http, url, edge=SYSTEM_EDGE, patience=setup.patience))
