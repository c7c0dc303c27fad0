"""Payment requests: what is asked comes out as it was asked, and nobody else can have asked it."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol.attestations import LIFETIME_MS, read_attestation, sign_attestation
from jiaozi.protocol.block_keys import Span
from jiaozi.protocol.certify_keys import CertifyKeys
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.money import Fen
from jiaozi.protocol.numbers import account_number
from jiaozi.protocol.payment_request import (
    LIFETIME_MAX_MS,
    REQUEST_BYTES_MAX,
    PaymentRequest,
    Terms,
    read_request,
    sign_request,
)
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.statement_code import StatementCode, read_code, sign_code
from jiaozi.protocol.suites import Ed25519Signer

NETWORK, OTHER = NetworkId(b"n" * 32), NetworkId(b"o" * 32)
CERTIFY, WALLET_KEY, THIEF = (Ed25519Signer(bytes([n]) * 32) for n in (1, 2, 3))
PAYEE = account_number(1001, 10**6)
NOW_MS = 1_790_000_000_000
VECTORS = Path(__file__).parents[1] / "vectors" / "payment_requests.json"


def terms(**changes: object) -> Terms:
    made = Terms(
        id=new_order_id(NOW_MS, bytes(10)),
        payee=PAYEE,
        amount_fen=Fen(12_50),
        expires_ms=NOW_MS + 86_400_000,
        note="面条 for two",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def attestation(
    key: bytes = WALLET_KEY.public_key, *, signer: Ed25519Signer = CERTIFY, **changes: int
) -> bytes:
    fields: dict[str, Any] = {"operator": 1001, "wallet": PAYEE, "now_ms": NOW_MS, **changes}
    return sign_attestation(key=key, signer=signer, network=NETWORK, **fields)


def request(
    *, signer: Ed25519Signer = WALLET_KEY, attested: bytes | None = None, **changes: object
) -> str:
    return sign_request(terms(**changes), attested or attestation(), signer, NETWORK)


def is_attested(read: PaymentRequest) -> bool:
    keys = CertifyKeys({(1001, CERTIFY.public_key): Span(0, 2**48)})
    return read.is_attested(keys, NETWORK)


def code_of(act: Callable[[], object]) -> Code:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value.code


@given(st.none() | st.integers(1, 2**63 - 1), st.text(st.characters(categories=["L", "N"])))
def test_what_is_asked_comes_out_as_it_was_asked(amount_fen: Fen | None, note: str) -> None:
    asked = terms(amount_fen=amount_fen, note=note[:140])
    read = read_request(sign_request(asked, attestation(), WALLET_KEY, NETWORK), NETWORK)
    assert read.terms == asked
    assert is_attested(read)


def test_the_longest_request_fits() -> None:
    text = request(note="面" * 140, amount_fen=2**63 - 1)
    assert len(text) < REQUEST_BYTES_MAX * 4 // 3
    assert read_request(f" {text[:50]}\r\n{text[50:]} ", NETWORK).terms.note == "面" * 140


def test_a_changed_request_is_refused() -> None:
    text = request()
    for place in range(8, len(text), 7):
        other = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(Refusal):
            read_request(other, NETWORK)


def test_a_request_of_another_network_or_key_is_refused() -> None:
    assert code_of(lambda: read_request(request(), OTHER)) is Code.SIGNATURE_INVALID
    by_thief = request(signer=THIEF)
    assert code_of(lambda: read_request(by_thief, NETWORK)) is Code.SIGNATURE_INVALID


def test_a_key_that_nobody_attests_is_not_taken_for_the_payees() -> None:
    own_word = attestation(THIEF.public_key, signer=THIEF)
    read = read_request(request(signer=THIEF, attested=own_word), NETWORK)
    assert not is_attested(read)


def test_an_attestation_is_for_one_wallet_of_the_operators_own_and_for_its_time() -> None:
    for attested in (
        attestation(wallet=account_number(1001, 10**6 + 1)),
        attestation(operator=1002),
    ):
        text = request(attested=attested)
        assert code_of(partial(read_request, text, NETWORK)) is Code.MALFORMED
    for now_ms, holds in (
        (NOW_MS, True),
        (NOW_MS + 60_000, True),
        (NOW_MS - LIFETIME_MS + 1, True),
        (NOW_MS - LIFETIME_MS - 300_000, False),
        (NOW_MS + 3_600_000, False),
    ):
        read = read_request(request(attested=attestation(now_ms=now_ms)), NETWORK)
        assert is_attested(read) is holds, now_ms
    elsewhere = read_attestation(attestation())
    assert not elsewhere.is_signed_by(CERTIFY.public_key, OTHER)


@pytest.mark.parametrize(
    "changes",
    [
        {"expires_ms": NOW_MS},
        {"expires_ms": NOW_MS + LIFETIME_MAX_MS + 1},
        {"amount_fen": 0},
        {"amount_fen": -1},
        {"note": "x" * 141},
        {"note": "pay\u202e"},
        {"note": "a\nb"},
        {"id": bytes(16)},
        {"payee": PAYEE + 1},
    ],
)
def test_terms_that_cannot_be_are_refused(changes: dict[str, object]) -> None:
    assert code_of(lambda: read_request(request(**changes), NETWORK)) is Code.MALFORMED


@pytest.mark.parametrize("text", ["", "jiaozi:", "jiaozi:*", "http://x", "jiaozi:AAAA", "ñ" * 99])
def test_what_is_no_request_is_refused(text: str) -> None:
    assert code_of(lambda: read_request(text, NETWORK)) in (Code.MALFORMED, Code.NOT_CANONICAL)
    assert code_of(lambda: read_request("jiaozi:" + "A" * 9999, NETWORK)) is Code.TOO_LARGE


@given(st.binary(max_size=600))
def test_hostile_bytes_are_refused(data: bytes) -> None:
    text = "jiaozi:" + base64.urlsafe_b64encode(data).decode()
    with pytest.raises(Refusal):
        read_request(text, NETWORK)


def test_two_requests_of_one_note_have_two_references() -> None:
    first = read_request(request(), NETWORK)
    second = read_request(request(id=new_order_id(NOW_MS, b"1" * 10)), NETWORK)
    assert first.reference != second.reference


def test_the_vectors_are_what_the_code_makes() -> None:
    for case in json.loads(VECTORS.read_text()):
        made = request(amount_fen=case["amount_fen"], note=case["note"])
        assert made == case["text"]
        read = read_request(case["text"], NetworkId(bytes.fromhex(case["network"])))
        assert read.identity.hex() == case["identity"]
        assert (read.salt.hex(), read.reference.hex()) == (case["salt"], case["reference"])


def statement(**changes: object) -> StatementCode:
    made = StatementCode(
        operator=1001, wallet=PAYEE, from_ms=0, until_ms=NOW_MS, opening_fen=5, incoming_fen=10,
        outgoing_fen=3, closing_fen=12, entries=2, digest=b"d" * 32, height=7, issued_ms=NOW_MS,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def test_a_statement_code_says_what_was_signed_and_only_that() -> None:
    text = sign_code(statement(), CERTIFY, NETWORK)
    assert read_code(text, key=CERTIFY.public_key, network=NETWORK) == statement()
    for key, network in ((THIEF.public_key, NETWORK), (CERTIFY.public_key, OTHER)):
        refused = code_of(
            lambda key=key, network=network: read_code(text, key=key, network=network)
        )
        assert refused is Code.SIGNATURE_INVALID


@pytest.mark.parametrize(
    "changes",
    [
        {"closing_fen": 13},
        {"operator": 0},
        {"wallet": PAYEE + 1},
        {"digest": b"d"},
        {"entries": -1},
        {"holder": b""},
    ],
)
def test_a_statement_code_that_does_not_add_up_is_refused(changes: dict[str, object]) -> None:
    text = sign_code(statement(**changes), CERTIFY, NETWORK)
    refused = code_of(lambda: read_code(text, key=CERTIFY.public_key, network=NETWORK))
    assert refused is Code.MALFORMED
