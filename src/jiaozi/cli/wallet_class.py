"""`jiaozi wallet upgrade` and `downgrade`: another class for an open wallet."""

import asyncio
from typing import Annotated, Any

import typer

from jiaozi.cli.output import (
    AsJson,
    ExitCode,
    print_facts,
    print_json,
    refusal_document,
    refusal_sentence,
    stdout,
)
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
from jiaozi.cli.wallet_setup import failures_told, setup_of
from jiaozi.wallet.identity import ClassChange, ClassState, set_class

_SENTENCES = {
    ClassState.SETTLED: "[bold green]Settled.[/bold green]",
    ClassState.REFUSED: "[bold red]Refused.[/bold red] The class is as it was.",
    ClassState.OPEN: (
        "[bold yellow]Not settled yet.[/bold yellow] The operator goes on by itself: "
        "run the same command again to learn the outcome."
    ),
}
_EXITS = {
    ClassState.SETTLED: ExitCode.DONE,
    ClassState.REFUSED: ExitCode.REFUSED,
    ClassState.OPEN: ExitCode.UNKNOWN,
}


def upgrade_command(
    context: typer.Context,
    wallet_class: Annotated[int, typer.Option("--class", min=1, max=3, help="The higher class.")],
    document_type: DocumentType = DEFAULT_DOCUMENT,
    document_number: DocumentNumber = None,
    document_country: DocumentCountry = None,
    name: Name = None,
    deposit_id: DepositId = None,
    branch: Branch = None,
    clerk: Clerk = None,
    as_json: AsJson = False,
) -> None:
    """Give the wallet a higher class by showing its evidence."""
    shown = Shown(
        document_type=document_type,
        document_number=document_number,
        document_country=document_country,
        name=name,
        deposit_id=deposit_id,
        branch=branch,
        clerk=clerk,
    )
    _set(context, wallet_class, evidence_for(wallet_class, shown), as_json=as_json)


def downgrade_command(
    context: typer.Context,
    wallet_class: Annotated[
        int, typer.Option("--class", min=2, max=4, help="The lower class; what is held stays.")
    ] = 4,
    as_json: AsJson = False,
) -> None:
    """Give the wallet a lower class; its caps are lower from then on."""
    _set(context, wallet_class, {}, as_json=as_json)


def _set(
    context: typer.Context, wallet_class: int, evidence: dict[str, Any], *, as_json: bool
) -> None:
    async def ask() -> ClassChange:
        async with setup_of(context).unlocked() as wallet:
            return await set_class(wallet, wallet_class, evidence)

    with failures_told(as_json=as_json):
        change = asyncio.run(ask())
    refusal = change.refusal
    if as_json:
        print_json(
            {
                "state": change.state.value,
                "wallet_class": change.wallet_class,
                "refusal": None if refusal is None else refusal_document(refusal),
            }
        )
    else:
        stdout.print(_SENTENCES[change.state])
        reason = None if refusal is None else refusal_sentence(refusal)
        print_facts({"Class": str(change.wallet_class), "Reason": reason})
    raise typer.Exit(_EXITS[change.state])
