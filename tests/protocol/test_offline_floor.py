"""The time floor of a purse when a key that signs headers is stolen (rules.md §G.4)."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from jiaozi.protocol.certificates import Use
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.offline import news
from jiaozi.protocol.offline.floor import Floor
from jiaozi.protocol.offline.purse import read_purse
from jiaozi.protocol.offline.revocations import revocation_entry
from jiaozi.protocol.refusals import Code
from tests.protocol.builders import BLOCK_SEED, NOW_MS, refusal_of, signer_of
from tests.protocol.offline_builders import (
    ANCHOR,
    END_MS,
    PAYEE,
    Party,
    certificate,
    frame_of,
    time_message,
)

OTHER_SEED = 170
OTHER_CERTIFICATE = certificate(Use.REGISTRY_BLOCK, OTHER_SEED, 0)
STOLEN = revocation_entry(signer_of(BLOCK_SEED).public_key, END_MS)
TRUE_MS, HEAD_MS, FORGED_MS = NOW_MS + DAY_MS, NOW_MS + 2 * DAY_MS, NOW_MS + 60 * DAY_MS


def told(party: Party, time_ms: int, *, by_other: bool = False) -> None:
    message = (
        time_message(time_ms, seed=OTHER_SEED, proof=OTHER_CERTIFICATE)
        if by_other
        else time_message(time_ms)
    )
    party.purse = news.raise_floor(party.purse, message)


def stolen_list(time_ms: int = HEAD_MS) -> bytes:
    return frame_of([STOLEN], time_ms=time_ms)


def test_g4_a_time_that_a_stolen_key_signed_falls_to_that_of_the_list_that_names_it() -> None:
    party = Party()
    told(party, TRUE_MS)
    told(party, FORGED_MS)
    party.learn(stolen_list())
    assert party.purse.floor_ms == HEAD_MS
    assert refusal_of(lambda: told(party, FORGED_MS)).code is Code.SIGNATURE_INVALID
    told(party, HEAD_MS + 1, by_other=True)
    assert party.purse.floor_ms == HEAD_MS + 1


def test_g4_it_falls_no_further_than_to_what_another_key_has_signed() -> None:
    for is_before in (True, False):
        party = Party()
        if is_before:
            told(party, HEAD_MS + 5, by_other=True)
        told(party, FORGED_MS)
        if not is_before:
            told(party, HEAD_MS + 5, by_other=True)
        party.learn(stolen_list())
        assert party.purse.floor_ms == HEAD_MS + 5


def test_g4_the_list_raises_no_floor() -> None:
    party = Party()
    told(party, TRUE_MS)
    party.learn(stolen_list())
    assert party.purse.floor_ms == TRUE_MS


def test_g4_a_list_that_names_other_keys_lowers_nothing() -> None:
    party = Party()
    told(party, FORGED_MS)
    others = [revocation_entry(signer_of(n).public_key, END_MS) for n in (OTHER_SEED, PAYEE)]
    party.learn(frame_of(others, time_ms=HEAD_MS))
    assert party.purse.floor_ms == FORGED_MS
    party.learn(frame_of([STOLEN], others, time_ms=HEAD_MS))
    assert party.purse.floor_ms == HEAD_MS
    party.learn(frame_of([revocation_entry(b"k" * 32, END_MS)], [*others, STOLEN], time_ms=NOW_MS))
    assert party.purse.floor_ms == HEAD_MS


def test_g4_a_purse_that_a_forged_time_had_stopped_works_again() -> None:
    party, payee = Party(fen=100), Party(PAYEE)
    request = payee.ask(10)
    party.synchronise(TRUE_MS)
    told(party, FORGED_MS)
    assert refusal_of(lambda: party.pay(request)).code is Code.PURSE_NOT_SYNCHRONISED
    party.learn(stolen_list())
    payee.collect(party.pay(request))


def test_g4_days_do_not_begin_later_than_the_time_that_is_left() -> None:
    """Else a purse that was synchronised under a forged time would never have to be again."""
    party = Party()
    told(party, FORGED_MS)
    party.synchronise(TRUE_MS)
    party.learn(stolen_list())
    assert party.purse.synchronised_ms == HEAD_MS
    told(party, HEAD_MS + party.purse.device.limits.days * DAY_MS + 1, by_other=True)
    assert refusal_of(lambda: party.ask(1)).code is Code.PURSE_NOT_SYNCHRONISED


def test_g4_a_forged_time_makes_no_purse_forget_who_is_revoked() -> None:
    party = Party()
    entry = revocation_entry(signer_of(PAYEE).public_key, FORGED_MS)
    party.learn(frame_of([entry], time_ms=NOW_MS))
    told(party, FORGED_MS)
    party.synchronise(FORGED_MS)
    party.learn(frame_of([STOLEN], [entry], time_ms=HEAD_MS))
    assert not party.purse.revocations.accept(Party(PAYEE).purse.device)


def test_a_purse_keeps_what_its_time_rests_on() -> None:
    party = Party()
    told(party, TRUE_MS, by_other=True)
    told(party, FORGED_MS)
    party.purse = read_purse(party.purse.encoded(), ANCHOR)
    floor = party.purse.floor
    assert (floor.key, floor.certain_ms) == (signer_of(BLOCK_SEED).public_key, TRUE_MS)
    party.learn(stolen_list(NOW_MS))
    assert party.purse.floor == replace(floor, time_ms=TRUE_MS, key=b"")


KEYS = st.sampled_from([b"one", b"two", b"three"])


@given(st.lists(st.tuples(KEYS, st.integers(0, 9))))
def test_g4_what_is_certain_is_what_two_keys_have_signed(said: list[tuple[bytes, int]]) -> None:
    floor, latest = Floor(time_ms=3, certain_ms=3), {b"": 3}
    for key, time_ms in said:
        floor = floor.told(key, time_ms)
        latest[key] = max(time_ms, latest.get(key, 0))
    *_, second, first = sorted([0, *latest.values()])
    assert (floor.time_ms, floor.certain_ms) == (first, max(second, 3))
