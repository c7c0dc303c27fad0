"""Blocks: headers are the registry's, bodies are what headers say (rules.md §C)."""

from hashlib import sha256

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol import blocks, cbor, cose
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import CATALOGUE, FINAL_CODES, SETTLED, Code, Outcome
from tests.protocol.builders import (
    BLOCK_SEED,
    BLOCK_SIGNER,
    NETWORK,
    ROOT,
    block_of,
    leg,
    order_id,
    refusal_of,
    resigned,
    submission_of,
)

AAD = external_aad(Domain.HEADER, NETWORK)
hashes = st.binary(min_size=32, max_size=32)
outcomes: st.SearchStrategy[Outcome] = st.just(SETTLED) | st.sampled_from(
    [each for each in Code if each in FINAL_CODES]
).flatmap(
    lambda code: st.tuples(
        st.just(int(code)), *[st.integers(0, FEN_MAX) for _ in CATALOGUE[code].fields]
    )
)
headers = st.builds(
    blocks.Header,
    height=st.integers(1, FEN_MAX),
    time_ms=st.integers(0, 2**48 - 1),
    previous=hashes,
    orders_root=hashes,
    count=st.integers(0, blocks.ORDERS_MAX),
    body_hash=hashes,
    feeds_root=hashes,
    state=st.none() | st.tuples(st.just(0), hashes),
)


def read(data: bytes) -> blocks.SignedHeader:
    return blocks.read_header(
        data, block_keys=BlockKeys.stated(BLOCK_SIGNER.public_key), network=NETWORK
    )


@given(headers)
def test_a_header_reads_back(header: blocks.Header) -> None:
    signed = blocks.sign_header(header, BLOCK_SIGNER, NETWORK)
    assert read(signed.encoded) == signed
    message = cose.decode(signed.encoded, size_max=blocks.HEADER_BYTES_MAX)
    assert signed.identity == message.identity


def signed_fields(changes: dict[int, object], seed: int = BLOCK_SEED) -> bytes:
    block = block_of([submission_of()])
    fields = dict(sorted((block.signed.header.fields() | changes).items()))
    return resigned(cbor2.dumps(fields), seed, AAD)


@pytest.mark.parametrize(
    "changes",
    [{key: value} for key in range(1, 9) for value in (None, True, -1, 1.0, "1", [], {}, 2**64 - 1)]
    + [{key: bytes(length)} for key in (3, 4, 6, 7) for length in (0, 31, 33)]
    + [{1: FEN_MAX + 1}, {2: 2**48}, {5: blocks.ORDERS_MAX + 1}, {9: 0}, {0: 0}]
    + [{8: value} for value in ([1], [1, bytes(32), 0], [3, bytes(32)], [-1, bytes(32)])]
    + [{8: value} for value in ([True, bytes(32)], [1, bytes(31)], [1, None], {0: 1, 1: 2})],
)
def test_a_header_of_other_fields_is_malformed(changes: dict[int, object]) -> None:
    assert refusal_of(lambda: read(signed_fields(changes))).code is Code.MALFORMED


