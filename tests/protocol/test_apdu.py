"""Commands and answers of cards: one reading of every byte string, and 6700 for all others."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jiaozi.protocol.apdu import (
    CHAINED,
    EXTENDED_DATA_MAX,
    EXTENDED_EXPECTED_MAX,
    SHORT_DATA_MAX,
    Command,
    CommandRefused,
    Response,
    Status,
)

BYTE = st.integers(0, 255)
COMMANDS = st.builds(
    Command,
    cla=BYTE,
    ins=BYTE,
    p1=BYTE,
    p2=BYTE,
    data=st.binary(max_size=700),
    expected=st.none() | st.integers(1, 300) | st.integers(1, EXTENDED_EXPECTED_MAX),
)


@pytest.mark.parametrize(
    ("encoded", "command"),
    [
        ("00A40000", Command(cla=0x00, ins=0xA4)),
        ("00B0010210", Command(cla=0x00, ins=0xB0, p1=1, p2=2, expected=16)),
        ("00B0000000", Command(cla=0x00, ins=0xB0, expected=256)),
        ("8002000002CAFE", Command(cla=0x80, ins=0x02, data=b"\xca\xfe")),
        ("8002000002CAFE00", Command(cla=0x80, ins=0x02, data=b"\xca\xfe", expected=256)),
        ("80020000000101", Command(cla=0x80, ins=0x02, expected=257)),
        ("80020000000000", Command(cla=0x80, ins=0x02, expected=65_536)),
        ("80020000000100" + "00" * 256, Command(cla=0x80, ins=0x02, data=bytes(256))),
        ("80020000000001AA0101", Command(cla=0x80, ins=0x02, data=b"\xaa", expected=257)),
    ],
)
def test_the_seven_cases_of_the_standard(encoded: str, command: Command) -> None:
    assert command.encode() == bytes.fromhex(encoded)
    assert Command.decode(bytes.fromhex(encoded)) == command


@given(COMMANDS)
@example(Command(cla=0, ins=0, data=bytes(EXTENDED_DATA_MAX), expected=EXTENDED_EXPECTED_MAX))
def test_what_was_written_is_read(command: Command) -> None:
    assert Command.decode(command.encode()) == command


@given(st.binary(max_size=600))
def test_other_bytes_are_a_command_or_have_a_wrong_length(encoded: bytes) -> None:
    status = Status.DONE
    try:
        assert Command.decode(Command.decode(encoded).encode()) == Command.decode(encoded)
    except CommandRefused as refused:
        status = refused.status
    assert status in {Status.DONE, Status.WRONG_LENGTH}


@pytest.mark.parametrize(
    "encoded",
    [
        "",
        "00",
        "00A404",
        "00A40400" "02AA",  # less data than told
        "00A40400" "01AAAAAA",  # two bytes of Le in the short form
        "00A40400" "0001",  # half an extended length
        "00A40400" "000002AA",  # less data than told
        "00A40400" "000000AA",  # no data, and something after it
        "00A40400" "000001AA01",  # one byte of Le in the extended form
        "00A40400" "000001AA010101",
    ],
)  # fmt: skip
def test_lengths_that_do_not_fit_are_refused(encoded: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        Command.decode(bytes.fromhex(encoded))
    assert refused.value.status is Status.WRONG_LENGTH


@given(COMMANDS)
def test_a_chain_says_the_same_in_short_commands(command: Command) -> None:
    chain = command.split()
    assert b"".join(part.data for part in chain) == command.data
    assert all(len(part.data) <= SHORT_DATA_MAX for part in chain)
    assert all(part.is_chained for part in chain[:-1])
    assert chain[-1].cla == command.cla
    assert {part.header for part in chain} == {command.header}
    assert (chain[-1].expected is None) == (command.expected is None)
    assert command.cla & CHAINED or not chain[-1].is_chained


@pytest.mark.parametrize(
    "command",
    [
        Command(cla=0, ins=0, data=bytes(EXTENDED_DATA_MAX + 1)),
        Command(cla=0, ins=0, expected=0),
        Command(cla=0, ins=0, expected=EXTENDED_EXPECTED_MAX + 1),
        Command(cla=256, ins=0),
    ],
)
def test_a_command_that_has_no_bytes_is_not_sent(command: Command) -> None:
    with pytest.raises(ValueError, match=r"APDU|bytes must be in range"):
        command.encode()


@given(st.binary(max_size=300), st.sampled_from([*Status, 0x6100, 0x63C3]))
def test_an_answer_is_read_as_written(data: bytes, status: int) -> None:
    response = Response(data, status)
    assert Response.decode(response.encode()) == response


@pytest.mark.parametrize("encoded", [b"", b"\x90", b"\x00\x00", b"data\x80\x00"])
def test_an_answer_without_a_status_word_is_none(encoded: bytes) -> None:
    with pytest.raises(ValueError, match="no status word"):
        Response.decode(encoded)


def test_an_answer_tells_what_is_left() -> None:
    assert Response.with_more(b"", 1).rest_bytes == 1
    assert Response.with_more(b"", 255).rest_bytes == 255
    assert Response.with_more(b"", 256).rest_bytes == 256
    assert Response.with_more(b"", 4000).rest_bytes == 256
    assert Response.tries_left(0).tries == 0
    assert Response.tries_left(15).tries == 15
    assert Response().rest_bytes is None
    assert Response().tries is None


def test_every_status_word_tells_its_meaning_once() -> None:
    assert len({status.meaning for status in Status}) == len(Status)
    assert (
        str(CommandRefused(Status.PIN_BLOCKED)) == "6983: the PIN is blocked after too many tries"
    )
