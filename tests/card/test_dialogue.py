"""A card answers whatever it is told, and an application sees whole messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.card.dialogue import CHAIN_BYTES_MAX, Dialogue
from jiaozi.protocol.apdu import CHAINED, GET_RESPONSE, Command, Response, Status
from tests.card.echo_card import ECHO, REPEAT, SELECT, EchoApplication

FETCH = Command(cla=0, ins=GET_RESPONSE, expected=256)


@pytest.fixture
def card() -> Dialogue:
    return selected()


def selected() -> Dialogue:
    dialogue = Dialogue(EchoApplication())
    assert ask(dialogue, Command(cla=0, ins=SELECT)).status == 0x6104
    return dialogue


def ask(card: Dialogue, command: Command) -> Response:
    return Response.decode(card.answer(command.encode()))


def echo(data: bytes, *, cla: int = 0x80, expected: int | None = 256) -> Command:
    return Command(cla=cla, ins=ECHO, data=data, expected=expected)


@given(st.lists(st.binary(max_size=300) | st.builds(
    lambda cla, ins, rest: bytes((cla, ins)) + rest,
    st.sampled_from([0x00, 0x10, 0x80, 0x90]),
    st.sampled_from([SELECT, ECHO, REPEAT, GET_RESPONSE]),
    st.binary(min_size=2, max_size=20),
)))  # fmt: skip
def test_whatever_is_said_gets_an_answer_of_a_right_length(commands: list[bytes]) -> None:
    card = selected()
    for command in commands:
        assert Response.decode(card.answer(command)).status >> 12 in {6, 9}


def test_a_chain_and_an_extended_command_say_the_same(card: Dialogue) -> None:
    long = echo(bytes(range(256)) * 5, expected=65_536)
    assert ask(card, long) == Response(long.data)
    *before, last = [ask(card, part) for part in long.split()]
    assert set(before) == {Response()}
    pieces = [last]
    while pieces[-1].rest_bytes is not None:
        pieces.append(ask(card, FETCH))
    assert b"".join(piece.data for piece in pieces) == long.data
    assert [piece.status for piece in pieces] == [0x6100, 0x6100, 0x6100, 0x6100, 0x9000]


def test_who_asks_for_no_answer_is_told_how_much_there_is(card: Dialogue) -> None:
    assert ask(card, echo(b"abc", expected=None)) == Response(b"", 0x6103)
    assert ask(card, FETCH) == Response(b"abc")


def test_who_asks_for_less_gets_the_rest_later(card: Dialogue) -> None:
    assert ask(card, echo(b"abc", expected=1)) == Response(b"a", 0x6102)
    assert ask(card, FETCH) == Response(b"bc")


def test_there_is_nothing_to_fetch_twice(card: Dialogue) -> None:
    ask(card, echo(b"abc", expected=1))
    assert ask(card, FETCH).status == Status.DONE
    assert ask(card, FETCH).status == Status.CONDITIONS_NOT_MET


def test_the_next_command_ends_what_was_to_fetch(card: Dialogue) -> None:
    ask(card, echo(b"abc", expected=1))
    assert ask(card, echo(b"")) == Response()
    assert ask(card, FETCH).status == Status.CONDITIONS_NOT_MET


def test_fetching_takes_no_parameters_and_no_data(card: Dialogue) -> None:
    ask(card, echo(b"abc", expected=1))
    for wrong, status in [
        (Command(cla=0, ins=GET_RESPONSE, p1=1, expected=256), Status.WRONG_PARAMETERS),
        (Command(cla=0, ins=GET_RESPONSE), Status.WRONG_LENGTH),
        (Command(cla=0, ins=GET_RESPONSE, data=b"x", expected=256), Status.WRONG_LENGTH),
    ]:
        assert ask(card, wrong) == Response(status=status)
    assert ask(card, FETCH) == Response(b"bc")


def test_another_command_in_a_chain_breaks_it(card: Dialogue) -> None:
    assert ask(card, echo(b"abc", cla=0x80 | CHAINED)) == Response()
    other = Command(cla=0x80, ins=ECHO, p1=1, data=b"def", expected=256)
    assert ask(card, other).status == Status.CHAIN_BROKEN
    assert ask(card, echo(b"def")) == Response(b"def"), "what the chain began is forgotten"


def test_a_chain_has_an_end(card: Dialogue) -> None:
    part = echo(bytes(255), cla=0x80 | CHAINED, expected=None)
    fitting = CHAIN_BYTES_MAX // 255
    assert {ask(card, part) for _ in range(fitting)} == {Response()}
    assert ask(card, part).status == Status.WRONG_LENGTH
    assert ask(card, echo(b"abc")) == Response(b"abc")


def test_a_reset_forgets_the_chain_the_rest_and_the_selection(card: Dialogue) -> None:
    ask(card, echo(b"abc", expected=1))
    ask(card, echo(b"abc", cla=0x80 | CHAINED))
    card.reset()
    assert ask(card, FETCH).status == Status.CONDITIONS_NOT_MET
    assert ask(card, echo(b"def")).status == Status.CONDITIONS_NOT_MET, "not selected any more"
    ask(card, Command(cla=0, ins=SELECT))
    assert ask(card, echo(b"def")) == Response(b"def")


@pytest.mark.parametrize(
    ("cla", "status"),
    [
        (0x81, Status.CHANNEL_NOT_SUPPORTED),
        (0x03, Status.CHANNEL_NOT_SUPPORTED),
        (0x40, Status.CHANNEL_NOT_SUPPORTED),
        (0x84, Status.SECURE_MESSAGING_NOT_SUPPORTED),
        (0x0C, Status.SECURE_MESSAGING_NOT_SUPPORTED),
        (0x60, Status.SECURE_MESSAGING_NOT_SUPPORTED),
        (0xFF, Status.CLASS_UNKNOWN),
    ],
)
def test_classes_of_no_card_of_ours_are_refused(card: Dialogue, cla: int, status: Status) -> None:
    assert ask(card, echo(b"abc", cla=cla)) == Response(status=status)
