"""Named SQL statements, kept in a `queries.sql` beside the code that uses them.

A file is a row of blocks. Each opens with its name and at least one line that says what it is for:

    -- name: balance_of
    -- The balance of one account, in fen.
    SELECT balance_fen FROM account WHERE number = $1;

The names are bound to the fields of a frozen dataclass when the program starts, so that a statement
that is missing, unused or there twice stops it then, and a misspelt one does not pass mypy.
"""

import dataclasses
import re
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, TypeVar

from jiaozi.storage.errors import QueryFileError

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    Statements = TypeVar("Statements", bound=DataclassInstance)
else:
    Statements = TypeVar("Statements")

__all__ = ["load_statements"]

_NAME_LINE = re.compile(r"^-- name: (\S+)$")


def load_statements(kind: type[Statements], file: Traversable) -> Statements:
    """Read a file of statements into `kind`, whose fields are all strings.

    Raises:
        QueryFileError: The file is malformed, has a name twice, or its names are not the fields
            of `kind`.
    """
    found = parse_statements(file.read_text(encoding="utf-8"), file.name)
    expected = {field.name for field in dataclasses.fields(kind)}
    for what, names in (
        ("has no statement", expected - found.keys()),
        (f"has a statement unknown to {kind.__name__}", found.keys() - expected),
    ):
        if names:
            raise _malformed(file.name, f"{what}: {', '.join(sorted(names))}")
    return kind(**found)


def parse_statements(text: str, file_name: str) -> dict[str, str]:
    """Split a file into statements by name, without comments and closing semicolons.

    Raises:
        QueryFileError: Text before the first name, a name twice or no identifier, or a block
            without a comment or without SQL.
    """
    statements: dict[str, str] = {}
    preamble, *blocks = re.split(r"^(?=-- name:)", text, flags=re.MULTILINE)
    if any(line and not line.startswith("--") for line in preamble.splitlines()):
        raise _malformed(file_name, "has SQL before the first name")
    for block in blocks:
        head, *lines = block.rstrip().splitlines()
        match = _NAME_LINE.match(head)
        if match is None or not match[1].isidentifier():
            raise _malformed(file_name, f"has a malformed name: {head}")
        name = match[1]
        if name in statements:
            raise _malformed(file_name, f"has {name} twice")
        if not lines or not lines[0].startswith("-- "):
            raise _malformed(file_name, f"does not say what {name} is for")
        sql = "\n".join(line for line in lines if not line.lstrip().startswith("--")).strip()
        if not sql:
            raise _malformed(file_name, f"has no SQL for {name}")
        statements[name] = sql.removesuffix(";")
    return statements


def _malformed(file_name: str, what: str) -> QueryFileError:
    return QueryFileError(happened=f"{file_name} {what}.", remedy="Correct the file.")
