"""Whatever bytes a purse or a desk is given, it answers with a value or a refusal, soon."""

import time
import tracemalloc
from collections.abc import Callable
from hashlib import sha256

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jiaozi.protocol import cbor
from jiaozi.protocol.domains import Domain
from jiaozi.protocol.offline import news
from jiaozi.protocol.offline.certificate import Chain, Profile, read_chain
from jiaozi.protocol.offline.enrolment import Enrolment, read_enrolment, sign_enrolment
from jiaozi.protocol.offline.log import (
    ENTRIES_MAX,
    LOG_BYTES_MAX,
    Statement,
    certificates_hash,
    collected_entry,
    loaded_entry,
    next_head,
    sign_log,
)
from jiaozi.protocol.offline.messages import (
    decode_payment,
    read_acknowledgement,
    read_payment,
    read_request,
)
from jiaozi.protocol.offline.operator_messages import read_checkpoint, read_load
from jiaozi.protocol.offline.proofs import (
    double_load_proof,
    double_spend_proof,
    log_proof,
    verify_proof,
)
from jiaozi.protocol.offline.replay import read_log
from jiaozi.protocol.offline.revocations import Revocations, generation_entry, revocation_entry
from jiaozi.protocol.refusals import Refusal
from tests.protocol.builders import ALICE, CERTIFY_SEED, NETWORK, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    LIST_SEED,
    OPERATORS_CERTIFICATE,
    PAYEE,
    PAYER,
    Party,
    frame_of,
    load_message,
    parts_of,
    parts_of_message,
    signed_as,
    time_message,
    transfer,
)
from tests.protocol.test_hostile import BOMBS, values

PAYER_PARTY, PAYEE_PARTY = Party(fen=500), Party(PAYEE)
REQUEST = PAYEE_PARTY.ask(10)
PAYMENT = PAYER_PARTY.pay(REQUEST)
ACKNOWLEDGEMENT = PAYEE_PARTY.collect(PAYMENT)
transfer(PAYER_PARTY, PAYEE_PARTY, 20)
LOG = PAYEE_PARTY.hand_in()
CHAIN = PAYEE_PARTY.purse.chain
FRAME = frame_of([revocation_entry(b"k" * 32, 5), generation_entry(1)])

DECODERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "request": (lambda data: read_request(data, ANCHOR), REQUEST),
    "payment": (lambda data: read_payment(data, ANCHOR), PAYMENT),
    "payment alone": (decode_payment, parts_of_message(PAYMENT)[0]),
    "acknowledgement": (
        lambda data: read_acknowledgement(
            data, key=PAYEE_PARTY.signer.public_key, network=NETWORK
        ),
        ACKNOWLEDGEMENT,
    ),
    "load": (lambda data: read_load(data, ANCHOR), load_message(PAYER, 1, 5)),
    "checkpoint": (lambda data: read_checkpoint(data, ANCHOR), PAYEE_PARTY.checkpoint()),
    "log": (lambda data: read_log(data, ANCHOR), LOG),
    "double spend": (
        lambda data: verify_proof(data, ANCHOR),
        double_spend_proof(*(Party(fen=n).pay(REQUEST) for n in (500, 501))),
    ),
    "proof of a log": (lambda data: verify_proof(data, ANCHOR), log_proof(LOG)),
    "double load": (
        lambda data: verify_proof(data, ANCHOR),
        double_load_proof(load_message(PAYER, 1, 5), load_message(PAYER, 1, 6)),
    ),
    "frame": (lambda data: Revocations().extended(data, ANCHOR, 0), FRAME),
    "device certificate": (
        lambda data: read_chain(Chain(operator=CHAIN.operator, device=data), ANCHOR),
        CHAIN.device,
    ),
    "operator's certificate": (
        lambda data: read_chain(Chain(operator=data, device=CHAIN.device), ANCHOR),
        CHAIN.operator,
    ),
    "enrolment": (
        lambda data: read_enrolment(data, NETWORK),
        sign_enrolment(
            Enrolment(operator=1001, profile=Profile.CARD, wallet=ALICE, limits={"hops": 2}),
            PAYER_PARTY.signer,
            NETWORK,
        ),
    ),
    "time": (lambda data: news.raise_floor(PAYER_PARTY.purse, data), time_message()),
}  # fmt: skip
decoders = pytest.mark.parametrize("name", DECODERS)


def answer(name: str, data: bytes) -> object:
    """What a decoder says: a value or a refusal; any other exception fails the test."""
    try:
        return DECODERS[name][0](data)
    except Refusal as refusal:
        return refusal


@decoders
def test_the_good_bytes_are_taken(name: str) -> None:
    """All but the log of an honest device, which proves nothing."""
    is_refused = isinstance(answer(name, DECODERS[name][1]), Refusal)
    assert is_refused == (name == "proof of a log")


@decoders
@settings(max_examples=20)
@given(data=st.binary(max_size=300) | values.map(lambda value: cbor2.dumps(value, canonical=True)))
def test_what_is_no_message_is_refused(name: str, data: bytes) -> None:
    assert isinstance(answer(name, data), Refusal)


