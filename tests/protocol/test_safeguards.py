"""What protects a wallet, as bytes: one encoding for one content, and never too long to be kept."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import hypothesis.strategies as st
from hypothesis import given

from jiaozi.protocol import cbor
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.numbers import WALLET_SERIAL_MIN, account_number
from jiaozi.protocol.order_types import OWN_LIMITS, FreezeScope
from jiaozi.protocol.safeguards import (
    ENCODED_BYTES_MAX,
    FREEZES_MAX,
    MANDATES_MAX,
    Freeze,
    FreezeAuthority,
    Mandate,
    Rebind,
    Safeguards,
    Waiting,
    read_safeguards,
)
from jiaozi.protocol.suites import KEY_LENGTH_MAX

VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "safeguards.json").read_text("utf-8"))
PAYEE = int(account_number(1001, WALLET_SERIAL_MIN))

_NAMES = st.binary(min_size=16, max_size=16)
_KEYS = st.binary(min_size=32, max_size=KEY_LENGTH_MAX)
_SUITES = st.integers(-300, -1)
_FEN = st.integers(0, FEN_MAX)
_TIMES = st.integers(0, 2**48)
_FREEZES = st.builds(
    Freeze, _NAMES, st.sampled_from(FreezeAuthority).map(int), st.sampled_from((1, 2)), st.just(0),
    _TIMES,
) | st.builds(
    Freeze, _NAMES, st.sampled_from(FreezeAuthority).map(int), st.just(3), _FEN, _TIMES
)  # fmt: skip
_REBINDS = st.none() | st.builds(Rebind, _SUITES, _KEYS, _TIMES, st.none() | _TIMES, _TIMES)
_RAISES = st.builds(Waiting, _TIMES, st.none(), st.tuples(*(st.none() | _FEN for _ in OWN_LIMITS)))
_LIFTS = st.builds(Waiting, _TIMES, _NAMES, st.none())
_MANDATES = st.builds(
    Mandate, _NAMES, _SUITES, _KEYS, st.just(PAYEE), _FEN, _FEN, _TIMES, st.integers(0, 10**6), _FEN
)
SAFEGUARDS = st.builds(
    Safeguards,
    freezes=st.lists(_FREEZES, max_size=6).map(
        lambda them: {(each.case, each.authority): each for each in them}
    ),
    rebind=_REBINDS,
    waiting=st.builds(
        lambda raises, lifts: [*raises, *lifts],
        st.lists(_RAISES, max_size=1),
        st.lists(_LIFTS, max_size=4, unique_by=lambda each: each.case),
    ),
    mandates=st.lists(_MANDATES, max_size=4).map(lambda them: {each.id: each for each in them}),
    waterfall=st.booleans(),
)


def shuffled(safeguards: Safeguards, random: Random) -> Safeguards:
    """The same, told in another order."""
    freezes, mandates = list(safeguards.freezes.items()), list(safeguards.mandates.items())
    waiting = list(safeguards.waiting)
    for each in (freezes, mandates, waiting):
        random.shuffle(each)  # type: ignore[arg-type]
    return Safeguards(
        dict(freezes), safeguards.rebind, waiting, dict(mandates), safeguards.waterfall
    )


@given(SAFEGUARDS)
def test_safeguards_are_read_as_they_were_written(safeguards: Safeguards) -> None:
    encoded = safeguards.encoded()
    read = read_safeguards(encoded)
    assert read.encoded() == encoded
    assert (read.freezes, read.rebind, read.mandates, read.waterfall) == (
        safeguards.freezes, safeguards.rebind, safeguards.mandates, safeguards.waterfall,
    )  # fmt: skip
    assert sorted(map(repr, read.waiting)) == sorted(map(repr, safeguards.waiting))
    assert (read.due_ms, read.freeze_bits, read.frozen_fen) == (
        safeguards.due_ms, safeguards.freeze_bits, safeguards.frozen_fen,
    )  # fmt: skip


@given(SAFEGUARDS, st.randoms(use_true_random=False))
def test_the_order_in_which_things_came_does_not_matter(
    safeguards: Safeguards, random: Random
) -> None:
    assert shuffled(safeguards, random).encoded() == safeguards.encoded()


def test_the_most_that_a_wallet_can_have_fits() -> None:
    far_ms, key = 2**63 - 1, bytes(KEY_LENGTH_MAX)
    names = [number.to_bytes(16, "big") for number in range(1, 200)]
    freezes = [
        Freeze(names[8 * authority + index], authority, FreezeScope.AMOUNT, FEN_MAX, far_ms)
        for authority in map(int, FreezeAuthority)
        for index in range(FREEZES_MAX)
    ]
    held = [each.case for each in freezes if each.authority == FreezeAuthority.HOLDER]
    mandates = [
        Mandate(name, -(2**31), key, PAYEE, FEN_MAX, FEN_MAX, far_ms, 2**31, FEN_MAX)
        for name in names[:MANDATES_MAX]
    ]
    most = Safeguards(
        freezes={(each.case, each.authority): each for each in freezes},
        rebind=Rebind(-(2**31), key, far_ms, far_ms, far_ms),
        waiting=[
            Waiting(far_ms, None, (FEN_MAX,) * len(OWN_LIMITS)),
            *(Waiting(far_ms, case, None) for case in held),
        ],
        mandates={each.id: each for each in mandates},
    )
    assert len(most.freezes) == FREEZES_MAX * len(FreezeAuthority)
    assert len(most.encoded()) <= ENCODED_BYTES_MAX
    assert read_safeguards(most.encoded()).encoded() == most.encoded()
    assert most.frozen_fen == FEN_MAX


def test_a_rebind_stops_debits_and_nothing_else() -> None:
    rebind = Rebind(-19, bytes(32), 1, None, 9)
    assert Safeguards(rebind=rebind).freeze_bits == 1
    assert Safeguards(rebind=replace(rebind, objected_ms=2)).due_ms == 9
    assert Safeguards().is_empty
    assert not Safeguards(rebind=rebind).is_empty


def test_consent_is_kept_until_all_is_dropped() -> None:
    safeguards = Safeguards(waterfall=True)
    assert not safeguards.is_empty
    safeguards.clear()
    assert safeguards == Safeguards()


def test_what_was_written_before_there_was_consent_is_read() -> None:
    assert read_safeguards(cbor.encode([[], None, [], []])) == Safeguards()


def test_the_vectors_hold() -> None:
    for vector in VECTORS["safeguards"]:
        encoded = bytes.fromhex(vector["encoded"])
        read = read_safeguards(encoded)
        assert read.encoded() == encoded, vector["name"]
        told = {
            "due_ms": read.due_ms,
            "freeze_bits": read.freeze_bits,
            "frozen_fen": read.frozen_fen,
        }
        assert told == {name: vector[name] for name in told}, vector["name"]
