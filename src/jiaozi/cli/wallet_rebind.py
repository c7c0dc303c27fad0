"""`jiaozi wallet rebind`: a new key for a wallet whose old one is lost."""

import asyncio
from dataclasses import replace
from typing import Annotated, Any

import httpx
import typer

from jiaozi.cli.arguments import address_of, number_of
from jiaozi.cli.output import AsJson, local_time, print_facts, print_json, stdout
from jiaozi.cli.wallet_evidence import (
    DEFAULT_DOCUMENT,
    Branch,
    Clerk,
    DepositId,
    DocumentCountry,
    DocumentNumber,
    DocumentType,
    Name,
    OwnClass,
    OwnPhone,
    Shown,
    evidence_for,
)
from jiaozi.cli.wallet_life import order_command
from jiaozi.cli.wallet_open import registration_for
from jiaozi.cli.wallet_setup import Setup, failures_told, setup_of
from jiaozi.protocol.numbers import AccountNumber, format_number
from jiaozi.protocol.order_types import OrderType
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.errors import KeystoreExists
from jiaozi.wallet.keystore import Keystore, read_keystore, write_keystore
from jiaozi.wallet.open import learn_network, new_keystore
from jiaozi.wallet.rebind import ask_for_new_key, rebound
from jiaozi.wallet.store import Journal
from jiaozi.wallet.transport import Transport
from jiaozi.wallet.wallet import journal_path, keystore_path, wallet_of

app = typer.Typer(no_args_is_help=True, help="Replace a lost key, or object to it.")
_Number = Annotated[str, typer.Argument(metavar="WALLET", help="Whose key is lost.")]


@app.command("start")
def start_command(
    context: typer.Context,
    number: _Number,
    operator_url: Annotated[
        str,
        typer.Option("--operator", envvar="JIAOZI_OPERATOR_URL", help="The operator's address."),
    ],
    phone: OwnPhone,
    wallet_class: OwnClass = 4,
    document_type: DocumentType = DEFAULT_DOCUMENT,
    document_number: DocumentNumber = None,
    document_country: DocumentCountry = None,
    name: Name = None,
    deposit_id: DepositId = None,
    branch: Branch = None,
    clerk: Clerk = None,
    as_json: AsJson = False,
) -> None:
    """Ask for a new key, made in a new wallet directory; debits are frozen until it is decided."""
    shown = Shown(
        document_type=document_type,
        document_number=document_number,
        document_country=document_country,
        name=name,
        deposit_id=deposit_id,
        branch=branch,
        clerk=clerk,
    )
    evidence = evidence_for(wallet_class, shown)
    url = address_of(operator_url, "--operator")
    with failures_told(as_json=as_json):
        told = asyncio.run(_start(setup_of(context), number_of(number), url, phone, evidence))
    if as_json:
        print_json(told)
        return
    completes_ms = told["completes_ms"]
    print_facts(
        {
            "State": told["state"],
            "Not before": None if completes_ms is None else local_time(completes_ms),
        }
    )
    stdout.print("When the wait is over, `jiaozi wallet rebind finish` takes the wallet over.")


@app.command("finish")
def finish_command(context: typer.Context, number: _Number, as_json: AsJson = False) -> None:
    """Take the wallet over once the new key is bound; before that, say that it is not."""
    with failures_told(as_json=as_json):
        asyncio.run(_finish(setup_of(context), number_of(number)))
    if as_json:
        print_json({"number": number, "is_bound": True})
    else:
        stdout.print("[bold green]The wallet is this key's now.[/bold green]")


@app.command("object")
def object_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Object, with the old key, to a new one that somebody asked for."""
    order_command(context, OrderType.REBIND_OBJECT, {}, {}, as_json=as_json)


async def _start(
    setup: Setup, number: AccountNumber, url: str, phone: str, evidence: dict[str, Any]
) -> dict[str, Any]:
    path = keystore_path(setup.directory)
    is_new = not path.exists()
    passphrase = setup.passphrase(is_new=is_new)
    async with httpx.AsyncClient(timeout=httpx.Timeout(None), trust_env=False) as http:
        client = OperatorClient(Transport(http, url, edge=SYSTEM_EDGE, patience=setup.patience))
        if is_new:
            network = await learn_network(client, expected=None)
            keystore = new_keystore(url, network, SYSTEM_EDGE)
            write_keystore(path, keystore, passphrase, random=SYSTEM_EDGE.random)
        else:
            keystore = read_keystore(path, passphrase)
        _check_free(setup, keystore, None)
        registration, code = await registration_for(client, phone)
        return await ask_for_new_key(client, number, keystore, registration, code, evidence)


async def _finish(setup: Setup, number: AccountNumber) -> None:
    """Ask the operator as the wallet with the new key; only its answer puts the number down."""
    path, passphrase = keystore_path(setup.directory), setup.passphrase()
    found = read_keystore(path, passphrase)
    _check_free(setup, found, number)
    keystore = rebound(replace(found, opening=None), number)
    with Journal(journal_path(setup.directory)) as journal:
        async with httpx.AsyncClient(timeout=httpx.Timeout(None), trust_env=False) as http:
            wallet = wallet_of(keystore, journal, http, patience=setup.patience)
            await wallet.client.wallet()
    write_keystore(path, keystore, passphrase, random=SYSTEM_EDGE.random, replace=True)


def _check_free(setup: Setup, keystore: Keystore, number: AccountNumber | None) -> None:
    held = keystore.public.number
    if held not in (None, number):
        path = keystore_path(setup.directory)
        raise KeystoreExists(detail=f"Wallet {format_number(held)} is at {path}")
