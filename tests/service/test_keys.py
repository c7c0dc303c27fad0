"""Key files: sealed, for their owner alone, whole or not there, never overwritten."""

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jiaozi.service.files import write_whole
from jiaozi.service.keys import (
    PASSPHRASE_VARIABLE,
    FileKeyStore,
    KdfCost,
    KeyDamaged,
    KeyExists,
    KeyMissing,
    KeyStore,
    PassphraseUnfit,
    PassphraseWrong,
    passphrase_from,
)

PASSPHRASE = "a passphrase of tests"
QUICK = KdfCost(memory_kib=64, passes=1, lanes=1)


def store(directory: Path, passphrase: str = PASSPHRASE) -> KeyStore:
    return FileKeyStore(directory, passphrase, cost=QUICK)


def change(path: Path, act: Callable[[dict[str, Any]], object]) -> None:
    document = json.loads(path.read_text())
    act(document)
    path.write_text(json.dumps(document))


def test_key_signs_the_same_after_it_was_stored(tmp_path: Path) -> None:
    created = store(tmp_path / "keys").create("vault")
    opened = store(tmp_path / "keys").signer("vault")
    assert opened.public_key == created.public_key
    assert opened.sign(b"message") == created.sign(b"message")


def test_keys_are_listed_by_name(tmp_path: Path) -> None:
    keys = store(tmp_path)
    assert list(keys.names()) == []
    made = {name: keys.create(name).public_key for name in ("vault", "certify")}
    assert list(keys.names()) == ["certify", "vault"]
    assert made["vault"] != made["certify"]


def test_key_is_never_overwritten(tmp_path: Path) -> None:
    keys = store(tmp_path)
    public_key = keys.create("root").public_key
    with pytest.raises(KeyExists, match="left as it is"):
        keys.create("root")
    assert keys.signer("root").public_key == public_key


def test_file_is_for_its_owner_alone_and_leaves_no_other(tmp_path: Path) -> None:
    store(tmp_path / "deep" / "keys").create("root")
    [file] = (tmp_path / "deep" / "keys").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for directory in (file.parent, file.parent.parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_file_does_not_show_the_key(tmp_path: Path) -> None:
    seed = bytes(range(100, 132))
    FileKeyStore(tmp_path, PASSPHRASE, random=lambda size: seed[:size], cost=QUICK).create("root")
    text = (tmp_path / "root.key").read_text()
    assert seed.hex() not in text
    assert PASSPHRASE not in text


def test_other_passphrase_does_not_open_it(tmp_path: Path) -> None:
    store(tmp_path).create("root")
    with pytest.raises(PassphraseWrong, match=r"root\.key"):
        store(tmp_path, "another passphrase").signer("root")


def test_passphrase_may_be_typed_in_either_unicode_form(tmp_path: Path) -> None:
    store(tmp_path, "caf\u00e9 au lait").create("root")
    store(tmp_path, "cafe\u0301 au lait").signer("root")


@pytest.mark.parametrize(
    "act",
    [
        lambda document: document.update(public_key="00" * 32),
        lambda document: document.update(name="vault"),
        lambda document: document["kdf"].update(salt="AAAAAAAAAAAAAAAAAAAAAA=="),
        lambda document: document.update(nonce="AAAAAAAAAAAAAAAA"),
        lambda document: document.update(sealed="AAAA" * 20),
    ],
)
def test_changed_file_does_not_open(
    tmp_path: Path, act: Callable[[dict[str, Any]], object]
) -> None:
    store(tmp_path).create("root")
    change(tmp_path / "root.key", act)
    with pytest.raises(PassphraseWrong):
        store(tmp_path).signer("root")


@pytest.mark.parametrize(
    "act",
    [
        lambda document: document.pop("kdf"),
        lambda document: document["kdf"].update(memory_kib=2**40),
        lambda document: document["kdf"].update(passes="3"),
        lambda document: document["kdf"].update(lanes=32),
        lambda document: document.update(sealed="not base64"),
        lambda document: document.update(sealed=5),
        lambda document: document.update(format="jiaozi-wallet/1"),
        lambda document: document.update(nonce=""),
    ],
)
def test_file_that_is_no_key_is_told_so(
    tmp_path: Path, act: Callable[[dict[str, Any]], object]
) -> None:
    store(tmp_path).create("root")
    change(tmp_path / "root.key", act)
    with pytest.raises(KeyDamaged, match=r"root\.key is not a key file"):
        store(tmp_path).signer("root")


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{"])
def test_other_content_is_no_key(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "root.key").write_bytes(content)
    with pytest.raises(KeyDamaged):
        store(tmp_path).signer("root")


def test_key_under_another_name_is_not_taken_for_it(tmp_path: Path) -> None:
    store(tmp_path).create("certify")
    (tmp_path / "certify.key").rename(tmp_path / "vault.key")
    with pytest.raises(KeyDamaged):
        store(tmp_path).signer("vault")


@pytest.mark.parametrize("name", ["other", "", "../root", "Root", "a/b", "."])
def test_missing_key_is_told(tmp_path: Path, name: str) -> None:
    with pytest.raises(KeyMissing):
        store(tmp_path).signer(name)


def test_short_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PassphraseUnfit, match="at least 8"):
        store(tmp_path, "1234567")


def test_passphrase_is_what_was_given_then_the_file_then_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "passphrase"
    file.write_text("from the file\nsecond line\n")
    environment = {PASSPHRASE_VARIABLE: "from the environment"}
    assert passphrase_from(given="given", file=file, environment=environment) == "given"
    assert passphrase_from(given=None, file=file, environment=environment) == "from the file"
    assert passphrase_from(given=None, file=None, environment=environment).endswith("environment")
    with pytest.raises(PassphraseUnfit, match=PASSPHRASE_VARIABLE):
        passphrase_from(given=None, file=None, environment={})


def test_default_cost_is_that_of_rfc_9106(tmp_path: Path) -> None:
    FileKeyStore(tmp_path, PASSPHRASE).create("root")
    kdf = json.loads((tmp_path / "root.key").read_text())["kdf"]
    assert (kdf["memory_kib"], kdf["passes"], kdf["lanes"]) == (65_536, 3, 4)


def test_file_is_replaced_whole_or_kept(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_whole(path, b"one")
    with pytest.raises(FileExistsError):
        write_whole(path, b"two")
    assert path.read_bytes() == b"one"
    write_whole(path, b"two", replace=True)
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]
