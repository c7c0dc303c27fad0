"""`jiaozi central-bank certificate`: what the root is taken out of the safe for."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes
from typing import Annotated

import typer

from jiaozi.central_bank.certification.ceremony import PERSON_LENGTH, VALIDITY_MS
from jiaozi.central_bank.certification.keys import KeyPlaces
from jiaozi.central_bank.certification.root import assemble_root, open_share
from jiaozi.cli.failures import PassphraseFile, failures_told, passphrase
from jiaozi.cli.output import AsJson, local_time, print_facts, print_json
from jiaozi.protocol.certificates import Certified, Use, certify, read_certificate
from jiaozi.protocol.genesis import Network, read_genesis
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.suites import Signer, Suite
from jiaozi.service.files import write_whole
from jiaozi.service.key_locations import open_key
from jiaozi.service.keys_pkcs11 import LocationInvalid

_Option = typer.Option
_PERSONAL = (Use.OFFICER, Use.OPERATOR_OFFICER)


def _use(text: str) -> Use:
    try:
        return Use[text.upper().replace("-", "_")]
    except KeyError:
        names = ", ".join(each.name.lower().replace("_", "-") for each in Use)
        raise typer.BadParameter(f"one of {names}") from None


def certificate_command(
    network: Annotated[
        Path, _Option(envvar="JIAOZI_NETWORK", help="The ceremony's directory, for its genesis.")
    ],
    use: Annotated[
        Use, _Option(parser=_use, metavar="USE", help="What the key may do: registry-block, ...")
    ],
    key: Annotated[str, _Option(metavar="HEX", help="The public key, from `new-key`.")],
    out: Annotated[Path, _Option("--out", help="The file to write; must be new.")],
    operator: Annotated[int, _Option(min=0, max=9999, help="Whose key it is, if one's.")] = 0,
    person: Annotated[
        str | None,
        _Option(metavar="HEX", help="Of an officer who has a key already; else a new person."),
    ] = None,
    days: Annotated[int, _Option(min=1, max=36_500, help="How long it is valid, from now.")] = (
        VALIDITY_MS // DAY_MS
    ),
    shares: Annotated[
        list[Path] | None, _Option("--share", help="A custodian's share; once for each.")
    ] = None,
    root: Annotated[
        str | None,
        _Option(help="Instead of shares: root.key, or pkcs11:token=...;object=root?..."),
    ] = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Certify a key with the root, on a machine that is offline; officers then make it known.

    Each custodian is asked for their own passphrase at the terminal.
    """
    with failures_told(as_json=as_json):
        founded = read_genesis(KeyPlaces(network).genesis.read_bytes())
        now_ms = time.time_ns() // 1_000_000
        certified = Certified(
            use=use,
            operator=operator,
            person=_person(use, person),
            suite=Suite.ED25519,
            key=_bytes(key, "--key"),
            not_before_ms=now_ms,
            not_after_ms=now_ms + int(timedelta(days=days).total_seconds() * 1000),
        )
        signer = _root(founded, shares or [], root, passphrase_file)
        certificate = certify(certified, signer, founded.id)
        read_certificate(certificate, root_key=founded.root_key, network=founded.id)
        write_whole(out, certificate)
    _tell(certified, out, as_json=as_json)


def _root(
    network: Network, shares: list[Path], location: str | None, passphrase_file: Path | None
) -> Signer:
    """Open the root, in a module, in a file, or among custodians.

    Raises:
        LocationInvalid: Neither or both are named, or it is not this network's root.
        KeyStoreError: It cannot be opened.
    """
    if (location is None) != bool(shares):
        raise LocationInvalid(detail="The root is either --share for each custodian, or --root.")
    if location is None:
        opened = [open_share(each, _asked(passphrase_file, each)()) for each in shares]
        return assemble_root(opened, network.root_key)
    signer = open_key(location, _asked(passphrase_file, location))
    if signer.public_key != network.root_key:
        raise LocationInvalid(detail=f"{location} is not the root of this network.")
    return signer


def _asked(passphrase_file: Path | None, what: object) -> Callable[[], str]:
    return lambda: passphrase(passphrase_file, prompt=f"Passphrase of {what}")


def _person(use: Use, given: str | None) -> bytes | None:
    if use not in _PERSONAL:
        return None
    return token_bytes(PERSON_LENGTH) if given is None else _bytes(given, "--person")


def _bytes(text: str, option: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise typer.BadParameter("hexadecimal digits", param_hint=option) from None


def _tell(certified: Certified, out: Path, *, as_json: bool) -> None:
    person = None if certified.person is None else certified.person.hex()
    if as_json:
        print_json(
            {
                "file": str(out),
                "use": certified.use.name.lower(),
                "operator": certified.operator,
                "person": person,
                "public_key": certified.key.hex(),
                "not_before_ms": certified.not_before_ms,
                "not_after_ms": certified.not_after_ms,
            }
        )
        return
    print_facts(
        {
            "Use": certified.use.name.lower().replace("_", " "),
            "Key": certified.key.hex(),
            "Operator": f"{certified.operator:04d}" if certified.operator else None,
            "Person": person,
            "Ends": local_time(certified.not_after_ms),
            "File": str(out),
        }
    )
