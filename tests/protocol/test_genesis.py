"""Genesis: a network's beginning has one encoding and one id."""

from dataclasses import replace

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol import cose
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.domains import NO_NETWORK, Domain, external_aad
from jiaozi.protocol.genesis import GENESIS_BYTES_MAX, read_genesis, sign_genesis
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.refusals import Code
from tests.protocol.builders import (
    BLOCK_SEED,
    BLOCK_SIGNER,
    NETWORK,
    OFFICER_SEED,
    OPERATOR,
    OTHER_OPERATOR,
    ROOT,
    ROOT_SEED,
    certified,
    genesis_bytes,
    genesis_of,
    refusal_of,
    resigned,
    signer_of,
)

AAD = external_aad(Domain.GENESIS, NO_NETWORK)
GOOD = genesis_of()


def refused(data: bytes) -> Code:
    return refusal_of(lambda: read_genesis(data)).code


def fields() -> dict[int, object]:
    payload = cose.decode(genesis_bytes(), size_max=GENESIS_BYTES_MAX).payload
    return cbor2.loads(payload)


def signed(changes: dict[int, object]) -> bytes:
    kept = {key: value for key, value in (fields() | changes).items() if value is not ...}
    return resigned(cbor2.dumps(dict(sorted(kept.items()))), ROOT_SEED, AAD)


def test_genesis_reads_back() -> None:
    network = read_genesis(genesis_bytes())
    assert network.genesis == GOOD
    assert network.root_key == ROOT.public_key
    message = cose.decode(genesis_bytes(), size_max=GENESIS_BYTES_MAX)
    assert network.id == message.identity


def test_b2_the_network_is_what_genesis_says() -> None:
    """Another name, root or key makes another network; a second signature does not."""
    others = [
        sign_genesis(replace(GOOD, name="Chengdu 1025"), ROOT),
        sign_genesis(GOOD, BLOCK_SIGNER),
        sign_genesis(replace(GOOD, quotas_fen={OPERATOR: 1}), ROOT),
    ]
    assert len({read_genesis(each).id for each in (genesis_bytes(), *others)}) == 4


def test_a_key_is_found_by_its_use() -> None:
    assert GOOD.key_of(Use.REGISTRY_BLOCK) == signer_of(BLOCK_SEED).public_key
    with pytest.raises(LookupError, match="OPERATOR_VAULT of operator 1002"):
        GOOD.key_of(Use.OPERATOR_VAULT, OTHER_OPERATOR)


@given(st.data())
def test_any_changed_bit_of_genesis_is_refused(data: st.DataObject) -> None:
    encoded = bytearray(genesis_bytes())
    bit = data.draw(st.integers(0, 8 * len(encoded) - 1))
    encoded[bit // 8] ^= 1 << bit % 8
    refused(bytes(encoded))


def test_genesis_is_signed_by_the_root_alone_as_genesis() -> None:
    payload = cbor2.dumps(fields())
    assert refused(cose.sign(payload, [ROOT], AAD)) is Code.MALFORMED
    assert refused(cose.sign(payload, [ROOT, BLOCK_SIGNER], AAD)) is Code.MALFORMED
    for aad in (
        external_aad(Domain.CERTIFICATE, NO_NETWORK),
        external_aad(Domain.GENESIS, NETWORK),
    ):
        assert refused(resigned(payload, ROOT_SEED, aad)) is Code.SIGNATURE_INVALID


@pytest.mark.parametrize(
    "changes",
    [
        {key: value}
        for key in range(1, 6)
        for value in (..., None, True, 1.0, -1, 2**64 - 1, b"", bytes(31), [0], [[]], [{}], {}, "")
    ]
    + [{0: 1}, {6: 1}, {4: []}, {1: "n" * 65}, {1: b"name"}, {2: 2**48}]
    + [{1: name} for name in ("a\nb", "\x1b[2J", "a\u202eb", "a\x00", "\ufeffa")],
)
def test_genesis_of_other_fields_is_malformed(changes: dict[int, object]) -> None:
    assert refused(signed(changes)) is Code.MALFORMED


@pytest.mark.parametrize(
    "quotas",
    [
        [[1001, 1], [1001, 2]],
        [[1002, 1], [1001, 1]],
        [[0, 1]],
        [[10_000, 1]],
        [[1001, -1]],
        [[1001, FEN_MAX + 1]],
        [[1001, True]],
        [[1001]],
        [[1001, 1, 1]],
        [{0: 1001, 1: 1}],
    ],
)
def test_d2_a_quota_stands_once_and_in_order(quotas: list[object]) -> None:
    assert refused(signed({5: quotas})) is Code.MALFORMED


def test_a_genesis_needs_two_officers_of_two_persons() -> None:
    others = [each for each in GOOD.keys if each.use is not Use.OFFICER]
    one = certified(Use.OFFICER, 0, OFFICER_SEED, bytes(16))
    again = certified(Use.OFFICER, 0, 99, bytes(16))
    for officers in ([], [one], [one, again]):
        made = sign_genesis(replace(GOOD, keys=(*others, *officers)), ROOT)
        assert refused(made) is Code.MALFORMED


def test_b5_a_key_has_one_use() -> None:
    twice = certified(Use.OPERATOR_TRANSPORT, OTHER_OPERATOR, BLOCK_SEED)
    made = sign_genesis(replace(GOOD, keys=(*GOOD.keys, twice)), ROOT)
    assert refused(made) is Code.MALFORMED


def test_genesis_is_bounded() -> None:
    assert refused(bytes(GENESIS_BYTES_MAX + 1)) is Code.TOO_LARGE
    many = tuple(certified(Use.OPERATOR_VAULT, n, n % 200 + 10) for n in range(1, 191))
    made = sign_genesis(replace(GOOD, keys=(*GOOD.keys, *many)), ROOT)
    assert len(read_genesis(made).genesis.keys) == len(GOOD.keys) + 190
