"""COSE messages: one form, one identity, and signatures that hold for one purpose."""

from hashlib import sha256

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.domains import NO_NETWORK, Domain, NetworkId, external_aad
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.suites import Suite
from tests.protocol.builders import NETWORK, signer_of

AAD = external_aad(Domain.ORDER, NETWORK)
A, B, C = map(signer_of, (1, 2, 3))
SIZE_MAX = 1 << 17

payloads = st.binary(max_size=700) | st.sampled_from(
    [bytes(n) for n in (0, 23, 24, 255, 256, 257, 65_535, 65_536)]
)


def decode(data: bytes, size_max: int = SIZE_MAX) -> cose.Message:
    return cose.decode(data, size_max=size_max)


def code_of(data: bytes, size_max: int = SIZE_MAX) -> Code:
    with pytest.raises(Refusal) as caught:
        decode(data, size_max)
    return caught.value.code


def sign1_of(protected: object, unprotected: object, payload: object, value: object) -> bytes:
    return b"\xd2" + cbor2.dumps([protected, unprotected, payload, value])


def sign_of(*parts: object, protected: object = b"", unprotected: object = None) -> bytes:
    return b"\xd8\x62" + cbor2.dumps([protected, unprotected or {}, b"pay", list(parts)])


def part_of(signer: object = A) -> list[object]:
    part = cose.signature_by(b"pay", signer, AAD)
    return [part.protected, {}, part.value]


@given(payloads)
def test_what_one_signs_reads_back(payload: bytes) -> None:
    message = decode(cose.sign1(payload, A, AAD))
    assert message.payload == payload
    [signature] = message.signatures
    assert (signature.suite, signature.key) == (Suite.ED25519, A.public_key)
    assert cose.verify(message, AAD)


@given(payloads, st.integers(1, cose.SIGNERS_MAX))
def test_what_several_sign_reads_back(payload: bytes, count: int) -> None:
    signers = [signer_of(number) for number in range(1, count + 1)]
    message = decode(cose.sign(payload, signers, AAD))
    assert message.payload == payload
    assert [each.key for each in message.signatures] == [each.public_key for each in signers]
    assert cose.verify(message, AAD)


@given(payloads)
def test_the_signed_bytes_are_rfc_9052s(payload: bytes) -> None:
    one, several = decode(cose.sign1(payload, A, AAD)), decode(cose.sign(payload, [A, B], AAD))
    protected = cbor2.dumps({1: -8, 4: A.public_key})
    assert one.signed_bytes(one.signatures[0], AAD) == cbor2.dumps(
        ["Signature1", protected, AAD, payload]
    )
    assert several.signed_bytes(several.signatures[0], AAD) == cbor2.dumps(
        ["Signature", b"", protected, AAD, payload]
    )


@given(payloads)
def test_b3_the_identity_is_the_hash_of_header_and_payload(payload: bytes) -> None:
    one = decode(cose.sign1(payload, A, AAD))
    assert one.identity == sha256(cbor2.dumps([one.protected, payload])).digest()
    several = decode(cose.sign(payload, [A, B], AAD))
    assert several.identity == sha256(cbor2.dumps([b"", payload])).digest()


@given(payloads)
def test_b3_identity_ignores_signatures(payload: bytes) -> None:
    one = decode(cose.sign1(payload, A, AAD))
    [signature] = one.signatures
    other = one._replace(signatures=(signature._replace(value=bytes(64)),))
    assert other.identity == one.identity
    forms = [[A], [A, B], [B, A], [C, A, B]]
    assert len({decode(cose.sign(payload, form, AAD)).identity for form in forms}) == 1


def test_b3_identity_tells_keys_and_payloads_apart() -> None:
    made = [cose.sign1(payload, key, AAD) for payload in (b"", b"a", b"b") for key in (A, B)]
    assert len({decode(each).identity for each in made}) == len(made)


@pytest.mark.parametrize("domain", Domain)
@pytest.mark.parametrize("network", [NETWORK, NO_NETWORK, NetworkId(b"\x01" + bytes(31))])
def test_b2_a_signature_holds_for_one_purpose_in_one_network(
    domain: Domain, network: NetworkId
) -> None:
    aad = external_aad(domain, network)
    for made in (cose.sign1(b"pay", A, AAD), cose.sign(b"pay", [A, B], AAD)):
        assert cose.verify(decode(made), aad) == (aad == AAD)


