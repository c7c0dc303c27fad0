"""`jiaozi statement verify`: check the code on a statement, as an office does."""

from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from jiaozi.cli.output import (
    AsJson,
    ExitCode,
    fail,
    local_time,
    print_facts,
    print_json,
    refusal_sentence,
    stdout,
    yuan,
)
from jiaozi.protocol.certify_keys import CertifyKeys, read_document
from jiaozi.protocol.genesis import GENESIS_BYTES_MAX, Network, read_genesis
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.protocol.statement_code import (
    StatementCode,
    read_code,
    read_operators_code,
    signing_key,
)

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Check statements of wallets.")

_ENTRY = b"entry,"


@app.callback()
def _describe() -> None:
    """Check statements of wallets."""


@app.command("verify")
def verify_command(
    code: Annotated[str, typer.Argument(help="The verification code, as it stands there.")],
    genesis: Annotated[
        Path,
        typer.Option(exists=True, dir_okay=False, help="The network's genesis document."),
    ],
    network_id: Annotated[
        str | None, typer.Option(help="The network's id, learnt by another way, to be compared.")
    ] = None,
    certificates: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="The central bank's list of keys, for an operator that changed its own: "
            "curl CENTRAL-BANK/v1/certificates",
        ),
    ] = None,
    certify_key: Annotated[
        str | None,
        typer.Option(help="The operator's certify key of that time, learnt by another way."),
    ] = None,
    csv_file: Annotated[
        Path | None,
        typer.Option(
            "--csv", exists=True, dir_okay=False, help="The statement's CSV form: proves entries."
        ),
    ] = None,
    holder: Annotated[str | None, typer.Option(help="The name on it, to be compared.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check a statement's code without asking anyone, and tell what the operator signed.

    The code proves period, balances and sums; with --csv also that no entry was changed.
    """
    try:
        network = _network(genesis, network_id)
        stated = _read(code, network, certificates, certify_key)
    except Refusal as refusal:
        _refuse(f"This code proves nothing: {refusal_sentence(refusal)}", as_json=as_json)
    if holder is not None and not stated.names(holder):
        _refuse("The statement does not bear this name", as_json=as_json)
    if csv_file is not None and _digest(csv_file) != stated.digest:
        _refuse(f"{csv_file} has other entries than those that were signed", as_json=as_json)
    _tell(stated, has_entries=csv_file is not None, holder=holder, as_json=as_json)


def _network(genesis: Path, network_id: str | None) -> Network:
    with genesis.open("rb") as opened:
        network = read_genesis(opened.read(GENESIS_BYTES_MAX + 1))
    if network_id not in (None, network.id.hex()):
        raise typer.BadParameter("the genesis is of another network", param_hint="--genesis")
    return network


def _read(
    code: str, network: Network, certificates: Path | None, certify_key: str | None
) -> StatementCode:
    """Read a code that must be signed by the key that is given, or by a certified one.

    Raises:
        Refusal: What is wrong with the code, its key or the list of keys.
    """
    if certify_key is not None:
        try:
            return read_code(code, key=bytes.fromhex(certify_key), network=network.id)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--certify-key") from error
    keys = CertifyKeys.of_network(network)
    if certificates is not None:
        keys = read_document(certificates.read_bytes(), network)
    named = signing_key(code)
    if not any(key == named for _, key in keys.spans):
        raise refuse(Code.CERTIFICATE_UNKNOWN)
    return read_operators_code(code, keys=keys, network=network.id)


def _digest(file: Path) -> bytes:
    """Return the digest over a CSV's entry lines, whose columns are those of its header."""
    digest = sha256()
    with file.open("rb") as opened:
        for line in opened:
            if line.startswith(_ENTRY):
                digest.update(line)
    return digest.digest()


def _refuse(what: str, *, as_json: bool) -> NoReturn:
    fail(
        "statement_invalid",
        what.rstrip("."),
        "Ask whoever gave it to you for the original, and compare the network's id",
        exit_code=ExitCode.REFUSED,
        as_json=as_json,
    )


def _tell(code: StatementCode, *, has_entries: bool, holder: str | None, as_json: bool) -> None:
    facts: dict[str, Any] = {
        "operator": f"{code.operator:04d}",
        "wallet": format_number(code.wallet),
        "from_ms": code.from_ms,
        "until_ms": code.until_ms,
        "opening_fen": code.opening_fen,
        "incoming_fen": code.incoming_fen,
        "outgoing_fen": code.outgoing_fen,
        "closing_fen": code.closing_fen,
        "entries": code.entries,
        "issued_ms": code.issued_ms,
        "height": code.height,
        "entries_proven": has_entries,
        "bears_name": code.holder is not None,
        "name_proven": holder is not None,
    }
    if as_json:
        print_json({"valid": True, **facts})
        return
    stdout.print("[bold green]The code holds.[/bold green] Compare with the statement at hand:")
    print_facts(
        {
            "Operator": facts["operator"],
            "Wallet": facts["wallet"],
            "Holder": holder or ("not compared: --holder NAME" if code.holder else "none"),
            "Period": f"{local_time(code.from_ms)} to {local_time(code.until_ms - 1)}",
            "Opening": f"{yuan(code.opening_fen)} yuan",
            "In": f"{yuan(code.incoming_fen)} yuan",
            "Out": f"{yuan(code.outgoing_fen)} yuan",
            "Closing": f"{yuan(code.closing_fen)} yuan",
            "Entries": f"{code.entries}, {'proven' if has_entries else 'not compared: --csv FILE'}",
            "Issued": f"{local_time(code.issued_ms)}, block {code.height}",
        }
    )
