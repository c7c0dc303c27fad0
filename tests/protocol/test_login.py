"""Logins (rules.md §F.3): what a wallet signs names operator, wallet, origin and purpose."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.login import Login, Purpose, check_login, read_login, sign_login
from jiaozi.protocol.numbers import parse_number
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.suites import Ed25519Signer
from tests.protocol.builders import ALICE, NETWORK, OPERATOR, refusal_of, signer_of
from tests.vectors import make

SIGNER = signer_of(1)
LOGIN = Login(
    operator=OPERATOR,
    wallet=ALICE,
    origin="https://a.wallet.localhost",
    purpose=Purpose.READ,
    challenge=bytes(60),
)
FIELDS = {1: OPERATOR, 2: int(ALICE), 3: LOGIN.origin, 4: 1, 5: LOGIN.challenge}


def signed(fields: object) -> bytes:
    aad = external_aad(Domain.LOGIN, NETWORK)
    return cose.sign1(cbor.encode(fields), SIGNER, aad)


def test_what_was_signed_is_what_is_read() -> None:
    data = sign_login(LOGIN, SIGNER, NETWORK)
    assert read_login(data) == LOGIN
    check_login(data, key=SIGNER.public_key, network=NETWORK)


def test_the_vector_follows_from_its_fields_and_seed() -> None:
    case = json.loads((Path(make.__file__).parent / "logins.json").read_text())
    login = Login(
        operator=case["operator"],
        wallet=parse_number(case["wallet"]),
        origin=case["origin"],
        purpose=Purpose(case["purpose"]),
        challenge=bytes.fromhex(case["challenge"]),
    )
    signer = Ed25519Signer(bytes.fromhex(case["seed"]))
    network = NetworkId(bytes.fromhex(case["network"]))
    assert sign_login(login, signer, network).hex() == case["login"]
    assert read_login(bytes.fromhex(case["login"])) == login


def test_a_login_holds_for_its_key_its_purpose_and_its_network() -> None:
    data = sign_login(LOGIN, SIGNER, NETWORK)
    as_order = cose.sign1(LOGIN.payload, SIGNER, external_aad(Domain.ORDER, NETWORK))
    for login, key, network in (
        (data, signer_of(2).public_key, NETWORK),
        (data, SIGNER.public_key, NetworkId(bytes(32))),
        (as_order, SIGNER.public_key, NETWORK),
        (data[:-1] + bytes([data[-1] ^ 1]), SIGNER.public_key, NETWORK),
    ):
        with pytest.raises(Refusal) as refusal:
            check_login(login, key=key, network=network)
        assert refusal.value.code is Code.SIGNATURE_INVALID


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        (1, 0, "operator"), (1, 10_000, "operator"), (1, True, "operator"),
        (2, int(ALICE) + 1, "wallet"), (2, -1, "wallet"), (2, 2**63, "wallet"),
        (3, "", "origin"), (3, "x" * 256, "origin"), (3, b"https://a", "origin"),
        (4, 0, "purpose"), (4, 2, "purpose"), (4, True, "purpose"),
        (5, b"", "challenge"), (5, bytes(129), "challenge"), (5, "x", "challenge"),
    ],
)  # fmt: skip
def test_a_field_that_is_not_right_is_named(field: int, value: object, name: str) -> None:
    refusal = refusal_of(lambda: read_login(signed(FIELDS | {field: value})))
    assert (refusal.code, refusal.fields) == (Code.MALFORMED, {"field": f"login.{name}"})


@pytest.mark.parametrize("fields", [[], {}, {1: 1}, FIELDS | {6: 1}, {**FIELDS, 5: None}])
def test_nothing_is_left_out_or_added(fields: object) -> None:
    assert refusal_of(lambda: read_login(signed(fields))).code is Code.MALFORMED


@given(st.binary(max_size=200))
def test_hostile_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Refusal):
        read_login(data)


def test_every_field_changes_what_is_signed() -> None:
    changed = (
        replace(LOGIN, operator=OPERATOR + 1),
        replace(LOGIN, origin="https://b.wallet.localhost"),
        replace(LOGIN, challenge=bytes(59)),
    )
    assert len({LOGIN.payload, *(each.payload for each in changed)}) == 4
