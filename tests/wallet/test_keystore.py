"""The keystore keeps a key from everyone without the passphrase, and never loses one."""

import json
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jiaozi.protocol.domains import NetworkId
from jiaozi.wallet.errors import (
    KeystoreDamaged,
    KeystoreExists,
    KeystoreMissing,
    PassphraseUnfit,
    PassphraseWrong,
)
from jiaozi.wallet.keystore import (
    KdfCost,
    Keystore,
    WalletPublic,
    read_keystore,
    read_public,
    write_keystore,
)
from tests.wallet.conftest import NUMBER, seed

PASSPHRASE = "correct horse battery"
QUICK = KdfCost(memory_kib=8, passes=1, lanes=1)
KEYSTORE = Keystore(
    public=WalletPublic(
        number=NUMBER,
        operator_url="https://operator.example",
        network=NetworkId(bytes(32)),
        root_key=bytes(32),
        block_key=bytes([1]) * 32,
        public_key=bytes([2]) * 32,
    ),
    seed=seed("wallet"),
    opening=b"{}",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "wallet" / "keystore.json"
    write_keystore(path, KEYSTORE, PASSPHRASE, random=os.urandom, cost=QUICK)
    return path


def _changed(path: Path, change: Any) -> None:  # noqa: ANN401
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def test_what_is_written_is_read_again(path: Path) -> None:
    assert read_keystore(path, PASSPHRASE) == KEYSTORE
    assert read_public(path) == KEYSTORE.public


def test_a_passphrase_is_as_dear_to_try_as_rfc_9106_says(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    write_keystore(path, KEYSTORE, PASSPHRASE, random=os.urandom)
    told = json.loads(path.read_text())["kdf"]
    assert (told["memory_kib"], told["passes"], told["lanes"]) == (64 * 1024, 3, 4)


def test_the_file_holds_no_key_in_the_clear_and_is_for_its_owner_alone(path: Path) -> None:
    content = path.read_bytes()
    assert KEYSTORE.seed.hex().encode() not in content
    assert KEYSTORE.seed not in content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_no_part_of_a_keystore_shows_its_seed() -> None:
    assert KEYSTORE.seed.hex() not in repr(KEYSTORE)
    assert repr(KEYSTORE.seed) not in repr(KEYSTORE)


def test_another_passphrase_opens_nothing(path: Path) -> None:
    with pytest.raises(PassphraseWrong):
        read_keystore(path, PASSPHRASE + " ")


def test_a_passphrase_is_the_same_however_its_accents_are_typed(tmp_path: Path) -> None:
    path = tmp_path / "keystore.json"
    write_keystore(path, KEYSTORE, "caf\u00e9 caf\u00e9", random=os.urandom, cost=QUICK)
    assert read_keystore(path, "cafe\u0301 cafe\u0301") == KEYSTORE


def test_a_short_passphrase_protects_nothing_and_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PassphraseUnfit):
        write_keystore(tmp_path / "k", KEYSTORE, "1234567", random=os.urandom, cost=QUICK)
    assert not list(tmp_path.iterdir())


def test_a_changed_public_part_is_noticed_when_it_is_unlocked(path: Path) -> None:
    _changed(path, lambda document: document["public"].update(block_key="ff" * 32))
    with pytest.raises(PassphraseWrong):
        read_keystore(path, PASSPHRASE)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.pop("public"),
        lambda document: document.update(format="jiaozi-wallet/2"),
        lambda document: document.update(sealed="not base64!"),
        lambda document: document.update(nonce=""),
        lambda document: document.pop("kdf"),
        lambda document: document["kdf"].update(memory_kib=2**40),
        lambda document: document["kdf"].update(passes=True),
        lambda document: document["kdf"].update(salt=""),
        lambda document: document["kdf"].update(lanes=64),
        lambda document: document["public"].update(number="1001000010000002"),
    ],
)
def test_a_damaged_file_is_told_as_one(path: Path, change: Any) -> None:  # noqa: ANN401
    _changed(path, change)
    with pytest.raises(KeystoreDamaged):
        read_keystore(path, PASSPHRASE)


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{" * 70_000])
def test_what_is_no_keystore_is_told_as_damaged(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(KeystoreDamaged):
        read_public(path)


def test_a_missing_file_is_told_as_missing(tmp_path: Path) -> None:
    with pytest.raises(KeystoreMissing):
        read_public(tmp_path / "keystore.json")


def test_a_new_wallet_never_overwrites_a_key(path: Path) -> None:
    other = replace(KEYSTORE, seed=seed("another"))
    with pytest.raises(KeystoreExists):
        write_keystore(path, other, PASSPHRASE, random=os.urandom, cost=QUICK)
    assert read_keystore(path, PASSPHRASE) == KEYSTORE
    assert list(path.parent.iterdir()) == [path]


def test_replacing_seals_anew_and_leaves_no_other_file(path: Path) -> None:
    before = json.loads(path.read_text())
    write_keystore(path, KEYSTORE, PASSPHRASE, random=os.urandom, replace=True, cost=QUICK)
    after = json.loads(path.read_text())
    assert before["nonce"] != after["nonce"]
    assert before["kdf"]["salt"] != after["kdf"]["salt"]
    assert list(path.parent.iterdir()) == [path]
