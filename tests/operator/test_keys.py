"""An operator's keys: made once, opened by their passphrase, refused when anything is wrong."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jiaozi.cli.operator import app
from jiaozi.operator.keys import create_keys, load_keys
from jiaozi.protocol.certificates import Use
from jiaozi.service.keys import FileKeyStore, KdfCost, KeyDamaged, KeyMissing, PassphraseWrong

CHEAP = KdfCost(memory_kib=8, passes=1, lanes=1)
PASSPHRASE = "correct horse battery staple"


def store(directory: Path, passphrase: str = PASSPHRASE) -> FileKeyStore:
    return FileKeyStore(directory, passphrase, cost=CHEAP)


def test_what_was_made_is_what_is_opened(tmp_path: Path) -> None:
    public = create_keys(store(tmp_path), tmp_path)
    keys = load_keys(store(tmp_path), tmp_path)
    assert public == {
        Use.OPERATOR_CERTIFY: keys.certify.public_key,
        Use.OPERATOR_VAULT: keys.vault.public_key,
        Use.OPERATOR_TRANSPORT: keys.transport.public_key,
    }
    assert len(set(public.values())) == 3
    assert len(keys.wrapping(1)) == len(keys.lookup) == 32
    assert keys.wrapping(1) != keys.lookup
    assert {each.stat().st_mode & 0o777 for each in tmp_path.iterdir()} == {0o600}


def test_keys_do_not_show_their_secrets(tmp_path: Path) -> None:
    create_keys(store(tmp_path), tmp_path)
    keys = load_keys(store(tmp_path), tmp_path)
    assert repr(keys.wrapping(1)) not in repr(keys)
    assert repr(keys.lookup) not in repr(keys)


def test_keys_that_are_not_whole_are_not_opened(tmp_path: Path) -> None:
    create_keys(store(tmp_path), tmp_path)
    with pytest.raises(PassphraseWrong):
        load_keys(store(tmp_path, "another passphrase"), tmp_path)
    secret = tmp_path / "wrapping.secret"
    whole = secret.read_bytes()
    secret.write_bytes(whole[:-1])
    with pytest.raises(KeyDamaged):
        load_keys(store(tmp_path), tmp_path)
    secret.unlink()
    with pytest.raises(KeyMissing):
        load_keys(store(tmp_path), tmp_path)


def test_the_command_makes_keys_once(tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE)
    command = ["keys", "--keys", str(tmp_path / "keys"), "--passphrase-file", str(passphrase)]
    made = CliRunner().invoke(app, [*command, "--json"])
    assert made.exit_code == 0
    public = json.loads(made.stdout)
    assert public.keys() == {"certify", "vault", "transport"}
    again = CliRunner().invoke(app, [*command, "--json"])
    assert again.exit_code == 2
    assert json.loads(again.stdout)["error"]["name"] == "key_exists"
    keys = load_keys(FileKeyStore(tmp_path / "keys", PASSPHRASE), tmp_path / "keys")
    assert keys.vault.public_key.hex() == public["vault"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ([], "--sms-url"),
        (["--demo", "--network-id", "xyz"], "64 hexadecimal digits"),
        (["--demo", "--code", "10000"], "operator_code"),
        (["--demo", "--port", "-1"], "port"),
    ],
)
def test_serving_is_refused_before_anything_starts(
    tmp_path: Path, options: list[str], told: str
) -> None:
    needed = {"--code": "1001", "--dsn": "postgresql://", "--registry": "http://127.0.0.1:1"}
    given = [part for name, value in needed.items() for part in (name, value)]
    result = CliRunner().invoke(app, ["serve", *given, "--keys", str(tmp_path), *options])
    assert result.exit_code == 2
    assert told in result.output


def test_serving_without_keys_says_which_is_missing(tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text(PASSPHRASE)
    options = [
        "serve", "--demo", "--code", "1001", "--dsn", "postgresql://",
        "--registry", "http://127.0.0.1:1", "--keys", str(tmp_path),
        "--passphrase-file", str(passphrase),
    ]  # fmt: skip
    result = CliRunner().invoke(app, options)
    assert result.exit_code == 2
    assert "certify.key" in result.output.replace("\n", "")
