"""`jiaozi operator freeze`, `unfreeze`, `rebind`: what clerks and officers decide about wallets."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from jiaozi.cli.arguments import number_of
from jiaozi.cli.failures import PassphraseFile, failures_told, passphrase
from jiaozi.cli.new_key import OwnKeyStore
from jiaozi.cli.operator_privacy import Dsn, Keys, now_ms, opened, read_clerk
from jiaozi.cli.output import (
    AsJson,
    ExitCode,
    fail,
    fail_refused,
    local_time,
    print_facts,
    print_json,
    print_table,
)
from jiaozi.operator.keys import KEY_NAMES
from jiaozi.operator.life import store
from jiaozi.operator.life.back_office import BackOffice, open_back_office
from jiaozi.operator.life.freeze import CASE_LENGTH
from jiaozi.operator.life.model import RebindRecord
from jiaozi.operator.rotate_keys import RotatingKey
from jiaozi.operator.wallets.model import CertifyOrder, OrderState
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.numbers import AccountNumber, format_number
from jiaozi.protocol.order_types import FreezeScope
from jiaozi.protocol.refusals import refusal_of
from jiaozi.service.key_locations import open_key, open_store

rebind_app = typer.Typer(no_args_is_help=True, help="New keys for lost ones that need a decision.")

_SCOPES = {"debits": FreezeScope.DEBITS, "all": FreezeScope.ALL, "amount": FreezeScope.AMOUNT}


def _scope(text: str) -> FreezeScope:
    if text not in _SCOPES:
        raise typer.BadParameter(f"one of {', '.join(_SCOPES)}")
    return _SCOPES[text]


def _staff_number(text: str) -> str:
    read_clerk(text)
    return text


def _case(text: str) -> bytes:
    try:
        case = bytes.fromhex(text)
    except ValueError:
        case = b""
    if len(case) != CASE_LENGTH:
        raise typer.BadParameter(f"a case number has {2 * CASE_LENGTH} hexadecimal digits")
    return case


_FILE_NUMBER_LENGTH_MAX = 64


def _file_number(text: str) -> str:
    if not 0 < len(text) <= _FILE_NUMBER_LENGTH_MAX:
        raise typer.BadParameter(f"a file number has 1 to {_FILE_NUMBER_LENGTH_MAX} characters")
    return text


Clerk = Annotated[
    str, typer.Option("--clerk", parser=_staff_number, metavar="ID", help="Your staff number.")
]
FileNumber = Annotated[
    str,
    typer.Option(parser=_file_number, metavar="TEXT", help="Of the file in which it was decided."),
]
_Wallet = Annotated[AccountNumber, typer.Argument(parser=number_of, metavar="WALLET")]
Code = Annotated[int, typer.Option("--code", min=1, max=9999, help="The operator's code.")]
Registry = Annotated[
    str, typer.Option(envvar="JIAOZI_REGISTRY_URL", help="Where the central bank serves.")
]


def freeze_command(
    wallet: _Wallet,
    who: Clerk,
    file_number: FileNumber,
    code: Code,
    dsn: Dsn,
    keys: Keys,
    registry: Registry,
    scope: Annotated[
        FreezeScope, typer.Option(parser=_scope, metavar="debits|all|amount")
    ] = FreezeScope.DEBITS,
    amount_fen: Annotated[int | None, typer.Option(min=1, help="For the scope amount.")] = None,
    key_store: OwnKeyStore = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Freeze a wallet under a case number, which lifts it; clerk and file stay here."""
    if (scope is FreezeScope.AMOUNT) != (amount_fen is not None):
        raise typer.BadParameter("the scope amount, and no other, takes an --amount-fen")

    async def freeze(office: BackOffice) -> tuple[CertifyOrder, dict[str, str]]:
        case, sent = await office.freeze.freeze(
            wallet, scope, amount_fen=amount_fen, clerk=who, file_number=file_number
        )
        return sent, {"case": case.hex()}

    with failures_told(as_json=as_json):
        desk = _Desk(code, dsn, registry, key_store or str(keys), passphrase_file)
        _decide(freeze, desk, as_json=as_json)


