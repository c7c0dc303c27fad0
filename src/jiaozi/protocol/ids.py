"""Order ids: UUIDv7 (RFC 9562 §5.7), made by whoever signs the order.

The time inside an id bounds what a registry must remember: an order expires at most
`LIFETIME_MAX_MS` after it, so an id whose window has passed can be forgotten (rules.md §C.1).
Pure: time and randomness come in as arguments.
"""

from typing import NewType

OrderId = NewType("OrderId", bytes)

ID_LENGTH = 16
DAY_MS = 86_400_000
LIFETIME_MAX_MS = 7 * DAY_MS
"""An order expires at most this long after the time in its id."""
AHEAD_MAX_MS = 5 * 60_000
"""The time in an id lies at most this far ahead of block time: how far clocks may differ."""


def new_order_id(time_ms: int, random: bytes) -> OrderId:
    """Make an id from Unix time in milliseconds and 10 random bytes."""
    if len(random) != 10:
        raise ValueError("an order id takes 10 random bytes")
    head = time_ms.to_bytes(6, "big")
    version = bytes((0x70 | random[0] & 0x0F,))
    variant = bytes((0x80 | random[2] & 0x3F,))
    return OrderId(head + version + random[1:2] + variant + random[3:])


def is_order_id(value: object) -> bool:
    """Say whether a value is 16 bytes that carry version 7 and the RFC 9562 variant."""
    return (
        type(value) is bytes
        and len(value) == ID_LENGTH
        and value[6] >> 4 == 7
        and value[8] >> 6 == 2
    )


def id_time_ms(order_id: bytes) -> int:
    """Return the Unix time in milliseconds that an id carries."""
    return int.from_bytes(order_id[:6], "big")


def last_expiry_day(order_id: bytes) -> int:
    """Return the last day (since 1970, UTC) on which an order of this id can be alive.

    It follows from the id alone, so that the same id is always looked for in the same place,
    whatever expiry a second order under it claims.
    """
    return (id_time_ms(order_id) + LIFETIME_MAX_MS) // DAY_MS
