"""Two signed headers that no one chain can hold are a proof, checked with genesis alone."""

import pytest

from jiaozi.protocol import blocks, cbor
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.blocks import SignedHeader
from jiaozi.protocol.equivocation import Contradiction, find_contradiction, read_proof
from jiaozi.protocol.refusals import Code
from tests.protocol.builders import (
    BLOCK_SIGNER,
    NETWORK,
    NOW_MS,
    header_of,
    refusal_of,
    signer_of,
)

KEYS = BlockKeys.stated(BLOCK_SIGNER.public_key)


ONE = header_of(5)
NEXT = header_of(6, ONE)


@pytest.mark.parametrize(
    ("other", "contradiction"),
    [
        (header_of(5, root=1), Contradiction.SAME_HEIGHT),
        (header_of(6), Contradiction.BROKEN_LINK),
        (header_of(6, ONE, time_ms=NOW_MS - 1), Contradiction.TIME_RUNS_BACK),
        (header_of(90, time_ms=NOW_MS - 1), Contradiction.TIME_RUNS_BACK),
        (header_of(3, time_ms=NOW_MS + 1), Contradiction.TIME_RUNS_BACK),
    ],
)
def test_a_contradiction_is_found_whichever_comes_first(
    other: SignedHeader, contradiction: Contradiction
) -> None:
    found, again = find_contradiction(ONE, other), find_contradiction(other, ONE)
    assert found is not None
    assert again is not None
    assert found.contradiction is contradiction
    assert (found.encoded(), found.id) == (again.encoded(), again.id)
    read = read_proof(found.encoded(), block_keys=KEYS, network=NETWORK)
    assert (read.contradiction, read.id) == (contradiction, found.id)


@pytest.mark.parametrize("other", [ONE, NEXT, header_of(7), header_of(90, time_ms=NOW_MS + 9)])
def test_what_one_chain_can_hold_is_no_proof(other: SignedHeader) -> None:
    assert find_contradiction(ONE, other) is None
    proof = cbor.encode([ONE.encoded, other.encoded])
    refusal = refusal_of(lambda: read_proof(proof, block_keys=KEYS, network=NETWORK))
    assert refusal.code is Code.MALFORMED


def test_a_header_that_another_signed_proves_nothing() -> None:
    forged = blocks.sign_header(header_of(5, root=1).header, signer_of(99), NETWORK)
    proof = cbor.encode([each.encoded for each in (ONE, forged)])
    refusal = refusal_of(lambda: read_proof(proof, block_keys=KEYS, network=NETWORK))
    assert refusal.code is Code.SIGNATURE_INVALID


@pytest.mark.parametrize(
    "proof",
    [
        b"", b"\xff", cbor.encode([]), cbor.encode(ONE.encoded), cbor.encode([ONE.encoded]),
        cbor.encode([ONE.encoded, None]), cbor.encode([ONE.encoded, 7]),
        cbor.encode([ONE.encoded, b""]), cbor.encode([bytes(5000), bytes(5000)]),
    ],
)  # fmt: skip
def test_other_bytes_are_refused(proof: bytes) -> None:
    refusal = refusal_of(lambda: read_proof(proof, block_keys=KEYS, network=NETWORK))
    assert refusal.code in (Code.MALFORMED, Code.NOT_CANONICAL)


def test_a_proof_stands_in_one_order_only() -> None:
    """Else one contradiction would be two proofs."""
    found = find_contradiction(ONE, header_of(5, root=1))
    assert found is not None
    turned = cbor.encode([found.second.encoded, found.first.encoded])
    refusal = refusal_of(lambda: read_proof(turned, block_keys=KEYS, network=NETWORK))
    assert refusal.code is Code.MALFORMED
