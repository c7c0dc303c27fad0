"""`jiaozi offline verify-proof`: against an operator; and which file it is that proves nothing."""

import json
from pathlib import Path

from click.testing import Result
from typer.testing import CliRunner

from jiaozi.cli import app
from jiaozi.protocol.certificates import Use, certify
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.offline.operator_messages import Load, sign_load
from jiaozi.protocol.offline.proofs import double_load_proof
from tests.registry.network import Keys, certified, key, make_genesis


def verify(file: Path, genesis: Path, code: int, *more: str) -> Result:
    words = ["offline", "verify-proof", str(file), "--genesis", str(genesis), *more]
    result = CliRunner(env={"COLUMNS": "200"}).invoke(app, words)
    assert result.exit_code == code, (result.output, result.exception)
    return result


def test_g3_two_loads_convict_the_operator_from_the_file_and_genesis_alone(tmp_path: Path) -> None:
    keys = Keys()
    genesis, file = tmp_path / "genesis.cbor", tmp_path / "proof.cbor"
    genesis.write_bytes(make_genesis(keys))
    network, certify_key = read_genesis(genesis.read_bytes()), keys.certify(1001)
    certificate = certify(certified(Use.OPERATOR_CERTIFY, certify_key, 1001), keys.root, network.id)
    loads = (
        Load(device=key("device").public_key, number=3, amount_fen=fen, order=bytes(32))
        for fen in (500, 700)
    )
    file.write_bytes(
        double_load_proof(*(sign_load(it, certify_key, certificate, network.id) for it in loads))
    )
    told = verify(file, genesis, 0).stdout
    assert "two loads under one number" in told
    assert "1001" in told
    proven = json.loads(verify(file, genesis, 0, "--json").stdout)
    assert (proven["kind"], proven["operator"]) == ("double_load", "1001")
    assert {each["amount_fen"] for each in proven["loads"]} == {500, 700}


def test_a_file_that_proves_nothing_is_named_and_accuses_nobody(tmp_path: Path) -> None:
    genesis, file = tmp_path / "genesis.cbor", tmp_path / "proof.cbor"
    genesis.write_bytes(make_genesis(Keys()))
    for hostile in (b"", b"\x00", b"\x9f" * 5_000, bytes(range(256))):
        file.write_bytes(hostile)
        told = verify(file, genesis, 1).stderr
        assert f"{file} proves nothing" in told
        assert "Nobody stands accused" in told


def test_the_file_that_is_no_genesis_is_named(tmp_path: Path) -> None:
    file = tmp_path / "other.cbor"
    file.write_bytes(b"\x00")
    assert f"{file} is not a network's genesis" in verify(file, file, 2).stderr
    assert "no-such-file" in verify(file, tmp_path / "no-such-file", 2).stderr