def test_b2_no_two_purposes_share_their_data() -> None:
    networks = [NetworkId(bytes([n]) * 32) for n in (0, 0x2F, 0x31, 0x61)]
    made = {external_aad(domain, network) for domain in Domain for network in networks}
    assert len(made) == len(Domain) * len(networks)
    tags = [domain.value for domain in Domain]
    assert not [(a, b) for a in tags for b in tags if a != b and a.startswith(b)]


def test_a_signature_of_one_form_does_not_hold_in_the_other() -> None:
    one = decode(cose.sign1(b"pay", A, AAD))
    part = cose.signature_by(b"pay", A, AAD)
    moved = decode(cose.join(b"pay", [one.signatures[0]]))
    assert not cose.verify(moved, AAD)
    assert not cose.verify(decode(sign1_of(part.protected, {}, b"pay", part.value)), AAD)


def test_every_signature_is_checked() -> None:
    good = decode(cose.sign(b"pay", [A, B, C], AAD))
    for place in range(3):
        changed = list(good.signatures)
        changed[place] = changed[place]._replace(value=bytes(64))
        assert not cose.verify(good._replace(signatures=tuple(changed)), AAD)


@given(st.binary(max_size=300), st.data())
def test_any_changed_bit_of_a_message_is_refused(payload: bytes, data: st.DataObject) -> None:
    make = data.draw(
        st.sampled_from(
            [lambda: cose.sign1(payload, A, AAD), lambda: cose.sign(payload, [A, B], AAD)]
        )
    )
    encoded = bytearray(make())
    bit = data.draw(st.integers(0, 8 * len(encoded) - 1))
    encoded[bit // 8] ^= 1 << bit % 8
    try:
        message = decode(bytes(encoded))
    except Refusal:
        return
    assert not cose.verify(message, AAD)


@given(payloads, st.data())
def test_a_truncated_message_is_refused(payload: bytes, data: st.DataObject) -> None:
    encoded = cose.sign1(payload, A, AAD)
    cut = encoded[: data.draw(st.integers(0, len(encoded) - 1))]
    assert code_of(cut) in (Code.NOT_CANONICAL, Code.MALFORMED)
    assert code_of(encoded + b"\x00") is Code.NOT_CANONICAL


def test_a_longer_length_is_another_encoding() -> None:
    """The quick way for the usual form refuses what the general way refuses."""
    good = cose.sign1(b"p" * 40, A, AAD)
    assert good[42:45] == b"\xa0\x58\x28"
    for changed in (
        good[:43] + b"\x59\x00\x28" + good[45:],
        good[:43] + b"\x5a\x00\x00\x00\x28" + good[45:],
        good[:43] + b"\x5f\x58\x28" + good[45:-66] + b"\xff" + good[-66:],
        good[:-66] + b"\x59\x00\x40" + good[-64:],
        good[:1] + b"\x98\x04" + good[2:],
        good[:2] + b"\x59\x00\x26" + good[4:],
        b"\xd8\x12" + good[1:],
    ):
        assert code_of(changed) in (Code.NOT_CANONICAL, Code.MALFORMED)


PROTECTED = cbor2.dumps({1: -8, 4: A.public_key})


@pytest.mark.parametrize(
    "data",
    [
        b"",
        cbor2.dumps([PROTECTED, {}, b"pay", bytes(64)]),
        b"\xd1" + cbor2.dumps([PROTECTED, {}, b"pay", bytes(64)]),
        sign1_of(PROTECTED, {1: -8}, b"pay", bytes(64)),
        sign1_of(PROTECTED, [], b"pay", bytes(64)),
        sign1_of(PROTECTED, None, b"pay", bytes(64)),
        sign1_of(PROTECTED, {}, None, bytes(64)),
        sign1_of(PROTECTED, {}, "pay", bytes(64)),
        sign1_of(PROTECTED, {}, b"pay", bytes(63)),
        sign1_of(PROTECTED, {}, b"pay", bytes(65)),
        sign1_of(PROTECTED, {}, b"pay", b""),
        sign1_of(PROTECTED, {}, b"pay", None),
        sign1_of({1: -8, 4: A.public_key}, {}, b"pay", bytes(64)),
        sign1_of(b"\xa0", {}, b"pay", bytes(64)),
        sign1_of(cbor2.dumps({1: -8}), {}, b"pay", bytes(64)),
        sign1_of(cbor2.dumps({4: A.public_key}), {}, b"pay", bytes(64)),
        sign1_of(cbor2.dumps({1: -8, 4: A.public_key[:31]}), {}, b"pay", bytes(64)),
        sign1_of(cbor2.dumps({1: -8, 4: A.public_key + b"\0"}), {}, b"pay", bytes(64)),
        sign1_of(cbor2.dumps({1: -8, 4: "a" * 32}), {}, b"pay", bytes(64)),
        sign1_of(cbor2.dumps({1: "EdDSA", 4: A.public_key}), {}, b"pay", bytes(64)),
        sign1_of(cbor2.dumps({1: -8, 3: 0, 4: A.public_key}), {}, b"pay", bytes(64)),
        sign1_of(cbor2.dumps([1, -8, 4, A.public_key]), {}, b"pay", bytes(64)),
        sign1_of(PROTECTED, {}, b"pay", [part_of()]),
        sign_of(),
        sign_of(part_of(), part_of()),
        sign_of(*[part_of(signer_of(n)) for n in range(1, cose.SIGNERS_MAX + 2)]),
        sign_of(part_of(), protected=PROTECTED),
        sign_of(part_of(), unprotected={1: 2}),
        sign_of([*part_of(), 0]),
        sign_of(part_of()[:2]),
        sign_of([PROTECTED, {4: b"k"}, bytes(64)]),
        sign_of({0: 1}),
        sign_of(None),
        sign_of(b"x"),
        b"\xd8\x62" + cbor2.dumps([b"", {}, b"pay", bytes(64)]),
        b"\xd8\x62" + cbor2.dumps([b"", {}, b"pay", {}]),
        b"\xd8\x62" + cbor2.dumps([b"", {}, b"pay"]),
        b"\xd8\x62" + cbor2.dumps(7),
    ],
)  # fmt: skip
def test_other_forms_are_malformed(data: bytes) -> None:
    assert code_of(data) is Code.MALFORMED


@pytest.mark.parametrize(
    "protected",
    [
        b"",
        b"\xa2\x04\x58\x20" + A.public_key + b"\x01\x27",
        b"\xa2\x01\x38\x07\x04\x58\x20" + A.public_key,
        b"\xa2\x01\x27\x04\x59\x00\x20" + A.public_key,
        b"\xa2\xf5\x27\x04\x58\x20" + A.public_key,
        b"\xbf\x01\x27\x04\x58\x20" + A.public_key + b"\xff",
        PROTECTED + b"\x00",
        PROTECTED[:-1],
    ],
)
def test_a_header_has_one_encoding(protected: bytes) -> None:
    assert code_of(sign1_of(protected, {}, b"pay", bytes(64))) is Code.NOT_CANONICAL
    assert code_of(sign_of([protected, {}, bytes(64)])) is Code.NOT_CANONICAL


@pytest.mark.parametrize("suite", [-7, -9, 1, Suite.WEBAUTHN_ES256, Suite.SM2, 2**64 - 1])
def test_b2_a_suite_that_is_not_checked_here_is_named(suite: int) -> None:
    protected = cbor2.dumps({1: suite, 4: A.public_key})
    for data in (sign1_of(protected, {}, b"pay", bytes(64)), sign_of([protected, {}, b"s"])):
        with pytest.raises(Refusal) as caught:
            decode(data)
        assert caught.value.code is Code.SUITE_UNSUPPORTED
        assert caught.value.fields == {"suite": suite}


def test_size_is_bounded() -> None:
    made = cose.sign1(b"pay", A, AAD)
    decode(made, size_max=len(made))
    assert code_of(made, size_max=len(made) - 1) is Code.TOO_LARGE


def test_one_signer_of_a_known_key_is_read_in_one_step() -> None:
    made = cose.sign1(b"pay", A, AAD)
    assert cose.read1(made, key=A.public_key, aad=AAD, size_max=SIZE_MAX).payload == b"pay"
    for data, key, aad in (
        (made, B.public_key, AAD),
        (made, A.public_key, AAD + b"\0"),
        (made[:-1] + bytes([made[-1] ^ 1]), A.public_key, AAD),
        (cose.sign(b"pay", [A], AAD), A.public_key, AAD),
    ):
        with pytest.raises(Refusal) as caught:
            cose.read1(data, key=key, aad=aad, size_max=SIZE_MAX)
        assert caught.value.code is Code.SIGNATURE_INVALID


@given(st.binary(max_size=300))
def test_random_bytes_are_refused(data: bytes) -> None:
    for prefix in (b"", b"\xd2", b"\xd2\x84", b"\xd8\x62", b"\xd8\x62\x84\x40\xa0"):
        with pytest.raises(Refusal):
            decode(prefix + data)


def test_cbor_of_a_message_is_canonical() -> None:
    for made, tag in ((cose.sign1(b"p", A, AAD), 1), (cose.sign(b"p", [A, B], AAD), 2)):
        assert cbor.encode(cbor.decode(made[tag:], size_max=SIZE_MAX)) == made[tag:]