def unfreeze_command(
    wallet: _Wallet,
    case: Annotated[bytes, typer.Argument(parser=_case, metavar="CASE", help="Its number.")],
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
    """Lift a freeze of this operator's or of the holder's; clerk and file stay here."""

    async def lift(office: BackOffice) -> tuple[CertifyOrder, dict[str, str]]:
        sent = await office.freeze.lift(wallet, case, clerk=who, file_number=file_number)
        return sent, {"case": case.hex()}

    with failures_told(as_json=as_json):
        desk = _Desk(code, dsn, registry, key_store or str(keys), passphrase_file)
        _decide(lift, desk, as_json=as_json)


@rebind_app.command("list")
def list_command(dsn: Dsn, as_json: AsJson = False) -> None:
    """List the rebinds that have not ended, oldest first."""

    async def ask() -> list[RebindRecord]:
        async with opened(dsn) as database, database.connection() as connection:
            return await store.open_rebinds(connection)

    with failures_told(as_json=as_json):
        found = asyncio.run(ask())
    if as_json:
        print_json({"rebinds": [_document(each) for each in found]})
        return
    rows = [
        [
            format_number(each.wallet),
            each.state.value,
            "" if each.completes_ms is None else local_time(each.completes_ms),
            each.public_key.hex(),
        ]
        for each in found
    ]
    print_table(("Wallet", "State", "Not before", "New key"), rows)


@rebind_app.command("withdraw")
def withdraw_command(
    wallet: _Wallet,
    code: Code,
    dsn: Dsn,
    keys: Keys,
    registry: Registry,
    key_store: OwnKeyStore = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Give a rebind up: the old key goes on, and the wallet may pay again."""

    async def withdraw(office: BackOffice) -> tuple[CertifyOrder, dict[str, str]]:
        return await office.decide.withdraw(wallet), {}

    with failures_told(as_json=as_json):
        desk = _Desk(code, dsn, registry, key_store or str(keys), passphrase_file)
        _decide(withdraw, desk, as_json=as_json)


@rebind_app.command("overrule")
def overrule_command(
    wallet: _Wallet,
    officers: Annotated[
        list[str],
        typer.Option("--officer", metavar="FILE|PKCS11-URI", help="An officer's key; give two."),
    ],
    code: Code,
    dsn: Dsn,
    keys: Keys,
    registry: Registry,
    key_store: OwnKeyStore = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Bind the new key over the old one's objection, after the holder came to a counter.

    Two officers of this operator sign, two different persons, each with a passphrase of their own:
    without --passphrase-file each is asked.
    """

    async def overrule(office: BackOffice) -> tuple[CertifyOrder, dict[str, str]]:
        signers = [open_key(each, _asked(passphrase_file, each)) for each in officers]
        return await office.decide.overrule(wallet, signers), {}

    with failures_told(as_json=as_json):
        desk = _Desk(code, dsn, registry, key_store or str(keys), passphrase_file)
        _decide(overrule, desk, as_json=as_json)


class _Desk:
    """Whose decisions they are: an operator's database, registry and signing keys."""

    def __init__(
        self, code: int, dsn: str, registry: str, key_store: str, passphrase_file: Path | None
    ) -> None:
        self.code, self.dsn, self.registry = code, dsn, registry
        keys = open_store(key_store, lambda: passphrase(passphrase_file))
        self.certify, self.transport = (
            RotatingKey(keys, use, KEY_NAMES[use])
            for use in (Use.OPERATOR_CERTIFY, Use.OPERATOR_TRANSPORT)
        )


def _asked(passphrase_file: Path | None, key: str) -> Callable[[], str]:
    return lambda: passphrase(passphrase_file, prompt=f"Passphrase of {key}")


def _decide(
    work: Callable[[BackOffice], Awaitable[tuple[CertifyOrder, dict[str, str]]]],
    desk: _Desk,
    *,
    as_json: bool,
) -> None:
    """Have something decided and tell what became of its order."""

    async def main() -> tuple[CertifyOrder, dict[str, str]]:
        async with (
            opened(desk.dsn) as database,
            open_back_office(
                database,
                desk.registry,
                operator=desk.code,
                certify=desk.certify,
                transport=desk.transport,
                now_ms=now_ms,
            ) as office,
        ):
            return await work(office)

    sent, facts = asyncio.run(main())
    refusal = None if sent.outcome is None else refusal_of(sent.outcome)
    if refusal is not None:
        fail_refused(refusal, as_json=as_json)
    if sent.state is OrderState.DEAD:
        what, advice = "The order expired before the registry took it", "Nothing was changed"
        fail("dead", what, advice, exit_code=ExitCode.REFUSED, as_json=as_json)
    told = {"wallet": format_number(sent.wallet), "state": sent.state.value, **facts}
    (print_json if as_json else print_facts)(told)
    if sent.state is OrderState.SENT:
        raise typer.Exit(ExitCode.UNKNOWN)


def _document(record: RebindRecord) -> dict[str, str | int | None]:
    return {
        "rebind_id": str(record.id),
        "wallet": format_number(record.wallet),
        "state": record.state.value,
        "completes_ms": record.completes_ms,
        "public_key": record.public_key.hex(),
    }
