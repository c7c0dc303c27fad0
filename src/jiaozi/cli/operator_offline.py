"""`jiaozi operator guarantee`, `jiaozi operator offline`: devices, frauds, and the guarantee."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from jiaozi.cli.arguments import amount_of
from jiaozi.cli.device_cases import document_of, file_name, made_by
from jiaozi.cli.failures import PassphraseFile, failures_told, passphrase
from jiaozi.cli.new_key import OwnKeyStore
from jiaozi.cli.operator_issue_codes import issue_codes_command
from jiaozi.cli.operator_life import Clerk, Code, FileNumber, Registry
from jiaozi.cli.operator_privacy import Dsn, Keys, now_ms, opened
from jiaozi.cli.output import (
    AsJson,
    ExitCode,
    fail,
    fail_refused,
    print_facts,
    print_json,
    print_table,
    yuan,
)
from jiaozi.operator.keys import KEY_NAMES
from jiaozi.operator.offline.model import OfflineOrder
from jiaozi.operator.offline.office import OfficeKeys, OfflineOffice, open_offline_office
from jiaozi.operator.rotate_keys import RotatingKey
from jiaozi.operator.wallets.model import OrderState
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.money import Fen
from jiaozi.protocol.refusals import refusal_of
from jiaozi.service.files import make_directory, write_whole
from jiaozi.service.key_locations import open_store

guarantee_app = typer.Typer(
    no_args_is_help=True, help="Money set aside for what devices may spend twice."
)
offline_app = typer.Typer(no_args_is_help=True, help="Devices that pay without network.")

_Result = TypeVar("_Result")
_Amount = Annotated[Fen, typer.Argument(parser=amount_of, metavar="YUAN")]


def _device(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise typer.BadParameter("a device's key is hexadecimal digits") from None


_Device = Annotated[bytes, typer.Argument(parser=_device, metavar="DEVICE", help="Its key.")]

offline_app.command("issue-codes")(issue_codes_command)


@guarantee_app.command("fund")
def fund_command(
    amount: _Amount,
    code: Code,
    dsn: Dsn,
    keys: Keys,
    registry: Registry,
    key_store: OwnKeyStore = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Move money from the vault into the guarantee.

    Given again while an earlier order for as much is open, it goes on with that one.
    """
    with failures_told(as_json=as_json):
        where = _Where(code, dsn, registry, key_store or str(keys), passphrase_file)
        order, held_fen = _at_office(where, lambda office: _moved(office, amount, is_fund=True))
        _tell(order, {"guarantee": yuan(held_fen)}, {"guarantee_fen": held_fen}, as_json=as_json)


