"""`jiaozi offline verify-proof` on files that prove nothing: which file it is, and what to do."""

from pathlib import Path

from typer.testing import CliRunner

from jiaozi.cli import app
from tests.registry.network import Keys, make_genesis


def verify(file: Path, genesis: Path, code: int) -> str:
    words = ["offline", "verify-proof", str(file), "--genesis", str(genesis)]
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, words)
    assert result.exit_code == code, (result.output, result.exception)
    return result.stderr


def test_a_file_that_proves_nothing_is_named_and_accuses_nobody(tmp_path: Path) -> None:
    genesis, file = tmp_path / "genesis.cbor", tmp_path / "proof.cbor"
    genesis.write_bytes(make_genesis(Keys()))
    for hostile in (b"", b"\x00", b"\x9f" * 5_000, bytes(range(256))):
        file.write_bytes(hostile)
        told = verify(file, genesis, 1)
        assert f"{file} proves nothing" in told
        assert "Nobody stands accused" in told


def test_the_file_that_is_no_genesis_is_named(tmp_path: Path) -> None:
    file = tmp_path / "other.cbor"
    file.write_bytes(b"\x00")
    assert f"{file} is not a network's genesis" in verify(file, file, 2)
    assert "no-such-file" in verify(file, tmp_path / "no-such-file", 2)