@decoders
@settings(max_examples=30)
@given(data=st.data())
def test_damaged_bytes_never_bring_a_decoder_down(name: str, data: st.DataObject) -> None:
    good = bytearray(DECODERS[name][1])
    other = DECODERS[data.draw(st.sampled_from(list(DECODERS)))][1]
    for _ in range(data.draw(st.integers(1, 3))):
        place, length = data.draw(st.integers(0, len(good))), data.draw(st.integers(0, 20))
        match data.draw(st.sampled_from(["flip", "cut", "double", "splice"])):
            case "flip" if place < len(good):
                good[place] ^= 1 << data.draw(st.integers(0, 7))
            case "double":
                good[place:place] = good[place : place + length]
            case "splice":
                good[place : place + length] = other[place : place + length]
            case _:
                del good[place : place + length]
    answer(name, bytes(good))


def in_frame(signed: bytes) -> bytes:
    _, *rest = cbor.decode(FRAME, size_max=9999)  # type: ignore[misc]
    return cbor.encode([signed, *rest])


def in_log(signed: bytes) -> bytes:
    return b"".join(map(cbor.encode_bytes, [signed, *parts_of(LOG)[1:]]))


def beside(*parts: bytes) -> Callable[[bytes], bytes]:
    return lambda signed: cbor.encode([signed, *parts])


SIGNED: dict[str, tuple[Domain, int, Callable[[bytes], bytes]]] = {
    "request": (Domain.OFFLINE_REQUEST, PAYEE, beside(*CHAIN.parts)),
    "payment": (Domain.OFFLINE_PAYMENT, PAYEE, beside(*CHAIN.parts)),
    "payment alone": (Domain.OFFLINE_PAYMENT, PAYEE, bytes),
    "acknowledgement": (Domain.OFFLINE_ACKNOWLEDGEMENT, PAYEE, bytes),
    "load": (Domain.OFFLINE_LOAD, CERTIFY_SEED, beside(OPERATORS_CERTIFICATE)),
    "checkpoint": (Domain.OFFLINE_CHECKPOINT, CERTIFY_SEED, beside(OPERATORS_CERTIFICATE)),
    "log": (Domain.OFFLINE_STATEMENT, PAYEE, in_log),
    "frame": (Domain.REVOCATION_LIST, LIST_SEED, in_frame),
    "device certificate": (Domain.DEVICE, CERTIFY_SEED, bytes),
    "enrolment": (Domain.OFFLINE_ENROLMENT, PAYER, bytes),
}


@pytest.mark.parametrize("name", SIGNED)
@settings(max_examples=25)
@given(payload=values.map(lambda value: cbor2.dumps(value, canonical=True)) | st.binary())
def test_a_hostile_payload_under_a_good_signature_is_refused(name: str, payload: bytes) -> None:
    domain, seed, travelled = SIGNED[name]
    assert isinstance(answer(name, travelled(signed_as(domain, payload, seed))), Refusal)


GOOD_ENTRIES = [
    collected_entry(PAYMENT), loaded_entry(load_message(PAYEE, 1, 5)), *PAYER_PARTY.purse.entries,
]  # fmt: skip
entries = (
    st.binary(max_size=60)
    | values.map(lambda value: cbor2.dumps(value, canonical=True))
    | st.tuples(st.integers(0, 4), st.binary(max_size=20)).map(lambda each: cbor.encode([*each]))
    | st.sampled_from(GOOD_ENTRIES)
)


def signed_log(made: list[bytes]) -> bytes:
    """A log of whatever entries, signed by its device."""
    purse = Party(PAYEE).purse
    head = purse.head
    for each in made:
        head = next_head(head, each)
    statement = Statement(
        checkpoint=sha256(b"").digest(), position=len(made), head=head, list_number=0,
        certificates=certificates_hash(purse.chain),
    )  # fmt: skip
    return sign_log(statement, purse.chain, b"", made, signer_of(PAYEE), ANCHOR)


@settings(max_examples=40)
@given(made=st.lists(entries, max_size=6))
def test_a_device_that_signs_any_entries_has_a_log_with_or_without_a_fault(
    made: list[bytes],
) -> None:
    log = read_log(signed_log(made), ANCHOR)
    assert log.fault is None or 1 <= log.fault[0] <= len(made)


def test_the_longest_log_takes_little_time_and_memory() -> None:
    started = time.process_time()
    assert read_log(signed_log([b""] * ENTRIES_MAX), ANCHOR).fault is not None
    assert isinstance(answer("log", signed_log([b""] * (ENTRIES_MAX + 1))), Refusal)
    assert isinstance(answer("log", bytes(LOG_BYTES_MAX + 1)), Refusal)
    assert time.process_time() - started < 10


LONG = ("log", "proof of a log")
WRAPPED = {"log": lambda bomb: bomb, "proof of a log": lambda bomb: b"\x82\x02" + bomb}


@pytest.mark.parametrize("name", LONG)
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bomb_costs_little_time_and_memory(name: str, bomb: str) -> None:
    """Only these two are read when they are long; others are refused for their length."""
    data = BOMBS[bomb]
    tracemalloc.start()
    started = time.process_time()
    for each in (data, WRAPPED[name](data)):
        assert isinstance(answer(name, each), Refusal)
    elapsed_s, peak = time.process_time() - started, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert elapsed_s < 10
    assert peak < 32 << 20


@pytest.mark.parametrize("name", [each for each in DECODERS if each not in LONG])
def test_what_is_too_long_is_refused_for_that_alone(name: str) -> None:
    started = time.process_time()
    assert isinstance(answer(name, BOMBS["zeros"]), Refusal)
    assert time.process_time() - started < 1
