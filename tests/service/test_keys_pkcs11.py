"""Keys in a hardware module (SoftHSM2 here): as good as those in files, and never seen outside."""

import os
import subprocess
import sys
from pathlib import Path

import pkcs11
import pytest
from pkcs11 import Attribute, ObjectClass
from pkcs11.exceptions import AttributeSensitive

from jiaozi.protocol.suites import Suite, verify
from jiaozi.service.key_locations import open_key, open_store
from jiaozi.service.keys import (
    FileKeyStore,
    KeyExists,
    KeyMissing,
    KeyStore,
    KeyUnavailable,
    PassphraseWrong,
    generations,
    next_generation,
)
from jiaozi.service.keys_pkcs11 import LocationInvalid, Pkcs11KeyStore, read_uri
from tests.hsm import PIN, Hsm, key_uri


def store(token: str, pin: str = PIN) -> KeyStore:
    return open_store(token, lambda: pin)


def session(token: str) -> pkcs11.Session:
    """The session behind a store, for looking at the module itself."""
    return Pkcs11KeyStore(read_uri(token), PIN)._token._session


def test_key_in_a_token_signs_as_ed25519_does(hsm: Hsm) -> None:
    made = store(hsm.fresh_token()).create("block")
    assert made.suite is Suite.ED25519
    for message in (b"", b"message", bytes(5_000)):
        assert verify(made.suite, made.public_key, message, made.sign(message))
    assert not verify(made.suite, made.public_key, b"other", made.sign(b"message"))


def test_key_is_found_again_by_its_name_and_by_its_uri(hsm: Hsm) -> None:
    token = hsm.fresh_token()
    made = store(token).create("vault")
    for found in (store(token).signer("vault"), open_key(key_uri(token, "vault"), lambda: PIN)):
        assert found.public_key == made.public_key
        assert found.sign(b"message") == made.sign(b"message")


def test_key_is_found_by_another_process(hsm: Hsm) -> None:
    token = hsm.fresh_token()
    made = store(token).create("vault")
    script = (
        "import sys; from jiaozi.service.key_locations import open_key;"
        "print(open_key(sys.argv[1], lambda: sys.argv[2]).sign(b'message').hex())"
    )
    answer = subprocess.run(
        [sys.executable, "-c", script, key_uri(token, "vault"), PIN],
        check=True, capture_output=True, text=True, env=os.environ,
    )  # fmt: skip
    assert verify(made.suite, made.public_key, b"message", bytes.fromhex(answer.stdout))


def test_private_key_does_not_leave_the_token(hsm: Hsm) -> None:
    token = hsm.fresh_token()
    store(token).create("root")
    key = session(token).get_key(object_class=ObjectClass.PRIVATE_KEY, label="root")
    assert (key[Attribute.SENSITIVE], key[Attribute.EXTRACTABLE]) == (True, False)
    with pytest.raises(AttributeSensitive):
        key[Attribute.VALUE]


def test_key_is_never_overwritten(hsm: Hsm) -> None:
    keys = store(hsm.fresh_token())
    public_key = keys.create("root").public_key
    with pytest.raises(KeyExists, match="left as it is"):
        keys.create("root")
    assert keys.signer("root").public_key == public_key
    assert list(keys.names()) == ["root"]


def test_key_that_is_not_there_is_missing(hsm: Hsm) -> None:
    with pytest.raises(KeyMissing):
        store(hsm.fresh_token()).signer("vault")
    with pytest.raises(KeyMissing):
        store(hsm.fresh_token()).create("../vault")


def test_wrong_pin_opens_nothing(hsm: Hsm) -> None:
    with pytest.raises(PassphraseWrong):
        store(hsm.fresh_token(), "another PIN")


def test_session_that_was_lost_is_opened_again(hsm: Hsm) -> None:
    token = hsm.fresh_token()
    keys = Pkcs11KeyStore(read_uri(token), PIN)
    made = keys.create("block")
    made.sign(b"message")
    keys._token._session.close()
    assert verify(made.suite, made.public_key, b"message", made.sign(b"message"))


def test_token_that_fails_is_told_as_unavailable(hsm: Hsm, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = Pkcs11KeyStore(read_uri(hsm.fresh_token()), PIN)
    made = keys.create("block")
    made.sign(b"message")

    def fail(*_: object, **__: object) -> object:
        raise pkcs11.exceptions.DeviceError

    keys._token._session.close()
    monkeypatch.setattr(keys._token, "_open", fail)
    with pytest.raises(KeyUnavailable, match="DeviceError"):
        made.sign(b"message")


def test_module_or_token_that_is_not_there_is_told(hsm: Hsm) -> None:
    with pytest.raises(KeyUnavailable, match="no token"):
        store(hsm.uri("nobody's"))
    with pytest.raises(KeyUnavailable, match="does not serve"):
        store("pkcs11:token=a?module-path=/nowhere/module.so")


@pytest.mark.parametrize(
    ("uri", "told"),
    [
        ("pkcs11:token=a", "module-path"),
        ("pkcs11:?module-path=/m.so", "token"),
        ("pkcs11:token=a?module-path=/m.so&pin-value=1234", "PIN does not belong"),
        ("pkcs11:token=a?module-path=/m.so&pin-source=file:/pin", "PIN does not belong"),
        ("pkcs11:token=a;token=b?module-path=/m.so", "token"),
        ("pkcs11:token=a;slot-id=1?module-path=/m.so", "slot-id"),
        ("pkcs11:token=a;object=b?module-path=/m.so", "leave out object"),
    ],
)
def test_uri_that_is_not_understood_is_refused(uri: str, told: str) -> None:
    with pytest.raises(LocationInvalid, match=told):
        open_store(uri, lambda: PIN)


def test_uri_is_read_as_rfc_7512_writes_it() -> None:
    read = read_uri("pkcs11:token=My%20token;serial=0a;object=block?module-path=/a%3Bb.so")
    assert (read.token, read.serial, read.object) == ("My token", "0a", "block")
    assert read.module_path == "/a;b.so"


def test_key_by_uri_needs_an_object(hsm: Hsm) -> None:
    with pytest.raises(LocationInvalid, match="object"):
        open_key(hsm.fresh_token(), lambda: PIN)


def test_successors_of_a_key_are_numbered(tmp_path: Path, hsm: Hsm) -> None:
    in_files: KeyStore = FileKeyStore(tmp_path, PIN)
    for keys in (in_files, store(hsm.fresh_token())):
        assert generations(keys, "block") == []
        for expected in ("block", "block-2", "block-3"):
            assert next_generation(keys, "block") == expected
            keys.create(expected)
        keys.create("block-x")
        assert generations(keys, "block") == ["block-3", "block-2", "block"]