@guarantee_app.command("release")
def release_command(
    amount: _Amount,
    code: Code,
    dsn: Dsn,
    keys: Keys,
    registry: Registry,
    key_store: OwnKeyStore = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Move money from the guarantee back into the vault; what devices need or lack stays."""
    with failures_told(as_json=as_json):
        where = _Where(code, dsn, registry, key_store or str(keys), passphrase_file)
        order, held_fen = _at_office(where, lambda office: _moved(office, amount, is_fund=False))
        _tell(order, {"guarantee": yuan(held_fen)}, {"guarantee_fen": held_fen}, as_json=as_json)


@guarantee_app.command("show")
def show_command(
    code: Code,
    dsn: Dsn,
    keys: Keys,
    registry: Registry,
    key_store: OwnKeyStore = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Show what the guarantee holds."""
    with failures_told(as_json=as_json):
        where = _Where(code, dsn, registry, key_store or str(keys), passphrase_file)
        held_fen = _at_office(where, lambda office: office.guarantee.balance_fen())
    if as_json:
        print_json({"guarantee_fen": held_fen})
    else:
        print_facts({"guarantee": yuan(held_fen)})


@offline_app.command("cases")
def cases_command(
    code: Code,
    dsn: Dsn,
    keys: Keys,
    registry: Registry,
    output: Annotated[
        Path | None, typer.Option(help="A directory for the proofs, a file for each.")
    ] = None,
    key_store: OwnKeyStore = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Report what devices did that they must not, what was paid for it, and what still waits."""
    with failures_told(as_json=as_json):
        where = _Where(code, dsn, registry, key_store or str(keys), passphrase_file)
        report = _at_office(where, lambda office: office.report())
        if output is not None:
            make_directory(output)
            for each in report.cases:
                write_whole(output / file_name(each), each.encoded, replace=True)
    if as_json:
        print_json(document_of(report))
        return
    rows = [
        [
            each.proof.device.hex(), each.proof.kind.name.lower(),
            yuan(report.covered_fen[each.proof.device]), file_name(each),
        ]
        for each in report.cases
    ]  # fmt: skip
    print_table(("Device", "Proof", "Covered by the guarantee", "File"), rows)
    print_facts(
        {
            "devices to look at": ", ".join(each.key.hex() for each in report.suspected) or "none",
            "payments that wait": str(len(report.waiting)),
            "payments given up": str(sum(report.given_up.values())),
            "devices that nobody enrolled": made_by(report.strangers),
        }
    )


@offline_app.command("revoke")
def revoke_command(
    device: _Device,
    who: Clerk,
    file_number: FileNumber,
    code: Code,
    dsn: Dsn,
    keys: Keys,
    registry: Registry,
    key_store: OwnKeyStore = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Revoke a device of this operator's; clerk and file stay here."""
    with failures_told(as_json=as_json):
        where = _Where(code, dsn, registry, key_store or str(keys), passphrase_file)
        order = _at_office(
            where, lambda office: office.revoke(device, clerk=who, file_number=file_number)
        )
        _tell(order, {"device": device.hex()}, {"device": device.hex()}, as_json=as_json)


@offline_app.command("lift")
def lift_command(
    device: _Device,
    who: Clerk,
    file_number: FileNumber,
    code: Code,
    dsn: Dsn,
    keys: Keys,
    registry: Registry,
    key_store: OwnKeyStore = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Let a suspended device be synchronised again, once somebody has looked into it."""
    with failures_told(as_json=as_json):
        where = _Where(code, dsn, registry, key_store or str(keys), passphrase_file)
        _at_office(where, lambda office: office.lift(device, clerk=who, file_number=file_number))
    told = {"device": device.hex(), "state": "lifted"}
    (print_json if as_json else print_facts)(told)


@dataclass(frozen=True, slots=True)
class _Where:
    """Whose office it is: an operator's database, registry and signing keys."""

    code: int
    dsn: str
    registry: str
    key_store: str
    passphrase_file: Path | None

    def keys(self) -> OfficeKeys:
        """Open the keys."""
        store = open_store(self.key_store, lambda: passphrase(self.passphrase_file))
        certify, vault, transport = (
            RotatingKey(store, use, KEY_NAMES[use])
            for use in (Use.OPERATOR_CERTIFY, Use.OPERATOR_VAULT, Use.OPERATOR_TRANSPORT)
        )
        return OfficeKeys(certify=certify, vault=vault, transport=transport)


def _at_office(where: _Where, work: Callable[[OfflineOffice], Awaitable[_Result]]) -> _Result:
    async def main() -> _Result:
        async with (
            opened(where.dsn) as database,
            open_offline_office(
                database, where.registry, operator=where.code, keys=where.keys(), now_ms=now_ms
            ) as office,
        ):
            return await work(office)

    return asyncio.run(main())


async def _moved(
    office: OfflineOffice, amount_fen: int, *, is_fund: bool
) -> tuple[OfflineOrder, int]:
    move = office.guarantee.fund if is_fund else office.guarantee.release
    return await move(amount_fen), await office.guarantee.balance_fen()


def _tell(
    order: OfflineOrder,
    facts: dict[str, str | None],
    document: dict[str, str | int],
    *,
    as_json: bool,
) -> None:
    """Tell what became of an order."""
    refusal = None if order.outcome is None else refusal_of(order.outcome)
    if refusal is not None:
        fail_refused(refusal, as_json=as_json)
    if order.state is OrderState.DEAD:
        what, advice = "The order expired before the registry took it", "Nothing was changed"
        fail("dead", what, advice, exit_code=ExitCode.REFUSED, as_json=as_json)
    if as_json:
        print_json({"state": order.state.value, **document})
    else:
        print_facts({"state": order.state.value, **facts})
    if order.state is OrderState.SENT:
        raise typer.Exit(ExitCode.UNKNOWN)