@given(st.data())
def test_any_changed_bit_of_a_header_is_refused(data: st.DataObject) -> None:
    encoded = bytearray(block_of([submission_of()]).signed.encoded)
    bit = data.draw(st.integers(0, 8 * len(encoded) - 1))
    encoded[bit // 8] ^= 1 << bit % 8
    refusal_of(lambda: read(bytes(encoded)))


def test_b2_a_header_is_signed_as_one_by_the_block_key_in_this_network() -> None:
    header = block_of([submission_of()]).signed.header
    payload = cbor.encode(header.fields())
    for wrong in (
        blocks.sign_header(header, ROOT, NETWORK).encoded,
        blocks.sign_header(header, BLOCK_SIGNER, NetworkId(bytes(32))).encoded,
        cose.sign1(payload, BLOCK_SIGNER, external_aad(Domain.ORDER, NETWORK)),
        cose.sign(payload, [BLOCK_SIGNER], AAD),
    ):
        assert refusal_of(lambda: read(wrong)).code is Code.SIGNATURE_INVALID  # noqa: B023


@given(outcomes)
def test_c2_an_outcome_reads_back(outcome: Outcome) -> None:
    encoded = blocks.encode_outcome(outcome)
    assert encoded == cbor.encode(list(outcome))
    assert blocks.read_outcome(cbor.decode(encoded, size_max=99)) == outcome


def test_c2_an_outcome_of_a_later_version_is_read_as_it_is() -> None:
    later = next(code for code in FINAL_CODES if code not in CATALOGUE)
    assert blocks.read_outcome([later, 1, 2]) == (later, 1, 2)


@pytest.mark.parametrize(
    "value",
    [
        None, 0, (0,), b"\x00", "0", {}, [], [None], [True], [False], [0.0], ["0"], [[0]], [0, 0],
        [-1], [1], [50], [99], [200], [2**63], [100], [100, 1, 2], [100, -1], [100, True],
        [100, FEN_MAX + 1], [108, 0], [199] + [0] * 8,
    ],
)  # fmt: skip
def test_c2_what_is_no_final_outcome_is_malformed(value: object) -> None:
    assert refusal_of(lambda: blocks.read_outcome(value)).code is Code.MALFORMED


@given(st.lists(st.tuples(st.sampled_from(OrderType), outcomes), max_size=6))
def test_a_body_reads_back(orders: list[tuple[OrderType, Outcome]]) -> None:
    submissions = [submission_of(kind, id=order_id(serial=n)) for n, (kind, _) in enumerate(orders)]
    block = block_of(submissions, [outcome for _, outcome in orders])
    items = block.items
    assert [each.submission for each in items] == submissions
    assert [each.outcome for each in items] == [outcome for _, outcome in orders]
    assert [each.cose for each in items] == [each.cose for each in block.orders]
    assert block.signed.header.body_hash == sha256(block.body).digest()


@pytest.mark.parametrize("count", [-1, 0, 1, 3, blocks.ORDERS_MAX, blocks.ORDERS_MAX + 1, 2**63])
def test_a_body_has_as_many_orders_as_its_header_says(count: int) -> None:
    block = block_of([submission_of(), submission_of(id=order_id(serial=2))])
    refusal = refusal_of(lambda: list(blocks.read_body(block.body, count)))
    assert refusal.code is Code.MALFORMED


@pytest.mark.parametrize(
    "item",
    [
        7,
        None,
        [],
        [b""],
        [b"", []],
        {0: b"", 1: []},
        [[], b""],
        [b"", [None]],
        [b"", ["leg"]],
        "ab",
    ],
)
def test_a_body_is_of_submissions_and_outcomes(item: object) -> None:
    for body in (
        cbor2.dumps(item) + cbor2.dumps([0]),
        submission_of() + cbor2.dumps(item),
        submission_of(),
        submission_of() + cbor2.dumps([0]) + submission_of(),
        cbor2.dumps([0]) + submission_of(),
    ):
        if item == [b"", []] and body.endswith(b"\x81\x00"):
            continue
        refusal = refusal_of(lambda: list(blocks.read_body(body, 1)))  # noqa: B023
        assert refusal.code is Code.MALFORMED


def test_a_body_has_one_encoding() -> None:
    """A longer length around an order is unsigned by its owner, but the body's hash covers it."""
    submission = submission_of()
    assert submission[:1] == b"\x82"
    longer = b"\x98\x02" + submission[1:] + b"\x81\x00"
    refusal = refusal_of(lambda: list(blocks.read_body(longer, 1)))
    assert refusal.code is Code.MALFORMED


def test_a_leaf_is_of_one_order_and_one_outcome() -> None:
    one, other = submission_of(), submission_of(legs=[leg(salt=7)])
    block = block_of([one, one, other], [SETTLED, (100, 1), SETTLED])
    assert len(set(block.leaves)) == 3
