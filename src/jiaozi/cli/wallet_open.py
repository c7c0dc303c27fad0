"""`jiaozi wallet open`: a key, a code, a wallet."""

import asyncio
import sys
from dataclasses import dataclass, replace
from typing import Annotated

import httpx
import typer

from jiaozi.cli.arguments import address_of, network_id_of
from jiaozi.cli.output import AsJson, print_facts, print_json, stderr, stdout
from jiaozi.cli.wallet_evidence import (
    DEFAULT_DOCUMENT,
    Branch,
    Clerk,
    DepositId,
    DocumentCountry,
    DocumentNumber,
    DocumentType,
    Name,
    Shown,
    evidence_for,
)
from jiaozi.cli.wallet_setup import Setup, failures_told, setup_of
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.order_types import Holder
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.errors import CodeMissing, KeystoreExists, NetworkDiffers
from jiaozi.wallet.keystore import Keystore, WalletPublic, read_keystore, write_keystore
from jiaozi.wallet.open import (
    Registration,
    Terms,
    learn_network,
    new_keystore,
    open_wallet,
    opening_body,
    request_code,
)
from jiaozi.wallet.store import Journal
from jiaozi.wallet.transport import Transport
from jiaozi.wallet.wallet import journal_path, keystore_path

_Option = typer.Option


@dataclass(frozen=True, slots=True, kw_only=True)
class _Request:
    """What the command was asked for."""

    operator_url: str
    network: NetworkId | None
    phone: str
    terms: Terms
    registration_id: str | None
    code: str | None


def open_command(
    context: typer.Context,
    operator_url: Annotated[
        str, _Option("--operator", envvar="JIAOZI_OPERATOR_URL", help="The operator's address.")
    ],
    phone: Annotated[str, _Option(help="With country code, such as +8613800138000.")],
    wallet_class: Annotated[
        int, _Option("--class", min=1, max=4, help="4 takes a phone alone; lower ones take more.")
    ] = 4,
    is_corporate: Annotated[bool, _Option("--corporate", help="A company's wallet.")] = False,
    document_type: DocumentType = DEFAULT_DOCUMENT,
    document_number: DocumentNumber = None,
    document_country: DocumentCountry = None,
    name: Name = None,
    deposit_id: DepositId = None,
    branch: Branch = None,
    clerk: Clerk = None,
    registration_id: Annotated[
        str | None, _Option("--registration", help="Whose code you have already.")
    ] = None,
    code: Annotated[str | None, _Option(help="The code that came to the phone.")] = None,
    network_id: Annotated[
        str | None, _Option(help="The network's id, learnt by another way, to be compared.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Open a wallet at an operator; after a crash, run it again to go on."""
    shown = Shown(
        document_type=document_type,
        document_number=document_number,
        document_country=document_country,
        name=name,
        deposit_id=deposit_id,
        branch=branch,
        clerk=clerk,
    )
    evidence = evidence_for(wallet_class, shown, needs_document=is_corporate)
    holder = Holder.CORPORATE if is_corporate else Holder.PERSONAL
    request = _Request(
        operator_url=address_of(operator_url, "--operator"),
        network=None if network_id is None else network_id_of(network_id, "--network-id"),
        phone=phone,
        terms=Terms(wallet_class=wallet_class, holder=holder, evidence=evidence),
        registration_id=registration_id,
        code=code,
    )
    with failures_told(as_json=as_json):
        public = asyncio.run(_open(setup_of(context), request))
    _tell(public, as_json=as_json)


async def _open(setup: Setup, request: _Request) -> WalletPublic:
    path = keystore_path(setup.directory)
    is_new = not path.exists()
    passphrase = setup.passphrase(is_new=is_new)
    found = None if is_new else read_keystore(path, passphrase)
    if found is not None and found.public.number is not None:
        raise KeystoreExists(detail=f"Wallet {format_number(found.public.number)} is at {path}")
    no_limit = httpx.Timeout(None)  # Patience bounds it
    async with httpx.AsyncClient(timeout=no_limit, trust_env=False) as http:
        transport = Transport(http, request.operator_url, edge=SYSTEM_EDGE, patience=setup.patience)
        client = OperatorClient(transport)
        network = await learn_network(client, expected=request.network)
        keystore = _keystore(found, request, network)
        if keystore.opening is None:
            registration, code = await _registration(client, request)
            body = opening_body(keystore, registration, code, request.terms)
            keystore = replace(keystore, opening=body)
        write_keystore(path, keystore, passphrase, random=SYSTEM_EDGE.random, replace=not is_new)
        Journal(journal_path(setup.directory)).close()
        return await open_wallet(client, keystore, setup.directory, passphrase, SYSTEM_EDGE)


def _keystore(found: Keystore | None, request: _Request, network: Network) -> Keystore:
    """Return the keystore of an opening that was begun before, or a new one."""
    if found is None:
        return new_keystore(request.operator_url, network, SYSTEM_EDGE)
    if found.public.network != network.id:
        raise NetworkDiffers(
            detail=f"This opening was begun in network {found.public.network.hex()}"
        )
    return replace(found, public=replace(found.public, operator_url=request.operator_url))


async def _registration(client: OperatorClient, request: _Request) -> tuple[Registration, str]:
    """Return a registration with its code: the given ones, or new ones."""
    if request.registration_id is not None and request.code is not None:
        return Registration(registration_id=request.registration_id, demo_code=None), request.code
    return await registration_for(client, request.phone)


async def registration_for(client: OperatorClient, phone: str) -> tuple[Registration, str]:
    """Have a code sent to a phone, and ask whoever sits at the terminal for it.

    Raises:
        CodeMissing: Nobody does.
    """
    registration = await request_code(client, phone)
    if registration.demo_code is not None:
        stderr.print("This operator is in demo mode: it told the code itself.")
        return registration, registration.demo_code
    if not sys.stdin.isatty():
        raise CodeMissing(
            detail=f"A code went to {phone}, registration {registration.registration_id}"
        )
    return registration, str(typer.prompt(f"Code sent to {phone}", err=True))


def _tell(public: WalletPublic, *, as_json: bool) -> None:
    assert public.number is not None
    number, network = format_number(public.number), public.network.hex()
    if as_json:
        print_json({"number": number, "network_id": network, "operator_url": public.operator_url})
        return
    stdout.print("[bold green]The wallet is open.[/bold green]")
    print_facts({"Wallet": number, "Operator": public.operator_url, "Network": network})
    stdout.print(
        "Back up the keystore file and keep the passphrase: without both, nobody can spend.",
    )
