"""No two kinds of hash or signature are ever over the same bytes."""

import hashlib
from types import ModuleType

import pytest

from jiaozi.protocol import blocks, cose, feed, legs, merkle, state, sweeps
from jiaozi.protocol.http_signatures import NETWORK_HEADER, sign_request
from jiaozi.protocol.order_types import OrderType
from tests.protocol.builders import (
    ALICE,
    BOB,
    NETWORK,
    ORDER_AAD,
    Block,
    block_of,
    genesis_bytes,
    order_id,
    signer_of,
    submission_of,
)

HASHING: dict[ModuleType, str] = {
    legs: "leg", merkle: "tree", feed: "running hash", cose: "identity", blocks: "body",
    state: "state", sweeps: "sweep",
}  # fmt: skip


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> dict[str, set[bytes]]:
    """What each module hashed while a block with all types of orders was made and shown."""
    seen: dict[str, set[bytes]] = {name: set() for name in HASHING.values()}
    for module, name in HASHING.items():

        def record(data: bytes, name: str = name) -> object:
            seen[name].add(data)
            return hashlib.sha256(data)

        monkeypatch.setattr(module, "sha256", record)
    made = show(block_of([submission_of(each) for each in OrderType]))
    show(block_of([submission_of(id=order_id(serial=n)) for n in range(5)], before=made.head))
    state.StateHash(3).add([state.totals_record(1, 2)])
    sweeps.sweep_leg(bytes(32), ALICE, BOB, 1)
    genesis_bytes()
    return seen


def show(block: Block) -> Block:
    for position in range(len(block.orders)):
        block.receipt(position)
    block.feed_block()
    return block


def test_every_hash_begins_with_what_it_is_for(hashed: dict[str, set[bytes]]) -> None:
    beginnings = {
        "leg": [b"jiaozi/leg/1"],
        "tree": [b"\x00", b"\x01"],
        "running hash": [b"jiaozi/feed/1"],
        "identity": [b"\x82\x58\x26", b"\x82\x40"],
        "state": [b"jiaozi/state/1"],
        "sweep": [b"jiaozi/sweep/1"],
    }
    for name, prefixes in beginnings.items():
        assert hashed[name], name
        assert all(data.startswith(tuple(prefixes)) for data in hashed[name]), name
    every = [prefix for prefixes in beginnings.values() for prefix in prefixes]
    assert not [(a, b) for a in every for b in every if a != b and a.startswith(b)]


def test_a_body_is_never_what_an_identity_is_over(hashed: dict[str, set[bytes]]) -> None:
    """A body is a sequence that begins with [bytes, list]; an identity is over [bytes, bytes]."""
    assert hashed["body"]
    assert not hashed["body"] & set.union(*(hashed[name] for name in hashed if name != "body"))
    for body in hashed["body"]:
        [submission, *_] = blocks.cbor.decode_sequence(body, items_max=99, item_size_max=9999)
        assert [type(each) for each in submission[0]] == [bytes, list]


def test_a_leaf_and_a_node_are_told_apart(hashed: dict[str, set[bytes]]) -> None:
    nodes = {data for data in hashed["tree"] if data[:1] == b"\x01"}
    assert nodes
    assert {len(data) for data in nodes} == {65}


def test_b2_a_signed_request_is_never_a_signed_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wallet's key signs orders and requests: the bytes begin differently."""
    signer, signed = signer_of(1), []

    class Recorder:
        suite, public_key = signer.suite, signer.public_key

        def sign(self, message: bytes) -> bytes:
            signed.append(message)
            return signer.sign(message)

    cose.sign1(b"payload", Recorder(), ORDER_AAD)
    cose.signature_by(b"payload", Recorder(), ORDER_AAD)
    sign_request(
        method="POST", url="/v1/orders", headers={NETWORK_HEADER: NETWORK.hex()}, body=b"",
        signer=Recorder(), key_id="1", created_s=1, nonce="n",
    )  # fmt: skip
    assert [each[:2] for each in signed] == [b"\x84\x6a", b"\x85\x69", b'"@']
