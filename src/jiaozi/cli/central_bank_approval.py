"""`jiaozi central-bank show`, `approve`, `submit`: an order passed around, signed, sent."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from jiaozi.central_bank.certification.approve import (
    AlreadySigned,
    Approval,
    encode_approval,
    order_of,
    read_approval,
    sign_approval,
    submission_of,
)
from jiaozi.central_bank.issuance.issue import Dead, destroy, issue
from jiaozi.central_bank.issuance.reserve_system import BuiltInReserves
from jiaozi.central_bank.issuance.send import Sender
from jiaozi.cli.failures import PassphraseFile, failures_told, misfit_told, passphrase
from jiaozi.cli.output import (
    AsJson,
    ExitCode,
    fail,
    fail_refused,
    local_time,
    print_facts,
    print_json,
    stdout,
    yuan,
)
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.numbers import (
    ISSUANCE,
    SETTLEMENT,
    AccountNumber,
    format_number,
    operator_of,
    reserve_of,
    vault_of,
)
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Outcome, refusal_of
from jiaozi.protocol.suites import Signer
from jiaozi.service.files import write_whole
from jiaozi.service.key_locations import open_key

_File = Annotated[Path, typer.Argument(metavar="ORDER", help="The file that is passed around.")]
_Network = Annotated[
    Path,
    typer.Option(envvar="JIAOZI_NETWORK", help="The ceremony's directory, for its network id."),
]
_Key = Annotated[
    str,
    typer.Option(
        "--key",
        metavar="FILE|PKCS11-URI",
        help="The signer's key: officer.key, or pkcs11:token=LABEL;object=officer?module-path=...",
    ),
]


def show_command(file: _File, network: _Network, as_json: AsJson = False) -> None:
    """Show what an order says and who has signed it."""
    with failures_told(as_json=as_json):
        approval = _read(file, _network_id(network), as_json=as_json)
    tell_approval(approval, file=file, as_json=as_json)


def approve_command(
    file: _File,
    network: _Network,
    key: _Key,
    is_sure: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Sign an order: officers with their own key, an operator with its vault key."""
    network_id = _network_id(network)
    with failures_told(as_json=as_json):
        approval = _read(file, network_id, as_json=as_json)
        if not is_sure:
            tell_approval(approval, file=file, as_json=False)
            typer.confirm("Sign this order?", abort=True, err=True)
        try:
            signed = sign_approval(approval, _signer(key, passphrase_file), network_id)
        except AlreadySigned as error:
            fail(
                "already_signed",
                str(error).rstrip("."),
                "Nothing was changed",
                exit_code=ExitCode.USAGE,
                as_json=as_json,
            )
        write_whole(file, encode_approval(signed), replace=True)
    tell_approval(signed, file=file, as_json=as_json)


def submit_command(
    file: _File,
    network: _Network,
    key: _Key,
    registry: Annotated[
        str, typer.Option(envvar="JIAOZI_REGISTRY_URL", help="The registry's address.")
    ] = "http://127.0.0.1:10240",
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Send an order that all have signed; the same file may be sent again and acts once."""
    network_id = _network_id(network)
    with failures_told(as_json=as_json):
        approval = _read(file, network_id, as_json=as_json)
        officer = _signer(key, passphrase_file)
        outcome = asyncio.run(_submit(approval, network_id, officer, registry))
    if outcome is Dead.DEAD:
        fail(
            "dead",
            "The order expired before the registry took it",
            "Nothing moved, and nothing can move any more: draw it up again",
            exit_code=ExitCode.REFUSED,
            as_json=as_json,
        )
    assert not isinstance(outcome, Dead)
    refusal = refusal_of(outcome)
    if refusal is not None:
        fail_refused(refusal, as_json=as_json)
    if as_json:
        print_json({"state": "settled", **_document(approval)})
    else:
        stdout.print("[bold green]Settled.[/bold green]")
        print_facts(_facts(approval))


def tell_approval(approval: Approval, *, file: Path, as_json: bool) -> None:
    """Print what an order says and who has signed it."""
    if as_json:
        print_json({"file": str(file), **_document(approval)})
        return
    keys = [each.key.hex() for each in approval.signatures]
    print_facts(
        {
            **_facts(approval),
            "Signed by": "\n".join(keys) if keys else "nobody yet",
            "File": str(file),
        }
    )


async def _submit(
    approval: Approval, network: NetworkId, officer: Signer, registry: str
) -> Outcome | Dead:
    async with httpx.AsyncClient(base_url=registry, trust_env=False) as http:
        settle = Sender(http=http, network=network, officer=officer).settle
        match order_of(approval).type:
            case OrderType.ISSUE:
                return await issue(approval, reserves=BuiltInReserves(), settle=settle)
            case OrderType.DESTROY:
                return await destroy(approval, reserves=BuiltInReserves(), settle=settle)
            case _:
                return await settle(submission_of(approval))


def _facts(approval: Approval) -> dict[str, str]:
    order = order_of(approval)
    facts = {"Order": order.type.name.lower().replace("_", " "), "Id": order.id.hex()}
    for leg in order.legs:
        facts["From"], facts["To"] = _account(leg.debit), _account(leg.credit)
        facts["Amount"] = f"{yuan(leg.amount)} yuan"
    facts |= {
        name.replace("_", " ").capitalize(): _shown(name, value)
        for name, value in order.body.items()
    }
    return {**facts, "Dies": local_time(order.expires_ms)}


def _account(number: AccountNumber) -> str:
    operator = operator_of(number)
    names = {
        vault_of(operator): f"vault of {operator:04d}",
        reserve_of(operator): f"reserve of {operator:04d}",
        ISSUANCE: "issuance",
        SETTLEMENT: "settlement",
    }
    return f"{format_number(number)}  {names.get(number, '')}".rstrip()


def _document(approval: Approval) -> dict[str, Any]:
    order = order_of(approval)
    legs = [
        {
            "from": format_number(leg.debit),
            "to": format_number(leg.credit),
            "amount_fen": leg.amount,
        }
        for leg in order.legs
    ]
    body = {
        name: value.hex() if isinstance(value, bytes) else value
        for name, value in order.body.items()
    }
    return {
        "order": order.type.name.lower(),
        "order_id": order.id.hex(),
        "legs": legs,
        "body": body,
        "expires_ms": order.expires_ms,
        "signed_by": [each.key.hex() for each in approval.signatures],
    }


def _shown(name: str, value: bytes | int) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if name.endswith("_fen"):
        return f"{yuan(value)} yuan"
    return local_time(value) if name.endswith("_ms") else str(value)


def _read(file: Path, network: NetworkId, *, as_json: bool) -> Approval:
    data = file.read_bytes()
    with misfit_told(file, "an order that was drawn up for this network", as_json=as_json):
        return read_approval(data, network)


def _network_id(directory: Path) -> NetworkId:
    file = directory / "network-id"
    with failures_told():
        try:
            return NetworkId(bytes.fromhex(file.read_text("ascii")))
        except ValueError:
            raise typer.BadParameter(f"{file} holds no network id") from None


def _signer(key: str, passphrase_file: Path | None) -> Signer:
    return open_key(key, lambda: passphrase(passphrase_file, prompt=f"Passphrase of {key}"))
