"""Deterministic CBOR: one value, one encoding, whatever bytes come."""

import itertools
import time
import tracemalloc

import cbor2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jiaozi.protocol import cbor

SIZE_MAX = 1 << 16

integers = st.integers(-(2**64), 2**64 - 1)
scalars = integers | st.binary(max_size=300) | st.text(max_size=40) | st.none() | st.booleans()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.integers(0, cbor.KEY_MAX), inner, max_size=5)
    ),
    max_leaves=12,
)


def refuse(data: bytes, size_max: int = SIZE_MAX) -> str:
    with pytest.raises(cbor.NotCanonical) as caught:
        cbor.decode(data, size_max=size_max)
    return caught.value.reason


@given(values)
def test_what_is_encoded_reads_back_with_its_types(value: object) -> None:
    encoded = cbor.encode(value)
    assert repr(cbor.decode(encoded, size_max=SIZE_MAX)) == repr(sorted_keys(value))


@given(values)
def test_the_encoding_is_rfc_8949s(value: object) -> None:
    assert cbor.encode(value) == rfc_8949(value)


def sorted_keys(value: object) -> object:
    if isinstance(value, dict):
        return {key: sorted_keys(value[key]) for key in sorted(value)}
    return [sorted_keys(each) for each in value] if isinstance(value, list) else value


def rfc_8949(value: object) -> bytes:
    """Encode by the text of RFC 8949 §3 and §4.2, independently of any library."""
    match value:
        case bool() | None:
            return {False: b"\xf4", True: b"\xf5", None: b"\xf6"}[value]
        case int():
            return head(0, value) if value >= 0 else head(1, -1 - value)
        case bytes():
            return head(2, len(value)) + value
        case str():
            return head(3, len(value.encode())) + value.encode()
        case list():
            return head(4, len(value)) + b"".join(map(rfc_8949, value))
        case dict():
            pairs = sorted((rfc_8949(key), rfc_8949(each)) for key, each in value.items())
            return head(5, len(value)) + b"".join(key + each for key, each in pairs)
    raise TypeError(value)


def head(major: int, argument: int) -> bytes:
    if argument < 24:
        return bytes([major << 5 | argument])
    width = next(width for width in range(4) if argument < 1 << 8 * 2**width)
    return bytes([major << 5 | 24 + width]) + argument.to_bytes(2**width, "big")


@given(st.integers(0, 70_000))
@example(23)
@example(24)
@example(255)
@example(256)
@example(1023)
@example(1024)
@example(65_536)
def test_byte_strings_encode_alike_by_both_ways(length: int) -> None:
    assert cbor.encode_bytes(bytes(length)) == cbor.encode(bytes(length))


@given(st.binary(max_size=60))
def test_random_bytes_are_refused_or_the_one_encoding(data: bytes) -> None:
    try:
        value = cbor.decode(data, size_max=SIZE_MAX)
    except cbor.NotCanonical:
        return
    if "undefined" not in repr(value) and "Simple" not in repr(value) and "." not in repr(value):
        assert cbor.encode(value) == data


@given(values, st.binary(min_size=1, max_size=3))
def test_bytes_after_the_value_are_refused(value: object, more: bytes) -> None:
    refuse(cbor.encode(value) + more)


@given(values, st.data())
def test_a_truncated_value_is_refused(value: object, data: st.DataObject) -> None:
    encoded = cbor.encode(value)
    refuse(encoded[: data.draw(st.integers(0, len(encoded) - 1))])


@given(st.integers(0, 2**64 - 1), st.sampled_from([0, 1, 2, 3, 4, 5]), st.integers(0, 3))
def test_a_head_longer_than_needed_is_refused(argument: int, major: int, width: int) -> None:
    argument %= 8  # so that the content, where there is one, stays small
    content = {0: b"", 1: b"", 2: bytes(argument), 3: bytes(argument), 4: bytes(argument)}.get(
        major, b"".join(bytes([key, 0]) for key in range(argument))
    )
    short = bytes([major << 5 | argument]) + content
    cbor.decode(short, size_max=SIZE_MAX)
    refuse(bytes([major << 5 | 24 + width]) + argument.to_bytes(2**width, "big") + content)


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("indefinite array", "9f0102ff"),
        ("indefinite map", "bf0102ff"),
        ("indefinite byte string", "5f4101ff"),
        ("indefinite text", "7f6161ff"),
        ("break alone", "ff"),
        ("reserved length", "1c"),
        ("reserved simple value", "fc"),
        ("two-byte simple value below 32", "f818"),
        ("text that is not UTF-8", "61ff"),
        ("text with a surrogate", "63eda080"),
        ("bignum", "c249010000000000000000"),
        ("date", "c000"),
        ("timestamp", "c11a514b67b0"),
        ("decimal fraction", "c48221196ab3"),
        ("regular expression", "d823625b28"),
        ("shared value", "d81c80"),
        ("reference to a shared value", "82d81c80d81d00"),
        ("set", "d9010280"),
        ("self-described", "d9d9f700"),
        ("tag that nobody knows", "da7fffffff00"),
        ("half float with another encoding", "f93e00"),
        ("duplicate keys", "a201000100"),
        ("keys out of order", "a202000100"),
        ("key above 23", "a1181800"),
        ("negative key", "a12000"),
        ("text key", "a1616100"),
        ("byte string key", "a1410100"),
        ("true as key 1", "a1f500"),
        ("false as key 0", "a1f400"),
        ("1.0 as key 1", "a1fb3ff000000000000000"),
        ("null as key", "a1f600"),
        ("array as key", "a18000"),
        ("map as key", "a1a000"),
        ("undefined as key", "a1f700"),
        ("true as key beside 2", "a20200f500"),
        ("map with such a key inside an array", "8281a1f50000"),
        ("nothing", ""),
    ],
)
def test_what_is_not_deterministic_is_refused(name: str, encoded: str) -> None:
    assert refuse(bytes.fromhex(encoded)), name


