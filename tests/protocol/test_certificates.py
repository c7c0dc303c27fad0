"""Certificates: one key, one use (rules.md §B.5)."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol import cose
from jiaozi.protocol.certificates import Certified, Use, certify, read_certificate
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.order_types import CERTIFICATE_BYTES_MAX
from jiaozi.protocol.refusals import Code
from tests.protocol.builders import (
    BLOCK_SIGNER,
    NETWORK,
    OPERATOR,
    ROOT,
    ROOT_SEED,
    certificate_bytes,
    certified,
    refusal_of,
    resigned,
)

AAD = external_aad(Domain.CERTIFICATE, NETWORK)
PERSON = bytes(range(16))
PERSONS = {Use.OFFICER, Use.OPERATOR_OFFICER}
OF_CENTRAL_BANK = {Use.REGISTRY_BLOCK, Use.LIST_SIGNING, Use.OFFICER, Use.AUDITOR}


def read(data: bytes) -> Certified:
    return read_certificate(data, root_key=ROOT.public_key, network=NETWORK)


def refused(data: bytes) -> Code:
    return refusal_of(lambda: read(data)).code


def of_use(use: Use, operator: int | None = None) -> Certified:
    if operator is None:
        operator = 0 if use in OF_CENTRAL_BANK else OPERATOR
    return certified(use, operator, person=PERSON if use in PERSONS else None)


@pytest.mark.parametrize("use", Use)
def test_b5_a_certificate_of_every_use_reads_back(use: Use) -> None:
    assert read(certify(of_use(use), ROOT, NETWORK)) == of_use(use)


@pytest.mark.parametrize("use", Use)
def test_b5_a_use_is_the_central_banks_or_an_operators(use: Use) -> None:
    """The prefix 0000 is the central bank's: its vault would be the issuance account."""
    wrong = OPERATOR if use in OF_CENTRAL_BANK else 0
    for operator in (wrong, -1, 10_000):
        assert refused(certify(of_use(use, operator), ROOT, NETWORK)) is Code.MALFORMED


def test_b5_only_the_root_certifies() -> None:
    body = cbor2.dumps(certified().fields())
    for wrong in (
        certify(certified(), BLOCK_SIGNER, NETWORK),
        certify(certified(), ROOT, NetworkId(bytes(32))),
        resigned(body, ROOT_SEED),
        cose.sign(body, [ROOT], AAD),
        cose.sign(body, [ROOT, BLOCK_SIGNER], AAD),
    ):
        assert refused(wrong) is Code.SIGNATURE_INVALID


@given(st.data())
def test_any_changed_bit_of_a_certificate_is_refused(data: st.DataObject) -> None:
    encoded = bytearray(certificate_bytes())
    bit = data.draw(st.integers(0, 8 * len(encoded) - 1))
    encoded[bit // 8] ^= 1 << bit % 8
    refused(bytes(encoded))


@pytest.mark.parametrize(
    "changes",
    [
        {key: value}
        for key in range(1, 8)
        for value in (None, True, -1, 1.0, "1", b"", [], {}, 2**63)
    ]
    + [{key: ...} for key in (1, 2, 4, 5, 6, 7)]
    + [{1: 0}, {1: 9}, {1: 6}, {3: PERSON}, {3: bytes(15)}, {8: 1}, {0: 1}]
    + [{4: -7}, {4: -70001}, {5: bytes(32)}, {5: b"a" * 32}, {5: bytes(65)}]
    + [{6: 5, 7: 5}, {6: 6, 7: 5}, {7: 2**48}],
)
def test_a_certificate_of_other_fields_is_malformed(changes: dict[int, object]) -> None:
    fields = certified().fields() | changes
    kept = {key: value for key, value in sorted(fields.items()) if value is not ...}
    assert refused(resigned(cbor2.dumps(kept), ROOT_SEED, AAD)) is Code.MALFORMED


@pytest.mark.parametrize("person", [None, ..., bytes(15), bytes(17), "p" * 16, 7])
def test_a_an_officer_is_a_person(person: object) -> None:
    fields = of_use(Use.OFFICER).fields() | {3: person}
    kept = {key: value for key, value in fields.items() if value is not ...}
    assert refused(resigned(cbor2.dumps(kept), ROOT_SEED, AAD)) is Code.MALFORMED


def test_the_largest_certificate_fits_and_no_larger_one() -> None:
    assert len(certify(of_use(Use.OFFICER), ROOT, NETWORK)) < CERTIFICATE_BYTES_MAX
    assert refused(bytes(CERTIFICATE_BYTES_MAX + 1)) is Code.TOO_LARGE
    long = {1: 2, 2: 1, 4: -8, 5: bytes(600), 6: 1, 7: 2}
    assert refused(resigned(cbor2.dumps(long), ROOT_SEED, AAD)) is Code.TOO_LARGE
    assert refused(resigned(b"\x00\x00", ROOT_SEED, AAD)) is Code.NOT_CANONICAL
