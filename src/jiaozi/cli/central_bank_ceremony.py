"""`jiaozi central-bank ceremony`: make a network's keys, certificates and genesis."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from jiaozi.central_bank.certification.ceremony import (
    CeremonyPlan,
    CeremonyRefused,
    OperatorKeys,
    OperatorPlan,
    hold_ceremony,
)
from jiaozi.central_bank.certification.root import Custody
from jiaozi.cli.central_bank_orders import rulebook_hash
from jiaozi.cli.failures import PassphraseFile, failures_told, passphrase
from jiaozi.cli.output import AsJson, ExitCode, fail, print_facts, print_json, stdout
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.money import parse_yuan
from jiaozi.service.key_locations import open_store
from jiaozi.service.keys import KeyStore
from jiaozi.service.keys_pkcs11 import SCHEME

_Option = typer.Option


def ceremony_command(
    directory: Annotated[Path, typer.Argument(help="Where everything is put; must be new.")],
    name: Annotated[str, _Option(help="Of the network.")],
    operators: Annotated[
        list[int] | None,
        _Option("--operator", help="Code of one whose keys are made here."),
    ] = None,
    operator_keys: Annotated[
        list[str] | None,
        _Option(
            "--operator-keys",
            metavar="CODE=FILE",
            help="What `jiaozi operator keys --json` printed at an operator.",
        ),
    ] = None,
    officers: Annotated[
        list[str] | None,
        _Option("--officer", help="LABEL, or LABEL=PUBLIC_KEY for a key made elsewhere."),
    ] = None,
    quota: Annotated[str, _Option(help="Yuan that each vault may hold.")] = "1000000000",
    rulebook: Annotated[
        str, _Option(help="In force from the start: a shipped name, or a file.")
    ] = "2026-11",
    custodians: Annotated[
        list[str] | None,
        _Option("--custodian", metavar="LABEL", help="Who keeps a share of the root; not whole."),
    ] = None,
    needed: Annotated[int, _Option(min=2, help="How many custodians make the root.")] = 2,
    key_stores: Annotated[
        list[str] | None,
        _Option(
            "--key-store",
            metavar="HOLDER=PKCS11-URI",
            help="A token for root, registry, auditor, officers/LABEL or operators/CODE.",
        ),
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a network: keys, certificates and genesis. Once, on a machine that is offline.

    With custodians the root is split among them, and no disk ever has it whole. Every key store
    and share made here gets one and the same passphrase if it is given by file or environment; at
    a terminal you are asked for one for each holder.
    """
    with failures_told(as_json=as_json):
        plan = CeremonyPlan(
            name=name,
            created_ms=time.time_ns() // 1_000_000,
            rulebook_hash=rulebook_hash(rulebook),
            officers=dict(map(_officer, officers or ["officer-1", "officer-2", "officer-3"])),
            operators=_operators(operators or [], operator_keys or [], parse_yuan(quota)),
        )

        def asked(holder: str) -> str:
            return passphrase(passphrase_file, prompt=f"Passphrase for {holder}", is_new=True)

        tokens = _tokens(key_stores or [], plan)

        def open_holders_store(path: Path) -> KeyStore:
            holder = "/".join(path.parts[len(directory.parts) :])
            return open_store(tokens.get(holder, str(path)), lambda: asked(holder))

        custody = _custody(custodians or [], needed, asked)
        with _refusal_told(as_json=as_json):
            network = hold_ceremony(plan, directory, open_store=open_holders_store, custody=custody)
    if as_json:
        print_json({"network_id": network.id.hex(), "directory": str(directory)})
    else:
        _tell_founded(network, directory, is_split=custody is not None)


def _tell_founded(network: Network, directory: Path, *, is_split: bool) -> None:
    stdout.print("[bold green]The network is founded.[/bold green]")
    print_facts({"Network": network.id.hex(), "Directory": str(directory)})
    stdout.print(
        "Hand each custodian their share and delete it here."
        if is_split
        else f"Take {directory}/root offline now.",
        "Hand each officer and operator their directory.",
    )


def _custody(custodians: list[str], needed: int, asked: Callable[[str], str]) -> Custody | None:
    """Have each custodian say a passphrase; without any the root stays whole."""
    if not custodians:
        return None
    passphrases = {each: asked(f"custodian {each}") for each in custodians}
    return Custody(needed=needed, passphrases=passphrases)


@contextmanager
def _refusal_told(*, as_json: bool) -> Iterator[None]:
    try:
        yield
    except CeremonyRefused as error:
        what, advice = error.detail.rstrip("."), "Nothing was made"
        fail("ceremony_refused", what, advice, exit_code=ExitCode.USAGE, as_json=as_json)


def _tokens(given: list[str], plan: CeremonyPlan) -> dict[str, str]:
    """Read which holders have tokens.

    Raises:
        BadParameter: There is no such holder.
    """
    holders = {"root", "registry", "auditor"}
    holders |= {f"officers/{each}" for each in plan.officers}
    holders |= {f"operators/{code:04d}" for code in plan.operators}
    tokens = dict(each.partition("=")[::2] for each in given)
    for holder, location in tokens.items():
        if holder not in holders or not location.startswith(SCHEME):
            raise typer.BadParameter(
                f"{holder} is none of {', '.join(sorted(holders))}, or has no PKCS #11 URI",
                param_hint="--key-store",
            )
    return tokens


def _officer(text: str) -> tuple[str, bytes | None]:
    label, given, key = text.partition("=")
    try:
        return label, bytes.fromhex(key) if given else None
    except ValueError:
        raise typer.BadParameter("a public key is hexadecimal", param_hint="--officer") from None


def _operators(codes: list[int], given: list[str], quota_fen: int) -> dict[int, OperatorPlan]:
    operators = {code: OperatorPlan(quota_fen=quota_fen) for code in codes}
    for each in given:
        code, _, file = each.partition("=")
        try:
            keys = json.loads(Path(file).read_bytes())
            public = OperatorKeys(
                certify=bytes.fromhex(keys["certify"]),
                vault=bytes.fromhex(keys["vault"]),
                transport=bytes.fromhex(keys["transport"]),
            )
            operators[int(code)] = OperatorPlan(quota_fen=quota_fen, keys=public)
        except (KeyError, TypeError, ValueError):
            raise typer.BadParameter(
                f"{each} is not CODE=FILE with an operator's public keys",
                param_hint="--operator-keys",
            ) from None
    if not operators:
        raise typer.BadParameter("a network needs an operator", param_hint="--operator")
    return operators
