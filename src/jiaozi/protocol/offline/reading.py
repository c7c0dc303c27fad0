"""Maps of hostile bytes become named values, by a list of the fields they may have."""

from collections.abc import Sequence
from typing import Any

from jiaozi.protocol import cbor
from jiaozi.protocol.order_types import BodyField
from jiaozi.protocol.refusals import Code, refuse

_ABSENT = object()


def read_map(data: bytes, name: str, fields: Sequence[BodyField]) -> dict[str, Any]:
    """Read one map; an optional field that is absent is None.

    Raises:
        Refusal: ``not_canonical`` or ``malformed``, naming the message or its field.
    """
    try:
        values = cbor.decode(data, size_max=len(data))
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, name) from None
    if type(values) is not dict:
        raise refuse(Code.MALFORMED, name)
    read: dict[str, Any] = {}
    for each in fields:
        value = values.pop(each.key, _ABSENT)
        if value is _ABSENT and each.optional:
            value = None
        elif not each.kind.takes(value):
            raise refuse(Code.MALFORMED, f"{name}.{each.name}")
        read[each.name] = value
    if values:
        raise refuse(Code.MALFORMED, name)
    return read


def is_of_kind(value: object) -> bool:
    """Say whether a value is an array that begins with a number; ``true`` and 1.0 equal 1."""
    return type(value) is list and len(value) > 0 and type(value[0]) is int


def write_map(fields: Sequence[BodyField], values: dict[str, Any]) -> bytes:
    """Encode named values as `read_map` reads them; None is left out."""
    return cbor.encode(
        {each.key: values[each.name] for each in fields if values[each.name] is not None}
    )


def read_parts(data: bytes, name: str, *, size_max: int, count: int) -> list[bytes]:
    """Read an array of so many byte strings.

    Raises:
        Refusal: ``too_large``, ``not_canonical`` or ``malformed``, naming the message.
    """
    if len(data) > size_max:
        raise refuse(Code.TOO_LARGE, name, size_max)
    try:
        parts = cbor.decode(data, size_max=size_max)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, name) from None
    if type(parts) is not list or len(parts) != count:
        raise refuse(Code.MALFORMED, name)
    if any(type(each) is not bytes for each in parts):
        raise refuse(Code.MALFORMED, name)
    return parts
