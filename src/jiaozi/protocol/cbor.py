"""Deterministic CBOR (RFC 8949 §4.2) over cbor2: one value, one encoding.

Map keys are integers from 0 to 23, ascending: there, and only there, cbor2's canonical order and
the RFC's are the same. Tags and indefinite lengths have no place in a message; COSE's two tags are
handled by `cose` as fixed bytes in front. Readers ask for exact types, so that a float, a simple
value or ``true`` never passes for an integer.

A decoder takes hostile bytes and answers with `NotCanonical` or a value. Empty arrays take seventy
times the memory of their bytes, so whatever may be long is a sequence of small items, or a byte
string that holds one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import cbor2

DEPTH_MAX = 8
KEY_MAX = 23
ARRAY_BYTES_MAX = 1 << 16
"""Longest item of a sequence that is anything but a byte string."""
_TAGS_KNOWN_TO_CBOR2 = (
    0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000,
    55799,
)  # fmt: skip

Item = tuple[object, bytes]
"""One item of a CBOR sequence: its value and its encoding."""


@dataclass(kw_only=True, eq=False)
class NotCanonical(ValueError):
    """The bytes are not one deterministically encoded CBOR value."""

    reason: str

    def __str__(self) -> str:
        return f"not deterministic CBOR: {self.reason}"


def encode(value: object) -> bytes:
    """Encode integers, byte strings, text, lists, None, booleans and maps with small keys."""
    return cbor2.dumps(value, canonical=True)


def encode_bytes(data: bytes) -> bytes:
    """Encode a byte string as `encode` does, in a fraction of the time."""
    try:
        return _HEADS[len(data)] + data
    except IndexError:
        return cbor2.dumps(data)


def decode(data: bytes, *, size_max: int) -> object:
    """Decode exactly one value and refuse any other encoding of it.

    Raises:
        NotCanonical: Too long, truncated, trailing bytes, keys that are duplicate, unsorted or
            not allowed, a tag, an indefinite or overlong length, deeper than `DEPTH_MAX`.
    """
    if len(data) > size_max:
        raise NotCanonical(reason=f"longer than {size_max} bytes")
    try:
        value = _loads(data)
        again = cbor2.dumps(value)
    except _ERRORS as error:
        raise NotCanonical(reason=str(error)) from None
    if again != data:
        raise NotCanonical(reason="another encoding of the same value, or bytes after it")
    return value


def decode_sequence(data: bytes, *, items_max: int, item_size_max: int) -> Iterator[Item]:
    """Yield the items of a CBOR sequence (RFC 8742) with the bytes of each.

    Memory is bounded by the input's, whatever it holds: see `ARRAY_BYTES_MAX`.

    Raises:
        NotCanonical: As `decode` for an item, or more than `items_max` items.
    """
    position, size = 0, item_size_max
    for _ in range(items_max):
        if position == len(data):
            return
        if item_size_max > ARRAY_BYTES_MAX:
            size = min(item_size_max, _size_at(data, position))
        try:
            value = _loads(data[position : position + size])
            encoded = cbor2.dumps(value)
        except _ERRORS as error:
            raise NotCanonical(reason=str(error)) from None
        if not data.startswith(encoded, position):
            raise NotCanonical(reason="another encoding of the same value")
        position += len(encoded)
        yield value, encoded
    if position != len(data):
        raise NotCanonical(reason=f"more than {items_max} items")


def _size_at(data: bytes, position: int) -> int:
    """Return how many bytes the item at a position may take."""
    if data[position] >> 5 != _MAJOR_BYTES:
        return ARRAY_BYTES_MAX
    head = 1 + _LENGTH_BYTES.get(data[position] & 31, 0)
    length = int.from_bytes(data[position + 1 : position + head], "big")
    return head + max(length, 23)


def _check_keys(fields: Mapping[object, object], _immutable: bool) -> Mapping[object, object]:
    """Refuse a map whose keys are not small ascending integers: ``true`` equals 1 in Python."""
    previous = -1
    for key in fields:
        if type(key) is not int or not previous < key <= KEY_MAX:
            raise ValueError("map keys are ascending integers from 0 to 23")
        previous = key
    return fields


def _refuse_tag(*_: object) -> None:
    raise ValueError("a tag has no place here")


_MAJOR_BYTES = 2
_LENGTH_BYTES = {24: 1, 25: 2, 26: 4, 27: 8}
_HEADS = tuple(cbor2.dumps(bytes(length))[: -length or None] for length in range(1024))
_ERRORS = (cbor2.CBORError, ValueError, TypeError, OverflowError)
# A value is encoded again in the order it has and compared: that finds duplicate keys, indefinite
# and overlong lengths and bytes left over; `_check_keys` finds what encodes to the same bytes.
_loads = partial(
    cbor2.loads,
    max_depth=DEPTH_MAX,
    object_hook=_check_keys,
    semantic_decoders=dict.fromkeys(_TAGS_KNOWN_TO_CBOR2, _refuse_tag),
    tag_hook=_refuse_tag,
)
