"""Whatever bytes come, a decoder answers with a value or a refusal, soon and in little memory."""

import time
import tracemalloc
from collections.abc import Callable

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jiaozi.protocol import blocks, cbor, cose, feed
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.certificates import read_certificate, read_unverified
from jiaozi.protocol.domains import NO_NETWORK, Domain, external_aad
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import SUBMISSION_BYTES_MAX, parse, parse_item, parse_view
from jiaozi.protocol.receipts import verify_receipt
from jiaozi.protocol.refusals import Refusal
from tests.protocol.builders import (
    BLOCK_SEED,
    BLOCK_SIGNER,
    NETWORK,
    OPERATOR,
    ORDER_AAD,
    ROOT,
    ROOT_SEED,
    block_of,
    certificate_bytes,
    genesis_bytes,
    resigned,
    submission_of,
)

GOOD_BLOCK = block_of([submission_of(each) for each in (OrderType.PAYMENT, OrderType.ISSUE)])
KEY = BLOCK_SIGNER.public_key


def read_view(data: bytes) -> object:
    return parse_view(data, [None])


def read_items(data: bytes) -> object:
    try:
        items = list(cbor.decode_sequence(data, items_max=2000, item_size_max=SUBMISSION_BYTES_MAX))
    except cbor.NotCanonical:
        return None
    return [parse_item(each) for each in items]


def read_feed(data: bytes) -> object:
    return feed.read_block(
        data,
        operator=OPERATOR,
        before=feed.START,
        block_keys=BlockKeys.stated(KEY),
        network=NETWORK,
    )


DECODERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "order": (parse, submission_of()),
    "orders": (read_items, submission_of() + submission_of(OrderType.QUOTA)),
    "view": (read_view, GOOD_BLOCK.items[0].cose),
    "message": (lambda data: cose.decode(data, size_max=4096), GOOD_BLOCK.items[1].cose),
    "header": (
        lambda data: blocks.read_header(data, block_keys=BlockKeys.stated(KEY), network=NETWORK),
        GOOD_BLOCK.signed.encoded,
    ),
    "body": (lambda data: list(blocks.read_body(data, 2)), GOOD_BLOCK.body),
    "receipt": (
        lambda data: verify_receipt(data, block_keys=BlockKeys.stated(KEY), network=NETWORK),
        GOOD_BLOCK.receipt(1),
    ),
    "feed": (read_feed, GOOD_BLOCK.feed_block()),
    "certificate": (
        lambda data: read_certificate(data, root_key=ROOT.public_key, network=NETWORK),
        certificate_bytes(),
    ),
    "unverified certificate": (read_unverified, certificate_bytes()),
    "genesis": (read_genesis, genesis_bytes()),
}
decoders = pytest.mark.parametrize("name", DECODERS)

values = st.recursive(
    st.integers(-(2**64), 2**64 - 1)
    | st.binary(max_size=40)
    | st.sampled_from([bytes(16), bytes(32), bytes(64), KEY])
    | st.text(max_size=5)
    | st.none()
    | st.booleans()
    | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=8) | st.dictionaries(st.integers(0, 9), inner, max_size=9)
    ),
    max_leaves=20,
)


def answer(name: str, data: bytes) -> object:
    """What a decoder says: a value or a refusal; any other exception fails the test."""
    try:
        return DECODERS[name][0](data)
    except Refusal as refusal:
        return refusal


@decoders
def test_the_good_bytes_are_taken(name: str) -> None:
    assert not isinstance(answer(name, DECODERS[name][1]), Refusal)


@decoders
@given(data=st.binary(max_size=300))
def test_random_bytes_are_refused(name: str, data: bytes) -> None:
    answer(name, data)


@decoders
@given(value=values)
def test_any_value_in_place_of_a_message_is_refused(name: str, value: object) -> None:
    assert isinstance(answer(name, cbor2.dumps(value, canonical=True)), Refusal | None)


@decoders
@settings(max_examples=150)
@given(data=st.data())
def test_damaged_bytes_never_bring_a_decoder_down(name: str, data: st.DataObject) -> None:
    """Bits flipped, pieces cut out, doubled or put in from another message."""
    good = bytearray(DECODERS[name][1])
    other = DECODERS[data.draw(st.sampled_from(list(DECODERS)))][1]
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(0, len(good) - 1)))
        length = data.draw(st.integers(0, 20))
        start = data.draw(st.integers(0, len(other)))
        match data.draw(st.sampled_from(["flip", "cut", "double", "splice", "set"])):
            case "flip" if good:
                good[place] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del good[place : place + length]
            case "double":
                good[place:place] = good[place : place + length]
            case "splice":
                good[place : place + length] = other[start : start + length]
            case "set" if good:
                good[place] = data.draw(st.sampled_from([0, 0x5B, 0x80, 0x9B, 0xA0, 0xF6, 0xFF]))
            case _:
                pass
    answer(name, bytes(good))


SIGNED: dict[str, Callable[[bytes], bytes]] = {
    "order": lambda payload: cbor2.dumps([resigned(payload), []]),
    "view": resigned,
    "header": lambda payload: resigned(payload, BLOCK_SEED, external_aad(Domain.HEADER, NETWORK)),
    "certificate": lambda payload: resigned(
        payload, ROOT_SEED, external_aad(Domain.CERTIFICATE, NETWORK)
    ),
    "unverified certificate": lambda payload: resigned(payload, ROOT_SEED, ORDER_AAD),
    "genesis": lambda payload: resigned(
        payload, ROOT_SEED, external_aad(Domain.GENESIS, NO_NETWORK)
    ),
}


@pytest.mark.parametrize("name", SIGNED)
@settings(max_examples=150)
@given(payload=values.map(lambda value: cbor2.dumps(value, canonical=True)) | st.binary())
def test_a_hostile_payload_under_a_good_signature_is_refused(name: str, payload: bytes) -> None:
    assert isinstance(answer(name, SIGNED[name](payload)), Refusal)


# Small things by the million, deep nests, and lengths that are not there.
MEGABYTES = 4 << 20
ARRAY = b"\x9a\x00\x3f\xff\xf0"
BOMBS = {
    "arrays": ARRAY + b"\x80" * MEGABYTES,
    "maps": ARRAY + b"\xa0" * MEGABYTES,
    "a hundred thousand": b"\x9a\x00\x01\x86\xa0" + b"\x80" * 100_000,
    "nest": b"\x81" * MEGABYTES,
    "nest of maps": b"\xa1\x00" * (MEGABYTES // 2),
    "sequence of arrays": b"\x80" * MEGABYTES,
    "sequence of pairs": b"\x82\x40\x80\x81\x00" * (MEGABYTES // 5),
    "declared bytes": b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "declared array": b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff",
    "declared map": b"\xbb\x00\x00\xff\xff\xff\xff\xff\xff",
    "zeros": bytes(MEGABYTES),
}


@decoders
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_costs_little_time_and_memory(name: str, bomb: str) -> None:
    data = BOMBS[bomb]
    tracemalloc.start()
    started = time.process_time()
    for wrapped in (data, b"\xd2" + data, b"\xd8\x62" + data, cbor2.dumps(data)):
        assert isinstance(answer(name, wrapped), Refusal | None)
    elapsed_s, peak = time.process_time() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert elapsed_s < 10
    assert peak < 32 << 20