def test_depth_is_bounded() -> None:
    deepest = b"\x81" * cbor.DEPTH_MAX + b"\x00"
    cbor.decode(deepest, size_max=SIZE_MAX)
    refuse(b"\x81" + deepest)
    refuse(b"\x81" * 100_000 + b"\x80", size_max=1 << 20)
    refuse(b"\xa1\x01" * 30_000 + b"\x80", size_max=1 << 20)


def test_length_is_bounded_before_anything_is_read() -> None:
    cbor.decode(b"\x43abc", size_max=4)
    assert "longer than 3" in refuse(b"\x43abc", size_max=3)


@pytest.mark.parametrize("major", range(6))
@pytest.mark.parametrize("length", [2**16, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1])
def test_an_enormous_declared_length_costs_nothing(major: int, length: int) -> None:
    data = bytes([major << 5 | 27]) + length.to_bytes(8, "big") + b"\x00" * 10
    tracemalloc.start()
    refuse(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@given(st.lists(values, max_size=6))
def test_a_sequence_yields_each_value_with_its_bytes(items: list[object]) -> None:
    data = b"".join(map(cbor.encode, items))
    read = list(cbor.decode_sequence(data, items_max=6, item_size_max=SIZE_MAX))
    assert b"".join(encoded for _, encoded in read) == data
    assert [encoded for _, encoded in read] == [cbor.encode(each) for each in items]
    assert repr([value for value, _ in read]) == repr([sorted_keys(each) for each in items])


@pytest.mark.parametrize(
    ("data", "items_max", "item_size_max"),
    [
        (b"\x01\x02\x03", 2, 10),
        (b"\x43abc", 1, 3),
        (b"\x01\x18\x01", 9, 10),
        (b"\x01\xa2\x02\x00\x01\x00", 9, 10),
        (b"\x01\x5f\x41a\xff", 9, 10),
        (b"\x01\x82\x01", 9, 10),
        (b"\x01\xc0\x00", 9, 10),
        (b"\x01", 0, 10),
        (b"\x5a\x7f\xff\xff\xffabc", 9, 1 << 30),
        (b"\x5b\xff\xff\xff\xff\xff\xff\xff\xffabc", 9, 1 << 30),
        (b"\x5c", 9, 1 << 30),
        (b"\x58", 9, 1 << 30),
    ],
)
def test_a_sequence_that_is_too_long_or_not_canonical_is_refused(
    data: bytes, items_max: int, item_size_max: int
) -> None:
    with pytest.raises(cbor.NotCanonical):
        list(cbor.decode_sequence(data, items_max=items_max, item_size_max=item_size_max))


@given(st.lists(st.binary(max_size=400), max_size=5), st.sampled_from([1, 1 << 20]))
def test_byte_strings_of_any_length_stand_in_a_sequence(parts: list[bytes], times: int) -> None:
    parts = [part * (times // 300 if part else 1) for part in parts] if times > 1 else parts
    data = b"".join(map(cbor.encode, parts))
    read = cbor.decode_sequence(data, items_max=5, item_size_max=1 << 26)
    assert [value for value, _ in read] == parts


@pytest.mark.parametrize("filler", [b"\x80", b"\xa0", b"\x01", b"\x60", b"\x81\x80"])
def test_four_megabytes_of_small_things_cost_little_memory_and_time(filler: bytes) -> None:
    count = (4 << 20) // len(filler)
    one_array = b"\x9a" + count.to_bytes(4, "big") + filler * count
    tracemalloc.start()
    started = time.process_time()
    for item_size_max in (5120, 64 << 20):
        with pytest.raises(cbor.NotCanonical):
            list(cbor.decode_sequence(one_array, items_max=2000, item_size_max=item_size_max))
        with pytest.raises(cbor.NotCanonical):
            for _ in cbor.decode_sequence(
                filler * count, items_max=2000, item_size_max=item_size_max
            ):
                pass
    elapsed_s = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20
    assert elapsed_s < 10


def test_keys_that_collide_in_the_hash_table_cost_little_time() -> None:
    """Integers that differ by 2^61 - 1 have one hash, and so have arrays of such integers."""
    alike = [1 + k * (2**61 - 1) for k in range(8)]
    keys = list(itertools.islice(itertools.product(alike, repeat=4), 1980))
    assert len({hash(key) for key in keys}) == 1
    body = b"".join(cbor2.dumps(key) + b"\x00" for key in keys)
    hostile = b"\xb9" + len(keys).to_bytes(2, "big") + body
    started = time.process_time()
    with pytest.raises(cbor.NotCanonical):
        list(cbor.decode_sequence(hostile, items_max=1, item_size_max=1 << 26))
    assert cbor.ARRAY_BYTES_MAX - 2000 < len(hostile) < cbor.ARRAY_BYTES_MAX
    assert time.process_time() - started < 10
