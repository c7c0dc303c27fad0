"""`jiaozi operator …` for whoever answers for personal data: keys, terms, export."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib import resources
from pathlib import Path
from typing import Annotated, TextIO, TypeVar

import typer

from jiaozi.cli.arguments import number_of
from jiaozi.cli.failures import failures_told
from jiaozi.cli.output import AsJson, ExitCode, fail, print_facts, print_json
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.keys import WrappingFiles, load_lookup
from jiaozi.operator.privacy.access import (
    CASE_REFERENCE_LENGTH_MAX,
    Access,
    Actor,
    Purpose,
    clerk,
)
from jiaozi.operator.privacy.export import ExportPerson
from jiaozi.operator.privacy.retention import DestroyAtTerm
from jiaozi.operator.privacy.rotate import RotateWrappingKey
from jiaozi.operator.privacy.wrapping import (
    WrappingKeyNeeded,
    WrappingKeys,
    drop_wrapping_key,
)
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.storage.database import Database
from jiaozi.storage.migrations import migrate

Dsn = Annotated[str, typer.Option(envvar="JIAOZI_DSN", help="The operator's database.")]
Keys = Annotated[Path, typer.Option(help="The directory of `jiaozi operator keys`.")]
Result = TypeVar("Result")


def rotate_command(dsn: Dsn, keys: Keys, as_json: AsJson = False) -> None:
    """Wrap all personal data under a new key, while the service serves.

    Run it again if it was cut short: it goes on where it was. With services on several machines put
    the next file, wrapping-N.secret, beside the others on each of them first; it is taken as it is.
    """
    files = WrappingFiles(keys)

    async def rotate(database: Database) -> dict[str, str]:
        rotate_key = RotateWrappingKey(
            database=database,
            wrapping=WrappingKeys(files),
            create=files.create,
            now_ms=now_ms,
        )
        rotated = await rotate_key()
        return {"wrapping_key": str(rotated.number), "records": str(rotated.records)}

    _run(rotate, dsn, as_json=as_json)


def drop_command(
    number: Annotated[int, typer.Argument(min=1, help="Of an older wrapping key.")],
    dsn: Dsn,
    keys: Keys,
    as_json: AsJson = False,
) -> None:
    """Remove an older wrapping key that no record names any more.

    Backups from before its rotation cannot be read without it: keep a copy apart from them for as
    long as one may have to be restored.
    """

    async def drop(database: Database) -> dict[str, str]:
        async with database.connection() as connection:
            await drop_wrapping_key(connection, number)
        WrappingFiles(keys).remove(number)
        return {"dropped": str(number)}

    try:
        _run(drop, dsn, as_json=as_json)
    except WrappingKeyNeeded as error:
        _refuse("wrapping_key_needed", error, as_json=as_json)


def terms_command(dsn: Dsn, as_json: AsJson = False) -> None:
    """Destroy personal data whose term is over; the service does so daily by itself.

    For a backup that was restored, before anything else reads it.
    """

    async def destroy(database: Database) -> dict[str, str]:
        destroyed = await DestroyAtTerm(database=database, now_ms=now_ms)()
        return {table: str(count) for table, count in destroyed.items()}

    _run(destroy, dsn, as_json=as_json)


def read_clerk(text: str) -> Actor:
    """Read a staff number."""
    try:
        return clerk(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def export_command(
    wallet: Annotated[AccountNumber, typer.Argument(parser=number_of, metavar="NUMBER")],
    output: Annotated[Path, typer.Option(help="A new file, for its owner alone.")],
    who: Annotated[
        Actor, typer.Option("--clerk", parser=read_clerk, metavar="ID", help="Your staff number.")
    ],
    case: Annotated[str, typer.Option(help="The reference of the office that may ask.")],
    dsn: Dsn,
    keys: Keys,
    as_json: AsJson = False,
) -> None:
    """Write all that is held on the holder of a wallet, in JSON, for an office.

    The holder sees who did so, when, and the case.
    """
    if not 0 < len(case) <= CASE_REFERENCE_LENGTH_MAX:
        raise typer.BadParameter(f"1 to {CASE_REFERENCE_LENGTH_MAX} characters", param_hint="CASE")
    access = Access(actor=who, purpose=Purpose.ANSWER_OFFICE, case_reference=case)

    async def export(database: Database) -> dict[str, str]:
        wrapping = WrappingKeys(WrappingFiles(keys))
        privacy = Privacy(wrapping=wrapping, lookup_key=load_lookup(keys), now_ms=now_ms)
        export_person = ExportPerson(database=database, privacy=privacy, now_ms=now_ms)
        pieces = await export_person.of_holder(wallet, access)
        if pieces is None:
            raise LookupError("This operator carries no wallet of that number")
        with _new_file(output) as file:
            async for piece in pieces:
                file.write(piece)
        return {"written": str(output)}

    try:
        _run(export, dsn, as_json=as_json)
    except LookupError as error:
        _refuse("wallet_unknown", error, as_json=as_json)


@contextmanager
def _new_file(path: Path) -> Iterator[TextIO]:
    """Open a new file for its owner alone; none is left if it does not become whole."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            yield file
    except BaseException:  # Ctrl-C too: half a document would look like all that is held
        path.unlink()
        raise


def now_ms() -> int:
    """Return the time in Unix milliseconds."""
    return time.time_ns() // 1_000_000


def _run(work: Callable[[Database], Awaitable[dict[str, str]]], dsn: str, *, as_json: bool) -> None:
    """Do something with the operator's database and print what came of it."""

    async def main() -> dict[str, str]:
        async with opened(dsn) as database:
            return await work(database)

    with failures_told(as_json=as_json):
        facts = asyncio.run(main())
    if as_json:
        print_json(facts)
    else:
        print_facts(facts)


@asynccontextmanager
async def opened(dsn: str) -> AsyncIterator[Database]:
    """Open the operator's database."""
    async with await Database.open(dsn, name="operator-privacy", pool_size=2) as database:
        await migrate(database, resources.files("jiaozi.operator") / "migrations")
        yield database


def _refuse(code: str, error: Exception, *, as_json: bool) -> None:
    what, advice = str(error).rstrip("."), "Nothing was changed"
    fail(code, what, advice, exit_code=ExitCode.REFUSED, as_json=as_json)
