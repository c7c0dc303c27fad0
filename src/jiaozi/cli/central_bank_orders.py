"""`jiaozi central-bank fund`, `issue`, `destroy`, …: draw up an order for officers to approve.

Each writes one file, which is passed around: every signer adds a signature over the very same
bytes with `approve`, and `submit` sends it. It dies 24 hours after it was drawn up.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from jiaozi.central_bank.certification.approve import Approval, encode_approval
from jiaozi.central_bank.issuance.propose import Desk
from jiaozi.central_bank.rulebook.load import RulebookInvalid, read_rulebook, shipped
from jiaozi.cli.central_bank_approval import tell_approval
from jiaozi.cli.failures import failures_told
from jiaozi.cli.output import AsJson
from jiaozi.protocol.money import parse_yuan
from jiaozi.service.files import write_whole

Operator = Annotated[int, typer.Argument(metavar="OPERATOR", min=1, max=9999, help="Its code.")]
_Yuan = Annotated[str, typer.Argument(metavar="YUAN", help="An amount, such as 1000000.00.")]
Out = Annotated[Path, typer.Option("--out", help="The file to write; must be new.")]


def fund_command(
    operator: Operator,
    amount: _Yuan,
    out: Out,
    rtgs_reference: Annotated[
        str, typer.Option(help="Of the payment by which the operator paid in.")
    ],
    as_json: AsJson = False,
) -> None:
    """Draw up: credit an operator's reserve for what it paid in."""
    draw_up(
        lambda desk: desk.fund_reserve(operator, parse_yuan(amount), rtgs_reference), out, as_json
    )


def issue_command(operator: Operator, amount: _Yuan, out: Out, as_json: AsJson = False) -> None:
    """Draw up: issue money into an operator's vault against its reserve."""
    draw_up(lambda desk: desk.issue(operator, parse_yuan(amount)), out, as_json)


def destroy_command(operator: Operator, amount: _Yuan, out: Out, as_json: AsJson = False) -> None:
    """Draw up: destroy money of an operator's vault and credit its reserve."""
    draw_up(lambda desk: desk.destroy(operator, parse_yuan(amount)), out, as_json)


def quota_command(operator: Operator, amount: _Yuan, out: Out, as_json: AsJson = False) -> None:
    """Draw up: bound what an operator's vault may hold."""
    draw_up(lambda desk: desk.set_quota(operator, parse_yuan(amount)), out, as_json)


def rulebook_command(
    name: Annotated[str, typer.Argument(metavar="RULEBOOK", help="A shipped name, or a file.")],
    starts_at: Annotated[
        datetime, typer.Option("--from", help="When it begins to bind, in local time.")
    ],
    out: Out,
    as_json: AsJson = False,
) -> None:
    """Draw up: put a rulebook in force."""
    starts_at_ms = int(starts_at.timestamp() * 1000)
    draw_up(lambda desk: desk.put_in_force(rulebook_hash(name), starts_at_ms), out, as_json)


def certify_command(
    certificate: Annotated[Path, typer.Argument(help="A certificate that the root signed.")],
    out: Out,
    as_json: AsJson = False,
) -> None:
    """Draw up: make a certificate known to the registry."""
    draw_up(lambda desk: desk.certify(certificate.read_bytes()), out, as_json)


def revoke_command(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A public key in hexadecimal.")],
    out: Out,
    as_json: AsJson = False,
) -> None:
    """Draw up: end what a certified key may do."""
    draw_up(lambda desk: desk.revoke(bytes.fromhex(key)), out, as_json)


COMMANDS: Mapping[str, Callable[..., Any]] = {
    "fund": fund_command,
    "issue": issue_command,
    "destroy": destroy_command,
    "quota": quota_command,
    "rulebook": rulebook_command,
    "certify": certify_command,
    "revoke": revoke_command,
}


def rulebook_hash(name: str) -> bytes:
    """Return the hash of a shipped rulebook, or of the file of this name.

    Raises:
        BadParameter: The file is no rulebook.
        OSError: There is neither.
    """
    for each in shipped().values():
        if each.name == name:
            return each.hash
    try:
        return read_rulebook(Path(name).read_bytes()).hash
    except RulebookInvalid as error:
        raise typer.BadParameter(str(error)) from None


def draw_up(propose: Callable[[Desk], Approval], out: Path, as_json: bool) -> None:
    """Draw an order up into a new file and show it."""
    with failures_told(as_json=as_json):
        try:
            approval = propose(Desk(time.time_ns() // 1_000_000, secrets.token_bytes))
        except ValueError as error:
            raise typer.BadParameter(str(error)) from None
        write_whole(out, encode_approval(approval))
    tell_approval(approval, file=out, as_json=as_json)
