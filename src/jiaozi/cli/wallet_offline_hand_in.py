"""`jiaozi wallet offline hand-in`: a payment that somebody else could not hand in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

import httpx
import typer

from jiaozi.cli.arguments import address_of
from jiaozi.cli.offline_messages import read_message
from jiaozi.cli.output import (
    AsJson,
    ExitCode,
    print_facts,
    print_json,
    refusal_document,
    refusal_sentence,
    stdout,
    yuan,
)
from jiaozi.cli.wallet_offline_desk import STATES
from jiaozi.cli.wallet_setup import Setup, failures_told, setup_of
from jiaozi.protocol.numbers import AccountNumber, format_number
from jiaozi.protocol.offline.messages import Payment, payment_of, split_message
from jiaozi.protocol.refusals import refusal_of
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.offline.desk import Handed, HandedState, bring
from jiaozi.wallet.offline.frames import MessageKind
from jiaozi.wallet.transport import Transport

_EXITS = {HandedState.SETTLED: ExitCode.DONE, HandedState.RETURNED: ExitCode.REFUSED}


def hand_in_command(
    context: typer.Context,
    payment: Annotated[
        list[str],
        typer.Argument(
            metavar="PAYMENT...",
            help="Its text, a text file, or pictures of its codes in any order.",
        ),
    ],
    operator: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="At this operator's desk; no wallet is needed. Else at your own."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Hand a payment in for whoever it belongs to, say of somebody whose device broke.

    It is settled for its payee, whoever brings it and however often. Nothing else moves.
    """
    setup = setup_of(context)

    async def go(paid: bytes) -> Handed:
        async with _client_of(setup, operator) as client:
            return await bring(client, paid, SYSTEM_EDGE)

    with failures_told(as_json=as_json):
        paid = read_message(payment, MessageKind.PAYMENT)
        said = payment_of(split_message(paid, "payment")[0])
        handed = asyncio.run(go(paid))
    _tell(said, handed, as_json=as_json)
    raise typer.Exit(_EXITS.get(handed.state, ExitCode.UNKNOWN))


@asynccontextmanager
async def _client_of(setup: Setup, operator: str | None) -> AsyncIterator[OperatorClient]:
    """Go to the desk at an address, or to the one of the wallet's operator."""
    if operator is None:
        async with setup.unlocked() as wallet:
            yield wallet.client
        return
    url = address_of(operator, "--operator")
    no_limit = httpx.Timeout(None)  # Patience bounds it
    async with httpx.AsyncClient(timeout=no_limit, trust_env=False) as http:
        yield OperatorClient(Transport(http, url, edge=SYSTEM_EDGE, patience=setup.patience))


def _tell(said: Payment, handed: Handed, *, as_json: bool) -> None:
    refusal = None if handed.outcome is None else refusal_of(handed.outcome)
    if as_json:
        print_json(
            {
                "amount_fen": said.amount_fen,
                "state": handed.state.name.lower(),
                "payer": handed.device.hex(),
                "counter": handed.counter,
                "payee": None if said.payee is None else said.payee.hex(),
                "refusal": None if refusal is None else refusal_document(refusal),
            }
        )
        return
    stdout.print(f"{yuan(said.amount_fen)} yuan: {STATES[handed.state]}.")
    print_facts(
        {
            "Payer": handed.device.hex(),
            "Payee": None if said.payee is None else said.payee.hex(),
            "Wallet": None if said.wallet is None else format_number(AccountNumber(said.wallet)),
            "Reason": None if refusal is None else refusal_sentence(refusal),
        }
    )
