"""Time and the revocation list: what a purse learns, and from whom alone (rules.md §G.4)."""

from dataclasses import replace

import pytest

from jiaozi.protocol import cbor
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.offline import news
from jiaozi.protocol.offline.messages import read_payment, read_request
from jiaozi.protocol.offline.purse import Purse, read_purse
from jiaozi.protocol.offline.revocations import (
    ENTRIES_MAX,
    FRAME_BYTES_MAX,
    FRAMES_KEPT,
    NO_ENTRIES,
    ListHead,
    extend_hash,
    generation_entry,
    revocation_entry,
    sign_frame,
)
from jiaozi.protocol.refusals import Code
from tests.protocol.builders import BLOCK_SEED, NETWORK, NOW_MS, refusal_of, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    BLOCK_CERTIFICATE,
    END_MS,
    FOREIGN,
    FOREIGN_SEED,
    LATER_MS,
    LIST_CERTIFICATE,
    LIST_SEED,
    PAYEE,
    Party,
    certificate,
    frame_of,
    time_message,
    transfer,
)

ENTRIES = [revocation_entry(signer_of(n).public_key, END_MS) for n in range(150, 156)]


def test_g4_a_header_of_the_registry_raises_the_floor_and_nothing_lowers_it() -> None:
    party = Party()
    assert party.purse.floor_ms == NOW_MS
    for time_ms, floor_ms in (
        (LATER_MS, LATER_MS),
        (LATER_MS - 1, LATER_MS),
        (LATER_MS + 1, LATER_MS + 1),
    ):
        party.purse = news.raise_floor(party.purse, time_message(time_ms))
        assert party.purse.floor_ms == floor_ms
        assert news.raise_floor(party.purse, time_message(time_ms)) is party.purse


BAD_TIMES = {
    "a foreign key": time_message(seed=FOREIGN_SEED),
    "a certificate by another root": time_message(
        seed=FOREIGN_SEED,
        proof=certificate(Use.REGISTRY_BLOCK, FOREIGN_SEED, 0, root_seed=FOREIGN_SEED),
    ),
    "a certificate of another network": time_message(
        proof=certificate(Use.REGISTRY_BLOCK, BLOCK_SEED, 0, network=FOREIGN)
    ),
    "a key for lists": time_message(seed=LIST_SEED, proof=LIST_CERTIFICATE),
    "a time before the certificate": time_message(NOW_MS - 1),
    "a time at the certificate's end": time_message(END_MS),
}


@pytest.mark.parametrize("case", BAD_TIMES)
def test_g4_a_header_that_is_not_the_registrys_raises_nothing(case: str) -> None:
    party = Party()
    refusal = refusal_of(lambda: news.raise_floor(party.purse, BAD_TIMES[case]))
    assert refusal.code is Code.SIGNATURE_INVALID


def test_g4_a_block_key_on_the_list_raises_nothing() -> None:
    party = Party()
    party.learn(frame_of([revocation_entry(signer_of(BLOCK_SEED).public_key, END_MS)]))
    refusal = refusal_of(lambda: news.raise_floor(party.purse, time_message()))
    assert refusal.code is Code.SIGNATURE_INVALID


def test_g4_no_other_message_raises_the_floor() -> None:
    payer, payee = Party(fen=100), Party(PAYEE)
    transfer(payer, payee, 10)
    payer.learn(frame_of(ENTRIES, time_ms=LATER_MS))
    payer.synchronise(NOW_MS)
    assert payer.purse.floor_ms == payee.purse.floor_ms == NOW_MS


def test_g4_a_list_is_known_by_its_number_and_grows_frame_by_frame() -> None:
    party = Party()
    first, second = frame_of(ENTRIES[:2]), frame_of(ENTRIES[2:], ENTRIES[:2])
    refusal = refusal_of(lambda: party.learn(second))
    assert (refusal.code, refusal.fields) == (Code.LIST_UNFIT, {"number": 0})
    party.learn(first, second, first, second)
    known = party.purse.revocations
    assert (known.number, len(known.revoked)) == (6, 6)
    assert known.frames_after(0) == [first, second]
    assert known.frames_after(1) == [first, second]
    assert known.frames_after(2) == [second]
    assert known.frames_after(6) == []
    assert read_purse(party.purse.encoded(), ANCHOR) == party.purse


def test_g4_a_frame_brings_whoever_is_inside_it_to_its_head() -> None:
    whole = frame_of(ENTRIES)
    for known in range(6):
        party = Party()
        if known:
            party.learn(frame_of(ENTRIES[:known]))
        party.learn(whole)
        assert party.purse.revocations.number == 6
        assert set(party.purse.revocations.revoked) == {
            signer_of(n).public_key for n in range(150, 156)
        }


def test_g4_a_request_and_a_payment_tell_the_number_alone() -> None:
    payer, payee = Party(fen=100), Party(PAYEE)
    payee.learn(frame_of(ENTRIES))
    request = payee.ask(1)
    assert read_request(request, ANCHOR)[0].list_number == 6
    assert read_payment(payer.pay(request), ANCHOR)[0].list_number == 0
    payer.learn(*payee.purse.revocations.frames_after(0))
    assert read_payment(payer.pay(payee.ask(1)), ANCHOR)[0].list_number == 6


