"""rules.md §D.3: a daily statement by its bytes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.daily_statement import (
    STATEMENT_BYTES_MAX,
    DailyStatement,
    day_of,
    format_day,
    read_statement,
    sign_statement,
    start_of,
)
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.refusals import Code
from tests.protocol.builders import BLOCK_SIGNER, NETWORK, STATEMENT, refusal_of, signer_of

KEYS = BlockKeys.stated(BLOCK_SIGNER.public_key)
AAD = external_aad(Domain.DAILY_STATEMENT, NETWORK)


def read(data: bytes, network: NetworkId = NETWORK) -> DailyStatement:
    return read_statement(data, block_keys=KEYS, network=network)


def signed(fields: dict[int, object]) -> bytes:
    return cose.sign1(cbor.encode(fields), BLOCK_SIGNER, AAD)


def fields_of(statement: DailyStatement) -> dict[int, object]:
    message = cose.decode(
        sign_statement(statement, BLOCK_SIGNER, NETWORK), size_max=STATEMENT_BYTES_MAX
    )
    fields = cbor.decode(message.payload, size_max=STATEMENT_BYTES_MAX)
    assert isinstance(fields, dict)
    return fields


def test_d3_a_statement_is_read_as_it_was_signed() -> None:
    assert read(sign_statement(STATEMENT, BLOCK_SIGNER, NETWORK)) == STATEMENT
    assert STATEMENT.difference_fen == 0
    largest = replace(
        STATEMENT, opening_fen=-FEN_MAX, vault_fen=FEN_MAX, height=FEN_MAX, reserve_fen=-FEN_MAX,
        opening_reserve_fen=FEN_MAX,
    )  # fmt: skip
    assert read(sign_statement(largest, BLOCK_SIGNER, NETWORK)) == largest


@pytest.mark.parametrize(
    ("name", "by_fen"),
    [
        ("vault_fen", 3),
        ("issued_fen", -6),
        ("reserve_fen", 3),
        ("exchanged_fen", -3),
        ("set_aside_fen", 3),
        ("released_fen", -3),
    ],
)
def test_d3_the_difference_is_what_is_not_explained(name: str, by_fen: int) -> None:
    changed = replace(STATEMENT, **{name: getattr(STATEMENT, name) + by_fen})
    assert changed.difference_fen == abs(by_fen) * (2 if name == "issued_fen" else 1)
    assert read(sign_statement(changed, BLOCK_SIGNER, NETWORK)).difference_fen > 0


@pytest.mark.parametrize("key", range(1, 18))
def test_d3_a_field_that_does_not_fit_is_refused(key: int) -> None:
    fields = fields_of(STATEMENT)
    missing = {each: value for each, value in fields.items() if each != key}
    for wrong in (
        {**fields, key: None}, {**fields, key: True}, {**fields, key: 2**63},
        {**fields, key: b"\x07" * 31}, missing,
    ):  # fmt: skip
        assert refusal_of(lambda wrong=wrong: read(signed(wrong))).code is Code.MALFORMED


def test_d3_a_difference_that_the_figures_do_not_make_is_refused() -> None:
    wrong = {**fields_of(STATEMENT), 17: 1}
    refusal = refusal_of(lambda: read(signed(wrong)))
    assert (refusal.code, refusal.fields["field"]) == (Code.MALFORMED, "statement.difference")


def test_b2_a_statement_holds_for_one_purpose_in_one_network_by_a_block_key() -> None:
    data = sign_statement(STATEMENT, BLOCK_SIGNER, NETWORK)
    payload = cose.decode(data, size_max=STATEMENT_BYTES_MAX).payload
    as_header = cose.sign1(payload, BLOCK_SIGNER, external_aad(Domain.HEADER, NETWORK))
    by_another = sign_statement(STATEMENT, signer_of(99), NETWORK)
    for wrong, network in (
        (as_header, NETWORK), (by_another, NETWORK), (data, NetworkId(b"\x09" * 32)),
    ):  # fmt: skip
        refusal = refusal_of(lambda wrong=wrong, network=network: read(wrong, network))
        assert refusal.code is Code.SIGNATURE_INVALID


@given(st.integers(0, 2**48 - 1))
def test_d3_a_day_is_one_of_utc_8(time_ms: int) -> None:
    day = day_of(time_ms)
    assert start_of(day) <= time_ms < start_of(day + 1)
    if time_ms < 200_000_000_000_000:
        here = datetime.fromtimestamp(time_ms / 1000, tz=UTC).astimezone(
            timezone(timedelta(hours=8))
        )
        assert format_day(day) == here.date().isoformat()
