"""Ed25519 is checked strictly (rules.md §B.3): one signature is by one key over one message."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol import suites
from jiaozi.protocol.suites import Ed25519Signer, Suite
from tests.protocol import edwards

MESSAGE = b"jiaozi"
SIGNER = Ed25519Signer(b"\x01" * 32)
SIGNATURE = SIGNER.sign(MESSAGE)
L = edwards.ORDER

RFC_8032 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]


@pytest.mark.parametrize(("seed", "key", "message", "signature"), RFC_8032)
def test_b3_the_vectors_of_rfc_8032_hold(seed: str, key: str, message: str, signature: str) -> None:
    signer = Ed25519Signer(bytes.fromhex(seed))
    assert signer.public_key.hex() == key
    assert signer.sign(bytes.fromhex(message)).hex() == signature
    assert suites.verify(
        Suite.ED25519, signer.public_key, bytes.fromhex(message), bytes.fromhex(signature)
    )


def verified(key: bytes, message: bytes, signature: bytes) -> bool:
    return suites.verify(Suite.ED25519, key, message, signature)


def careless(r: bytes, s: int, key: bytes, message: bytes) -> bytes:
    """A signature that a verifier of the bare equation takes, or the test is wrong."""
    signature = r + s.to_bytes(32, "little")
    assert edwards.verify_carelessly(key, message, signature)
    return signature


def message_for(r: bytes, key: bytes, modulus: int) -> bytes:
    """A message whose hash is a multiple of the order of a small key."""
    return next(
        message
        for message in (bytes([n]) for n in range(256))
        if edwards.hash_of(r, key, message) % modulus == 0
    )


@given(st.binary(max_size=200), st.integers(0, 511))
def test_b3_any_changed_bit_of_a_signature_is_refused(message: bytes, bit: int) -> None:
    signature = bytearray(SIGNER.sign(message))
    assert verified(SIGNER.public_key, message, bytes(signature))
    signature[bit // 8] ^= 1 << bit % 8
    assert not verified(SIGNER.public_key, message, bytes(signature))


@given(st.binary(min_size=1, max_size=200), st.data())
def test_b3_any_changed_bit_of_message_or_key_is_refused(
    message: bytes, data: st.DataObject
) -> None:
    signature = SIGNER.sign(message)
    bit = data.draw(st.integers(0, 8 * len(message) - 1))
    changed = bytearray(message)
    changed[bit // 8] ^= 1 << bit % 8
    assert not verified(SIGNER.public_key, bytes(changed), signature)
    key = bytearray(SIGNER.public_key)
    key[bit // 8 % 32] ^= 1 << bit % 8
    assert not verified(bytes(key), message, signature)


@pytest.mark.parametrize("times", range(1, 16))
def test_b3_a_signature_cannot_be_written_another_way(times: int) -> None:
    """S + L, S + 2L … satisfy the equation as well: the same signature with other bytes."""
    s = int.from_bytes(SIGNATURE[32:], "little") + times * L
    if s < 2**256:
        again = careless(SIGNATURE[:32], s, SIGNER.public_key, MESSAGE)
        assert not verified(SIGNER.public_key, MESSAGE, again)


@pytest.mark.parametrize(
    "key", [each for point in edwards.SMALL for each in edwards.encodings_of(point)]
)
def test_b3_a_key_of_small_order_signs_nothing(key: bytes) -> None:
    """Fourteen encodings, six of them not canonical; anyone could sign for such a key."""
    s = 12_345
    r = edwards.encode(edwards.multiply(s, edwards.BASE))
    message = message_for(r, key, 8)
    assert not verified(key, message, careless(r, s, key, message))
    assert not suites.key_fits(Suite.ED25519, key)


@pytest.mark.parametrize(
    "r", [each for point in edwards.SMALL for each in edwards.encodings_of(point)]
)
def test_b3_an_r_of_small_order_is_refused(r: bytes) -> None:
    """Made with a mixed key, whose small part cancels R."""
    small = edwards.decode(r)
    scalar = edwards.secret_scalar(b"\x01" * 32)
    prime = edwards.multiply(scalar, edwards.BASE)
    for part in edwards.SMALL:
        key = edwards.encode(edwards.add(prime, part))
        for message in (bytes([n]) for n in range(64)):
            hashed = edwards.hash_of(r, key, message)
            if edwards.add(small, edwards.multiply(hashed % 8, part)) == edwards.NEUTRAL:
                s = hashed * scalar % L
                assert not verified(key, message, careless(r, s, key, message))
                return
    pytest.fail("no message was found")


def test_b3_a_key_with_a_small_part_is_never_taken() -> None:
    """Verifiers differ on its signatures, so no account and no certificate may hold it."""
    prime = edwards.decode(SIGNER.public_key)
    for part in edwards.SMALL[1:]:
        assert not suites.key_fits(Suite.ED25519, edwards.encode(edwards.add(prime, part)))
    assert suites.key_fits(Suite.ED25519, SIGNER.public_key)


def test_b3_what_holds_only_when_multiplied_by_eight_is_refused() -> None:
    """A verifier with cofactor takes it, one without refuses: RFC 8032 allows both."""
    scalar, s0 = edwards.secret_scalar(b"\x01" * 32), 54_321
    r = edwards.encode(edwards.add(edwards.multiply(s0, edwards.BASE), edwards.SMALL[1]))
    s = (s0 + edwards.hash_of(r, SIGNER.public_key, MESSAGE) * scalar) % L
    signature = r + s.to_bytes(32, "little")
    assert not edwards.verify_carelessly(SIGNER.public_key, MESSAGE, signature)
    assert not verified(SIGNER.public_key, MESSAGE, signature)


@given(st.binary(min_size=32, max_size=32))
def test_b3_random_bytes_are_a_key_only_when_they_are_a_point(key: bytes) -> None:
    point = edwards.decode(key)
    is_point = (
        point is not None
        and edwards.encode(point) == key
        and edwards.multiply(L, point) == edwards.NEUTRAL
    )
    assert suites.key_fits(Suite.ED25519, key) == is_point


@pytest.mark.parametrize("text", [b"pay to the bearer on demand 1024", b"0" * 32, b"a" * 31])
def test_b4_a_text_is_no_key(text: bytes) -> None:
    assert not suites.key_fits(Suite.ED25519, text)


@pytest.mark.parametrize("suite", [0, 1, -7, -9, Suite.WEBAUTHN_ES256, Suite.SM2, 2**63])
def test_b2_a_suite_that_is_not_checked_here_verifies_nothing(suite: int) -> None:
    assert not suites.is_supported(suite)
    assert not suites.key_fits(suite, SIGNER.public_key)
    assert not suites.verify(suite, SIGNER.public_key, MESSAGE, SIGNATURE)


@pytest.mark.parametrize(("key_length", "length"), [(31, 64), (33, 64), (32, 63), (32, 65), (0, 0)])
def test_b3_other_lengths_are_refused(key_length: int, length: int) -> None:
    assert not verified(bytes(key_length), MESSAGE, bytes(length))
