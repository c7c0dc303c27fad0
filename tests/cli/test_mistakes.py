"""What commands say to mistakes: which file or option, that nothing was changed, and the way on."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from jiaozi.cli import app

NETWORK_ID = "ab" * 32


def run(*words: str | Path) -> Result:
    result = CliRunner().invoke(app, [str(each) for each in words])
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == 2
    return result


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A ceremony's directory in which nothing is what it should be but the id."""
    directory = tmp_path / "network"
    (directory / "registry").mkdir(parents=True)
    (directory / "network-id").write_text(NETWORK_ID)
    (directory / "genesis.cbor").write_bytes(b"garbage")
    return directory


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text("correct horse battery\n")
    return file


def test_what_is_no_order_is_told_by_its_name(network: Path, passphrase: Path) -> None:
    told = run("central-bank", "show", passphrase, "--network", network).stderr
    assert f"{passphrase} is not an order that was drawn up for this network" in told
    assert "Nothing was changed: name the right file" in told


def test_what_is_no_genesis_is_told_before_anything_is_opened(
    network: Path, passphrase: Path
) -> None:
    options = "--dsn", "postgresql://nobody@127.0.0.1:1/none", "--passphrase-file", passphrase
    for command in ("serve", "worker"):
        told = run("central-bank", command, "--network", network, *options).stderr
        assert f"{network}/genesis.cbor is not the genesis of a network" in told
        assert "Nothing was changed" in told


@pytest.mark.parametrize("command", [("central-bank", "day"), ("backup", "new")])
def test_what_is_no_dsn_is_told_with_the_form_of_one(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    told = run(*command, "--dsn", "registry").stderr
    assert "Write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE" in told


def test_a_file_that_is_missing_or_there_already_is_told_with_the_way_on(
    network: Path, passphrase: Path, tmp_path: Path
) -> None:
    told = run("central-bank", "show", tmp_path / "none", "--network", network).stderr
    assert f"({tmp_path}/none)" in told
    assert "Nothing was changed: check the name." in told
    told = run("central-bank", "issue", "1001", "5.00", "--out", passphrase).stderr
    assert "Nothing was changed: name a new file." in told


def test_an_institutions_account_is_no_wallet(network: Path) -> None:
    vault = "1001000000000016"
    told = run(
        "operator", "unfreeze", vault, "00" * 16, "--code", "1001", "--dsn", "postgresql:///x",
        "--keys", network, "--registry", "http://127.0.0.1:1",
    ).stderr  # fmt: skip
    assert f"{vault} is an institution's account" in " ".join(told.split())


def test_an_address_that_is_none_does_not_start_an_operator(
    network: Path, passphrase: Path
) -> None:
    told = run(
        "operator", "serve", "--demo", "--code", "1001", "--dsn", "postgresql:///x",
        "--keys", network, "--registry", "central.example", "--passphrase-file", passphrase,
    ).stderr  # fmt: skip
    assert "central.example is no address such as" in " ".join(told.split())


def test_a_setting_with_a_typo_is_told_with_the_one_that_is_meant(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("database_conections_max = 5\n")
    told = run("central-bank", "serve", "--config", file).stderr
    assert f"database_conections_max ({file}): there is no such setting" in told
    assert "database_connections_max is one" in told
    file.write_bytes(b"\xff\xfe")
    assert "it is no UTF-8 text" in run("central-bank", "serve", "--config", file).stderr
