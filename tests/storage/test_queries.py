from dataclasses import dataclass
from pathlib import Path

import pytest

from jiaozi.storage.errors import QueryFileError
from jiaozi.storage.queries import load_statements, parse_statements


@dataclass(frozen=True, slots=True)
class Statements:
    balance_of: str
    insert_block: str


GOOD = """-- What the registry asks.

-- name: balance_of
-- The balance of one account, in fen.
SELECT balance_fen
-- a comment between the lines
FROM account WHERE number = $1;

-- name: insert_block
-- One block.
INSERT INTO block VALUES ($1);
"""


def test_statements_come_without_comments_and_semicolon() -> None:
    assert parse_statements(GOOD, "queries.sql") == {
        "balance_of": "SELECT balance_fen\nFROM account WHERE number = $1",
        "insert_block": "INSERT INTO block VALUES ($1)",
    }


def test_statements_are_bound_to_the_fields_of_their_class(tmp_path: Path) -> None:
    file = tmp_path / "queries.sql"
    file.write_text(GOOD)
    assert load_statements(Statements, file).insert_block == "INSERT INTO block VALUES ($1)"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (GOOD.replace("insert_block", "balance_of"), "has balance_of twice"),
        (GOOD.replace("name: insert_block", "name: insert block"), "malformed name"),
        (GOOD.replace("name: insert_block", "name: insert-block"), "malformed name"),
        (GOOD.replace("-- One block.\n", ""), "does not say what insert_block is for"),
        (GOOD.replace("INSERT INTO block VALUES ($1);\n", ""), "has no SQL for insert_block"),
        ("SELECT 1;\n" + GOOD, "has SQL before the first name"),
        (GOOD.split("-- name: insert_block")[0], "has no statement: insert_block"),
        (GOOD.replace("insert_block", "inserts"), "has no statement: insert_block"),
        (GOOD + "-- name: other\n-- More.\nSELECT 1;\n", "unknown to Statements: other"),
    ],
)
def test_a_malformed_file_is_refused_when_it_is_loaded(
    tmp_path: Path, text: str, complaint: str
) -> None:
    file = tmp_path / "queries.sql"
    file.write_text(text)
    with pytest.raises(QueryFileError, match=complaint):
        load_statements(Statements, file)
