"""Order ids: UUIDv7, and what their time bounds (rules.md §C.1)."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol.ids import (
    DAY_MS,
    LIFETIME_MAX_MS,
    id_time_ms,
    is_order_id,
    last_expiry_day,
    new_order_id,
)

times = st.integers(0, 2**48 - 1)
randoms = st.binary(min_size=10, max_size=10)


def test_c1_the_example_of_rfc_9562_is_made_from_its_parts() -> None:
    made = new_order_id(1_645_557_742_000, bytes.fromhex("0cc318c4dc0c0c07398f"))
    assert str(uuid.UUID(bytes=made)) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(times, randoms)
def test_c1_an_id_is_a_uuid_of_version_7_with_its_time(time_ms: int, random: bytes) -> None:
    made = new_order_id(time_ms, random)
    read = uuid.UUID(bytes=made)
    assert (read.version, read.variant) == (7, uuid.RFC_4122)
    assert is_order_id(made)
    assert id_time_ms(made) == time_ms


@given(times, randoms)
def test_c1_no_order_of_an_id_outlives_its_last_expiry_day(time_ms: int, random: bytes) -> None:
    day = last_expiry_day(new_order_id(time_ms, random))
    assert day * DAY_MS <= time_ms + LIFETIME_MAX_MS < (day + 1) * DAY_MS


@given(st.binary(min_size=16, max_size=16))
def test_c1_other_versions_and_variants_are_no_order_ids(value: bytes) -> None:
    read = uuid.UUID(bytes=value)
    assert is_order_id(value) == (read.version == 7 and read.variant == uuid.RFC_4122)


@pytest.mark.parametrize("value", [None, 7, "0" * 16, b"", bytes(15), bytes(17), [0] * 16])
def test_c1_what_is_not_sixteen_bytes_is_no_order_id(value: object) -> None:
    assert not is_order_id(value)


@pytest.mark.parametrize("length", [0, 9, 11])
def test_c1_an_id_takes_ten_random_bytes(length: int) -> None:
    with pytest.raises(ValueError, match="10 random bytes"):
        new_order_id(0, bytes(length))