def unfit(party: Party, frame: bytes) -> Code:
    return refusal_of(lambda: party.learn(frame)).code


def test_g4_a_list_that_does_not_go_on_from_the_known_one_is_refused() -> None:
    party = Party()
    party.learn(frame_of(ENTRIES[:2]))
    assert unfit(party, frame_of(ENTRIES[2:4], [ENTRIES[1], ENTRIES[0]])) is Code.LIST_UNFIT
    assert unfit(party, frame_of([*reversed(ENTRIES)])) is Code.LIST_UNFIT
    head, proof, first, entries = cbor.decode(frame_of(ENTRIES), size_max=9999)  # type: ignore[misc]
    changed = [*entries[:-1], generation_entry(9)]
    assert unfit(party, cbor.encode([head, proof, first, changed])) is Code.LIST_UNFIT
    for wrong in ([head, proof, first + 1, entries], [head, proof, first, entries[1:]]):
        assert unfit(party, cbor.encode(wrong)) is Code.MALFORMED


def test_g4_only_a_key_for_lists_signs_a_head() -> None:
    party = Party()
    by_block_key = frame_of(ENTRIES, seed=BLOCK_SEED, proof=BLOCK_CERTIFICATE)
    assert unfit(party, by_block_key) is Code.CERTIFICATE_OTHER_USE
    assert unfit(party, frame_of(ENTRIES, seed=FOREIGN_SEED)) is Code.SIGNATURE_INVALID
    of_other_root = certificate(Use.LIST_SIGNING, FOREIGN_SEED, 0, root_seed=FOREIGN_SEED)
    by_foreigner = frame_of(ENTRIES, seed=FOREIGN_SEED, proof=of_other_root)
    assert unfit(party, by_foreigner) is Code.SIGNATURE_INVALID


@pytest.mark.parametrize(
    "entry",
    [
        cbor.encode([-1]), cbor.encode([True]), cbor.encode([]), cbor.encode([b"", 1]),
        cbor.encode([b"k", 0]), cbor.encode([b"k", 2**48]), cbor.encode([b"k" * 66, 1]),
        cbor.encode([b"k", True]), cbor.encode({0: 1}), b"", b"\x81\x18\x01",
    ],
)  # fmt: skip
def test_an_entry_that_is_none_is_refused(entry: bytes) -> None:
    assert unfit(Party(), frame_of([entry])) in (Code.MALFORMED, Code.NOT_CANONICAL)


def test_g4_the_oldest_generation_only_rises() -> None:
    party = Party()
    party.learn(frame_of([generation_entry(5), generation_entry(3)]))
    assert party.purse.revocations.oldest_generation == 5


def test_g4_an_entry_is_forgotten_once_its_certificate_has_ended() -> None:
    party = Party()
    party.learn(frame_of([revocation_entry(b"k" * 32, LATER_MS)], time_ms=LATER_MS))
    party.synchronise(LATER_MS - 1)
    assert b"k" * 32 in party.purse.revocations.revoked
    party.synchronise(LATER_MS)
    assert not party.purse.revocations.revoked
    assert party.purse.revocations.number == 1


def test_g4_the_largest_frame_fits_for_every_suite() -> None:
    """Keys of 65 bytes, and the head and certificate that such a key would make."""
    entries = [revocation_entry(bytes([n]) * 65, 2**48 - 1) for n in range(ENTRIES_MAX)]
    head = ListHead(number=2**60, hash=extend_hash(NO_ENTRIES, entries), time_ms=2**47)
    frame = sign_frame(head, entries, signer_of(LIST_SEED), LIST_CERTIFICATE, NETWORK)
    wider = 3 * (65 - 32 + 4)  # the key of the head, and key and header of the certificate
    assert len(frame) + wider <= FRAME_BYTES_MAX
    refusal = refusal_of(lambda: Party().learn(frame_of([*entries, entries[0]])))
    assert refusal.fields == {"field": "frame.entries"}


def test_g4_a_purse_passes_on_its_latest_frames() -> None:
    entries = [generation_entry(n + 1) for n in range(FRAMES_KEPT + 1)]
    party = Party(generation=99)
    for n in range(FRAMES_KEPT + 1):
        party.learn(frame_of(entries[n : n + 1], entries[:n]))
    assert len(party.purse.revocations.frames_after(0)) == FRAMES_KEPT
    behind = Party(PAYEE)
    assert unfit(behind, party.purse.revocations.frames_after(0)[0]) is Code.LIST_UNFIT


def test_days_go_on_from_the_time_that_was_known() -> None:
    party = Party()
    party.synchronise(LATER_MS)
    assert party.purse.synchronised_ms == LATER_MS
    party.synchronise(NOW_MS)
    assert (party.purse.floor_ms, party.purse.synchronised_ms) == (LATER_MS, LATER_MS)
    late = news.raise_floor(party.purse, time_message(LATER_MS + 7 * DAY_MS + 1))
    assert refusal_of(lambda: replace_purse(party, late)).code is Code.PURSE_NOT_SYNCHRONISED


def replace_purse(party: Party, purse: Purse) -> bytes:
    party.purse = replace(purse)
    return party.ask(1)
