"""Deterministic CBOR (RFC 8949 §4.2) over cbor2: one value, one encoding.

Map keys are integers from -24 to 23: there, and only there, cbor2's canonical order and the RFC's
are the same. Tags, floats and indefinite lengths have no place in a message; COSE's two tags are
handled by `cose` as fixed bytes in front. A decoder takes hostile bytes and answers with
`NotCanonical` or a value whose size is bounded by the input's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import cbor2

DEPTH_MAX = 8
_TAGS_KNOWN_TO_CBOR2 = (
    0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43000, 55799,
)  # fmt: skip


@dataclass(kw_only=True, eq=False)
class NotCanonical(ValueError):
    """The bytes are not one deterministically encoded CBOR value."""

    reason: str

    def __str__(self) -> str:
        return f"not deterministic CBOR: {self.reason}"


def encode(value: object) -> bytes:
    """Encode integers, byte strings, text, lists, None, booleans and maps with small keys."""
    return cbor2.dumps(value, canonical=True)


def decode(data: bytes, *, size_max: int) -> Any:
    """Decode exactly one value and refuse any other encoding of it.

    Raises:
        NotCanonical: Too long, truncated, trailing bytes, duplicate or unsorted keys, a tag, an
            indefinite or overlong length, deeper than `DEPTH_MAX`.
    """
    if len(data) > size_max:
        raise NotCanonical(reason=f"longer than {size_max} bytes")
    try:
        value = cbor2.loads(data, **_STRICT)
        again = cbor2.dumps(value, canonical=True)
    except (cbor2.CBORError, ValueError, TypeError, OverflowError) as error:
        raise NotCanonical(reason=str(error)) from None
    if again != data:
        raise NotCanonical(reason="another encoding of the same value, or bytes after it")
    return value


def decode_sequence(data: bytes, *, items_max: int) -> Iterator[Any]:
    """Yield the items of a CBOR sequence (RFC 8742); each item must be checked by its reader.

    Raises:
        NotCanonical: Not a CBOR sequence, or more than `items_max` items.
    """
    stream = BytesIO(data)
    decoder = cbor2.CBORDecoder(stream, **_STRICT)
    length = len(data)
    for _ in range(items_max):
        if stream.tell() == length:
            return
        try:
            yield decoder.decode()
        except (cbor2.CBORError, ValueError, TypeError, OverflowError) as error:
            raise NotCanonical(reason=str(error)) from None
    if stream.tell() != length:
        raise NotCanonical(reason=f"more than {items_max} items")


def _refuse_tag(*_: object) -> None:
    raise ValueError("a tag has no place here")


_STRICT: dict[str, Any] = {
    "max_depth": DEPTH_MAX,
    "allow_indefinite": False,
    "allow_duplicate_keys": False,
    "semantic_decoders": dict.fromkeys(_TAGS_KNOWN_TO_CBOR2, _refuse_tag),
    "tag_hook": _refuse_tag,
}
