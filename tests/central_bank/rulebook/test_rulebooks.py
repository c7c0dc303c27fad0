"""Rulebooks: the published figures, and files that are refused naming the key."""

import time
import timeit
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jiaozi.central_bank.rulebook.load import (
    RULEBOOK_BYTES_MAX,
    RulebookInvalid,
    load_directory,
    read_rulebook,
    shipped,
)
from jiaozi.central_bank.rulebook.model import ClassLimits, Rulebook
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.order_types import Holder

# Yuan: balance, single, day, year; None where there is no cap.
PILOT_2020 = {
    1: (500_000, 50_000, 100_000, 500_000),
    2: (10_000, 5_000, 10_000, 300_000),
    3: (2_000, 2_000, 2_000, 50_000),
    4: (1_000, 500, 1_000, 10_000),
}
SINCE_2021 = {
    1: (None, None, None, None),
    2: (500_000, 50_000, 100_000, None),
    3: (20_000, 5_000, 10_000, None),
    4: (10_000, 2_000, 5_000, 50_000),
}
FIGURES = {
    "2020-10-pilot": PILOT_2020,
    "2021-06": SINCE_2021,
    "2026-01": SINCE_2021,
    "2026-11": SINCE_2021,
    "demo": SINCE_2021,
    "demo-offline": SINCE_2021,
}
GOOD = b'name = "x"\n[personal.1]\nsingle_fen = 5\n[corporate]\n'


def shipped_by_name() -> dict[str, Rulebook]:
    return {each.name: each for each in shipped().values()}


def test_the_dated_rulebooks_and_the_demos_are_shipped() -> None:
    assert shipped_by_name().keys() == FIGURES.keys()
    assert all(each.hash == key for key, each in shipped().items())


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("wallet_class", [1, 2, 3, 4])
def test_personal_caps_are_the_published_ones(name: str, wallet_class: int) -> None:
    limits = shipped_by_name()[name].limits_of(Holder.PERSONAL, wallet_class)
    assert limits is not None
    in_fen = (limits.balance_cap_fen, limits.single_fen, limits.day_fen, limits.year_fen)
    expected = FIGURES[name][wallet_class]
    assert in_fen == tuple(None if each is None else each * 100 for each in expected)


@pytest.mark.parametrize("name", FIGURES)
def test_corporate_wallets_have_rows_of_their_own_without_caps(name: str) -> None:
    rulebook = shipped_by_name()[name]
    assert rulebook.limits_of(Holder.CORPORATE, 1) == ClassLimits()
    assert rulebook.limits_of(Holder.CORPORATE, 2) == ClassLimits()


@pytest.mark.parametrize("name", FIGURES)
def test_no_company_is_anonymous_and_no_other_class_exists(name: str) -> None:
    rulebook = shipped_by_name()[name]
    assert rulebook.limits_of(Holder.CORPORATE, 4) is None
    assert rulebook.limits_of(Holder.PERSONAL, 5) is None
    assert rulebook.limits_of(3, 1) is None


def test_rulebook_is_known_by_the_hash_of_its_bytes() -> None:
    assert read_rulebook(GOOD).hash == sha256(GOOD).digest()
    assert read_rulebook(GOOD).hash != read_rulebook(GOOD + b"# \n").hash


def test_absent_cap_is_none() -> None:
    assert read_rulebook(GOOD).limits_of(1, 1) == ClassLimits(single_fen=5)


@pytest.mark.parametrize(
    ("document", "key"),
    [
        (b"", "name"),
        (b"name = 5\n[personal.1]\n[corporate]", "name"),
        (b"name = ''\n[personal.1]\n[corporate]", "name"),
        (b'name = "x"\n[personal.1]', "corporate"),
        (b'name = "x"\n[corporate.1]', "personal"),
        (b'name = "x"\npersonal = 1\n[corporate]', "personal"),
        (b'name = "x"\n[personal]\n[corporate]', "personal"),
        (b'name = "x"\n[personal]\n1 = 5\n[corporate]', "personal.1"),
        (b'name = "x"\n[personal.0]\n[corporate]', "personal.0"),
        (b'name = "x"\n[personal.10]\n[corporate]', "personal.10"),
        (b'name = "x"\n[personal.one]\n[corporate]', "personal.one"),
        (GOOD + b"[foreign.1]", "foreign"),
        (b"limit = 1\n" + GOOD, "limit"),
        (GOOD + b"[personal.2]\nsingle = 5", "personal.2.single"),
        (GOOD + b"[personal.2]\nsingle_fen = 5.0", "personal.2.single_fen"),
        (GOOD + b"[personal.2]\nsingle_fen = true", "personal.2.single_fen"),
        (GOOD + b'[personal.2]\nsingle_fen = "5"', "personal.2.single_fen"),
        (GOOD + b"[personal.2]\nsingle_fen = -1", "personal.2.single_fen"),
        (GOOD + b"[personal.2]\nsingle_fen = 0", "personal.2.single_fen"),
        (GOOD + b"[personal.2]\nsingle_fen = %d" % (FEN_MAX + 1), "personal.2.single_fen"),
        (GOOD + b"[personal.1]", "file"),
        (GOOD + b"[personal.2]\nday_fen = 1\nday_fen = 2", "file"),
        (b"\xff", "file"),
        (GOOD + b"#" * RULEBOOK_BYTES_MAX, "file"),
    ],
)
def test_what_is_no_rulebook_is_refused_naming_the_key(document: bytes, key: str) -> None:
    with pytest.raises(RulebookInvalid) as caught:
        read_rulebook(document)
    assert caught.value.key == key
    assert key in str(caught.value)


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_hostile_bytes_are_refused_and_nothing_else(data: bytes) -> None:
    with pytest.raises(RulebookInvalid):
        read_rulebook(data)


def test_directory_gives_its_rulebooks_by_hash(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(GOOD)
    (tmp_path / "notes.txt").write_bytes(b"not a rulebook")
    assert load_directory(tmp_path) == {sha256(GOOD).digest(): read_rulebook(GOOD)}


def test_bad_file_of_a_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(GOOD)
    (tmp_path / "b.toml").write_bytes(b'name = "x"')
    with pytest.raises(RulebookInvalid, match=r"b\.toml: personal"):
        load_directory(tmp_path)
    with pytest.raises(FileNotFoundError):
        load_directory(tmp_path / "nothing")


def test_limits_are_cheap_to_find() -> None:
    rulebook = shipped_by_name()["2021-06"]
    times_s = timeit.repeat(
        lambda: rulebook.limits_of(1, 4), timer=time.process_time, number=15_000, repeat=3
    )
    assert min(times_s) < 0.05
