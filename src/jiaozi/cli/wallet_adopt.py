"""`jiaozi wallet adopt`: go on at the operator that carries a failed one's wallets."""

import asyncio
from typing import Annotated, Any

import httpx
import typer

from jiaozi.cli.arguments import address_of
from jiaozi.cli.output import AsJson, print_json, stdout
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
    Shown,
    evidence_for,
)
from jiaozi.cli.wallet_open import registration_for
from jiaozi.cli.wallet_setup import Setup, failures_told, setup_of
from jiaozi.protocol.numbers import format_number
from jiaozi.wallet.adopt import adopt
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.keystore import WalletPublic, read_keystore, write_keystore
from jiaozi.wallet.transport import Transport
from jiaozi.wallet.wallet import keystore_path


def adopt_command(
    context: typer.Context,
    operator_url: Annotated[
        str, typer.Option("--operator", help="The address of the operator that carries it now.")
    ],
    phone: Annotated[str, typer.Option(help="With country code, such as +8613800138000.")],
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
    """Go on at another operator after the wallet's own has failed; number, key and money stay."""
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
        public = asyncio.run(_adopt(setup_of(context), url, phone, evidence))
    assert public.number is not None
    if as_json:
        carrier = f"{public.carrier:04d}"
        print_json(
            {"number": format_number(public.number), "carrier": carrier, "operator_url": url}
        )
    else:
        stdout.print(f"[bold green]The wallet goes on[/bold green] at {url}.")


async def _adopt(setup: Setup, url: str, phone: str, evidence: dict[str, Any]) -> WalletPublic:
    path, passphrase = keystore_path(setup.directory), setup.passphrase()
    keystore = read_keystore(path, passphrase)
    async with httpx.AsyncClient(timeout=httpx.Timeout(None), trust_env=False) as http:
        client = OperatorClient(Transport(http, url, edge=SYSTEM_EDGE, patience=setup.patience))
        registration, code = await registration_for(client, phone)
        carried = await adopt(client, url, keystore, registration, code, evidence)
    write_keystore(path, carried, passphrase, random=SYSTEM_EDGE.random, replace=True)
    return carried.public
