"""Issue codes are read as people type them, and as nothing else."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from jiaozi.protocol.issue_codes import CODE_LENGTH, read_issue_code, write_issue_code


@given(st.binary(min_size=CODE_LENGTH, max_size=CODE_LENGTH))
def test_a_code_is_read_as_it_was_written(code: bytes) -> None:
    text = write_issue_code(code)
    assert len(text) == 19
    assert not set(text) & set("ILOU")
    assert read_issue_code(text) == code
    typed = text.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert read_issue_code(typed) == code


@given(st.text())
def test_what_is_read_is_a_code(text: str) -> None:
    try:
        code = read_issue_code(text)
    except ValueError:
        return
    assert len(code) == CODE_LENGTH


@pytest.mark.parametrize(
    "text", ["", "U" * 16, "0" * 15, "0" * 17, "٠" * 16, "0000-0000-0000-000!"]
)
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="16 letters and digits"):
        read_issue_code(text)


def test_a_code_has_its_length() -> None:
    with pytest.raises(ValueError, match="10 bytes"):
        write_issue_code(bytes(9))
