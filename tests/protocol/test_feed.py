"""The feed: an operator sees that nothing was left out (rules.md §F.1)."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol import blocks, feed
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.refusals import Code, PayeeCause, Refusal
from tests.protocol.builders import (
    BLOCK_SIGNER,
    NETWORK,
    OPERATOR,
    OTHER_OPERATOR,
    ROOT,
    Block,
    block_of,
    largest_payment,
    leg,
    order_id,
    refusal_of,
    submission_of,
)


def block(count: int = 3, height: int = 3, before: feed.Head = feed.START) -> Block:
    submissions = [
        submission_of(id=order_id(serial=n), legs=[leg(salt=1), leg(salt=2)]) for n in range(count)
    ]
    return block_of(submissions, height=height, before=before)


GOOD = block()


def read(data: bytes, **changes: object) -> feed.FeedBlock:
    arguments: dict[str, object] = {
        "operator": OPERATOR, "before": feed.START,
        "block_keys": BlockKeys.stated(BLOCK_SIGNER.public_key), "network": NETWORK,
    }  # fmt: skip
    return feed.read_block(data, **arguments | changes)


def refused(data: bytes, **changes: object) -> Code:
    refusal: Refusal = refusal_of(lambda: read(data, **changes))
    return refusal.code


def encoded(entries: list[feed.Entry], first: int = 1, made: Block = GOOD) -> bytes:
    return feed.encode_block(made.signed.encoded, first, entries, (0, 1, []))


def raw(proof: object, *rows: object) -> bytes:
    return cbor2.dumps(b"".join(map(cbor2.dumps, (proof, *rows))))


PROOF = [GOOD.signed.encoded, 1, 0, 1, []]
ROWS = [[each.position, each.cose, each.legs, list(each.outcome), None] for each in GOOD.entries]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=4))
def test_f1_blocks_read_one_after_the_other(counts: list[int]) -> None:
    head = feed.START
    for height, count in enumerate(counts, 2):
        made = block(count, height, head)
        answer = read(made.feed_block(head), before=head)
        assert list(answer.entries) == made.entries
        assert answer.head == made.head
        assert answer.header == made.signed
        head = answer.head
    assert head.sequence == sum(counts)


def test_f1_an_entry_left_out_shows() -> None:
    for left_out in range(3):
        entries = [each for each in GOOD.entries if each.position != left_out]
        assert refused(encoded(entries)) is Code.SIGNATURE_INVALID
    assert refused(encoded([])) is Code.SIGNATURE_INVALID


def test_f1_a_whole_block_left_out_shows() -> None:
    second = block(2, height=4, before=GOOD.head)
    assert refused(second.feed_block(GOOD.head)) is Code.SIGNATURE_INVALID
    assert refused(second.feed_block(feed.START)) is Code.SIGNATURE_INVALID
    assert refused(GOOD.feed_block(), before=GOOD.head) is Code.SIGNATURE_INVALID


def test_f1_entries_cannot_be_shown_under_a_later_header() -> None:
    """The next block adds nothing, so it proves the same head: but of another height."""
    empty = block(0, height=4, before=GOOD.head)
    assert empty.head == GOOD.head
    assert read(empty.feed_block(GOOD.head), before=GOOD.head).entries == ()
    assert refused(encoded(GOOD.entries, made=empty)) is Code.SIGNATURE_INVALID


def test_f1_two_blocks_cannot_be_shown_as_one() -> None:
    second = block(1, height=4, before=GOOD.head)
    entries = [*GOOD.entries, second.entries[0]._replace(position=3)]
    assert refused(encoded(entries, made=second)) is Code.SIGNATURE_INVALID


@pytest.mark.parametrize(
    "change",
    [
        {"position": 5},
        {"outcome": (107, 1)},
        {"cause": PayeeCause.CLOSED},
        {"legs": [None, None]},
        {"cose": block(1, height=9).entries[0].cose},
    ],
)
def test_f1_a_changed_entry_shows(change: dict[str, object]) -> None:
    entries = GOOD.entries
    assert refused(encoded([*entries[:2], entries[2]._replace(**change)])) in (
        Code.SIGNATURE_INVALID, Code.MALFORMED,
    )  # fmt: skip


def test_f1_entries_stand_in_the_order_of_their_block() -> None:
    entries = GOOD.entries
    assert refused(encoded([entries[1], entries[0], entries[2]])) is Code.MALFORMED
    assert refused(encoded([entries[0], entries[0], entries[2]])) is Code.MALFORMED


def test_f1_a_feed_is_one_operators() -> None:
    assert refused(GOOD.feed_block(), operator=OTHER_OPERATOR) is Code.SIGNATURE_INVALID
    assert (
        refused(GOOD.feed_block(), block_keys=BlockKeys.stated(ROOT.public_key))
        is Code.SIGNATURE_INVALID
    )
    assert refused(GOOD.feed_block(), network=NetworkId(bytes(32))) is Code.SIGNATURE_INVALID


@given(st.data())
def test_any_changed_bit_of_a_feed_block_is_refused(data: st.DataObject) -> None:
    """But for the bytes of the legs, which whoever reads the order compares with its hashes."""
    good = bytearray(GOOD.feed_block())
    bit = data.draw(st.integers(0, 8 * len(good) - 1))
    good[bit // 8] ^= 1 << bit % 8
    try:
        answer = read(bytes(good))
    except Refusal:
        return
    changed = [
        (one, other)
        for one, other in zip(answer.entries, GOOD.entries, strict=True)
        if one != other
    ]
    assert all(one._replace(legs=[]) == other._replace(legs=[]) for one, other in changed)


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize(
    "value",
    [None, True, -1, 2**64 - 1, 1.0, "a", b"", b"\xd2", [], [0], [None], [b""], [bytes(33)], {}],
)
def test_a_feed_block_of_other_parts_is_refused(place: int, value: object) -> None:
    proof = [*PROOF[:place], value, *PROOF[place + 1 :]]
    if proof != PROOF:
        refused(raw(proof, *ROWS))


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize(
    "value",
    [True, -1, 2**32, 1.0, "a", b"", [], [0, 0], [None], ["a"], [[]], [1.5], {}, [None] * 17, 6, 0],
)
def test_an_entry_of_other_parts_is_refused(place: int, value: object) -> None:
    row = [*ROWS[0][:place], value, *ROWS[0][place + 1 :]]
    if row != ROWS[0] and not (place == 4 and value == 0):
        refused(raw(PROOF, row, *ROWS[1:]))


def test_an_entry_without_a_cause_has_none() -> None:
    assert refused(raw(PROOF, [*ROWS[0][:4], 0], *ROWS[1:])) is Code.MALFORMED


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x40",
        b"\x80",
        b"\xf6",
        cbor2.dumps([PROOF, ROWS]),
        raw(None),
        raw([]),
        raw({}),
        raw(PROOF, None),
        raw(PROOF, []),
        raw(PROOF, {}),
        raw(PROOF, [0] * 4),
        raw(PROOF, [0] * 6),
        raw(PROOF[:4], *ROWS),
        raw([*PROOF, 0], *ROWS),
        GOOD.feed_block() + b"\x00",
        GOOD.feed_block()[:-1],
        b"\x5a\xff\xff\xff\xff" + bytes(100),
        b"\x9a\xff\xff\xff\xff" + b"\x80" * 100,
    ],
)
def test_what_is_no_feed_block_is_malformed(data: bytes) -> None:
    assert refused(data) is Code.MALFORMED


def test_the_largest_entry_fits() -> None:
    made = block_of([largest_payment()])
    item = made.items[0]
    row = [blocks.ORDERS_MAX - 1, item.cose, item.legs, [106, 2**63 - 1, 2**63 - 1], 5]
    assert len(cbor2.dumps(row)) < feed.ENTRY_BYTES_MAX
