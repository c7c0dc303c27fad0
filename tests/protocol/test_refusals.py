"""The catalogue of refusals: stable, complete, and the same in blocks and in answers."""

import re
from collections import Counter
from pathlib import Path

import pytest

import jiaozi
from jiaozi.protocol.blocks import OUTCOME_LENGTH_MAX, encode_outcome, read_outcome
from jiaozi.protocol.cbor import decode
from jiaozi.protocol.refusals import (
    CATALOGUE,
    FINAL_CODES,
    SETTLED,
    Code,
    PayeeCause,
    Refusal,
    Retry,
    refusal_of,
    refuse,
)

SOURCES = Path(jiaozi.__file__).parent
UNITS = (
    "_fen",
    "_ms",
    "_ms_max",
    "field",
    "limit",
    "suite",
    "leg",
    "signers_needed",
    "signers_found",
    "tries_left",
    "number",
    "number_expected",
    "generation",
    "open",
    "days_max",
    "hops_max",
)


@pytest.mark.parametrize("code", Code)
def test_every_code_is_documented(code: Code) -> None:
    entry = CATALOGUE[code]
    assert re.fullmatch(r"[A-Z].{10,}\.", entry.meaning), entry.meaning
    assert isinstance(entry.retry, Retry)
    assert all(name.endswith(UNITS) for name in entry.fields), entry.fields


def test_codes_are_unique_and_in_their_ranges() -> None:
    """An alias in an enumeration is silent: two names for one number."""
    assert len(Code.__members__) == len({int(code) for code in Code}) == len(CATALOGUE)
    assert list(CATALOGUE) == list(Code)
    assert all(1 <= code < 400 for code in Code)
    assert len(PayeeCause.__members__) == len({int(each) for each in PayeeCause})
    meanings = Counter(entry.meaning for entry in CATALOGUE.values())
    assert meanings.most_common(1)[0][1] == 1


@pytest.mark.parametrize("code", Code)
def test_every_code_is_raised_somewhere(code: Code) -> None:
    uses = re.compile(rf"\bCode\.{code.name}\b")
    here = SOURCES / "protocol" / "refusals.py"
    files = [path for path in SOURCES.rglob("*.py") if path != here]
    assert any(uses.search(path.read_text()) for path in files), code


@pytest.mark.parametrize("code", Code)
def test_a_refusal_has_the_fields_of_its_entry(code: Code) -> None:
    fields = CATALOGUE[code].fields
    values = [f"value-{n}" if name == "field" else n for n, name in enumerate(fields)]
    refusal = refuse(code, *values)
    assert list(refusal.fields) == list(fields)
    assert str(refusal).startswith(CATALOGUE[code].meaning)
    for wrong in ([*values, 0], values[:-1] if values else [0, 0]):
        with pytest.raises(ValueError, match="zip"):
            refuse(code, *wrong)


@pytest.mark.parametrize("code", [each for each in Code if each in FINAL_CODES])
def test_c2_a_final_refusal_stands_in_a_block_as_numbers(code: Code) -> None:
    count = len(CATALOGUE[code].fields)
    assert count < OUTCOME_LENGTH_MAX
    outcome = (int(code), *range(count))
    read = refusal_of(read_outcome(decode(encode_outcome(outcome), size_max=99)))
    assert read is not None
    assert (read.code, tuple(read.fields.values()), read.is_final) == (code, outcome[1:], True)
    assert read.entry.retry is not Retry.SAME_ORDER


def test_c2_settled_is_no_refusal() -> None:
    assert refusal_of(SETTLED) is None
    with pytest.raises(ValueError, match="400"):
        refusal_of((400,))


def test_c2_the_same_order_is_sent_again_for_three_codes_only() -> None:
    again = {code for code, entry in CATALOGUE.items() if entry.retry is Retry.SAME_ORDER}
    assert again == {Code.BUSY, Code.UNAVAILABLE, Code.UNKNOWN}
    assert not any(Refusal(code=code).is_final for code in again)


def test_e5_the_payee_side_tells_the_payer_nothing() -> None:
    assert CATALOGUE[Code.PAYEE_CANNOT_RECEIVE].fields == ()
