"""The root among custodians: M of them certify a key, fewer nothing; no disk has it whole."""

import json
from itertools import combinations
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jiaozi.central_bank.certification.keys import ROOT_KEY, KeyPlaces
from jiaozi.central_bank.certification.root import (
    Custody,
    Share,
    SharesUnfit,
    assemble_root,
    open_share,
    split_root,
)
from jiaozi.cli import app
from jiaozi.protocol.certificates import Use, read_certificate
from jiaozi.protocol.genesis import Network, read_genesis
from jiaozi.protocol.suites import Ed25519Signer, Signer, verify
from jiaozi.service.keys import (
    FileKeyStore,
    KdfCost,
    KeyDamaged,
    KeyExists,
    PassphraseUnfit,
    PassphraseWrong,
)
from tests.hsm import PIN, Hsm, key_uri

CUSTODIANS = ("ashen", "bronze", "cedar", "dune", "ember")
QUICK = KdfCost(memory_kib=8, passes=1, lanes=1)
NEW_KEY = Ed25519Signer(bytes([9]) * 32).public_key


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passphrases of tests are not worth stretching."""
    for each in (FileKeyStore.__init__, Custody.__init__):
        monkeypatch.setitem(each.__kwdefaults__, "cost", QUICK)


def custody(needed: int = 3) -> Custody:
    passphrases = {each: f"passphrase of {each}" for each in CUSTODIANS}
    return Custody(needed=needed, passphrases=passphrases, cost=QUICK)


def shares_in(directory: Path) -> list[Share]:
    return [open_share(directory / f"{each}.share", f"passphrase of {each}") for each in CUSTODIANS]


def split_in(directory: Path) -> Signer:
    return split_root(custody(), directory)


def jiaozi(*arguments: str | Path, passphrase: str = PIN) -> str:
    """Run a command that succeeds, and return what it printed."""
    environment = {"JIAOZI_PASSPHRASE": passphrase}
    result = CliRunner().invoke(app, [str(each) for each in arguments], env=environment)
    assert result.exit_code == 0, result.output
    return result.stdout


def ceremony(directory: Path, *options: str) -> Network:
    jiaozi("central-bank", "ceremony", directory, "--name", "test", "--operator", "1001", *options)
    return read_genesis(KeyPlaces(directory).genesis.read_bytes())


def certificate(directory: Path, out: Path, *options: str | Path) -> None:
    jiaozi(
        "central-bank", "certificate", "--network", directory, "--use", "operator-vault",
        "--operator", "1001", "--key", NEW_KEY.hex(), "--out", out, *options,
    )  # fmt: skip


def test_any_m_custodians_make_the_root(tmp_path: Path) -> None:
    root = split_in(tmp_path)
    for chosen in combinations(shares_in(tmp_path), 3):
        signature = assemble_root(chosen, root.public_key).sign(b"message")
        assert verify(root.suite, root.public_key, b"message", signature)


def test_fewer_than_m_custodians_make_nothing(tmp_path: Path) -> None:
    root = split_in(tmp_path)
    for chosen in combinations(shares_in(tmp_path), 2):
        with pytest.raises(SharesUnfit, match="here: 2; the root takes 3"):
            assemble_root(chosen, root.public_key)


def test_one_custodian_does_not_count_twice(tmp_path: Path) -> None:
    root = split_in(tmp_path)
    one, two, *_ = shares_in(tmp_path)
    with pytest.raises(SharesUnfit, match="same one"):
        assemble_root([one, two, one], root.public_key)


def test_shares_of_another_root_make_nothing(tmp_path: Path) -> None:
    root, other = split_in(tmp_path / "one"), split_in(tmp_path / "two")
    foreign = shares_in(tmp_path / "two")[:3]
    with pytest.raises(SharesUnfit, match="another network"):
        assemble_root(foreign, root.public_key)
    mixed = [
        *shares_in(tmp_path / "one")[:2],
        Share(
            custodian="mallory", root_key=root.public_key, point=3, needed=3, value=foreign[2].value
        ),
    ]
    with pytest.raises(SharesUnfit, match="do not make the root"):
        assemble_root(mixed, root.public_key)
    assert other.public_key != root.public_key


def test_the_whole_root_is_on_no_disk(tmp_path: Path) -> None:
    """The seed is drawn first; with passphrases known, no file gives it to whoever has it."""
    drawn: list[bytes] = []

    def random(size: int) -> bytes:
        drawn.append(bytes([len(drawn) + 1]) * size)
        return drawn[-1]

    root = split_root(custody(), tmp_path, random=random)
    assert Ed25519Signer(drawn[0]).public_key == root.public_key
    assert sorted(each.name for each in tmp_path.iterdir()) == [f"{e}.share" for e in CUSTODIANS]
    for share in shares_in(tmp_path):
        assert share.value != drawn[0]
    for file in tmp_path.iterdir():
        assert drawn[0] not in file.read_bytes()


def test_share_is_opened_by_its_own_passphrase_and_unchanged_only(tmp_path: Path) -> None:
    split_in(tmp_path)
    path = tmp_path / "ashen.share"
    with pytest.raises(PassphraseWrong):
        open_share(path, "passphrase of bronze")
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, "needed": 1}))
    with pytest.raises(PassphraseWrong, match="changed"):
        open_share(path, "passphrase of ashen")
    path.write_text(json.dumps({**document, "format": "jiaozi-key/1"}))
    with pytest.raises(KeyDamaged):
        open_share(path, "passphrase of ashen")


@pytest.mark.parametrize("needed", [0, 1, 6])
def test_custody_that_protects_nothing_or_cannot_be_is_refused(tmp_path: Path, needed: int) -> None:
    with pytest.raises(SharesUnfit, match="cannot be"):
        split_root(custody(needed), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_shares_are_never_overwritten_and_never_under_a_short_passphrase(tmp_path: Path) -> None:
    split_in(tmp_path)
    with pytest.raises(KeyExists):
        split_in(tmp_path)
    with pytest.raises(PassphraseUnfit):
        split_root(Custody(needed=2, passphrases={"a": "long enough", "b": "short"}), tmp_path)


def test_ceremony_with_custodians_leaves_shares_and_they_certify_a_key(tmp_path: Path) -> None:
    directory, out = tmp_path / "network", tmp_path / "vault.cbor"
    chosen = [option for each in CUSTODIANS[:3] for option in ("--custodian", each)]
    network = ceremony(directory, *chosen, "--needed", "2")
    root = KeyPlaces(directory).root
    assert sorted(each.name for each in root.iterdir()) == [f"{e}.share" for e in CUSTODIANS[:3]]
    certificate(directory, out, "--share", root / "ashen.share", "--share", root / "cedar.share")
    read = read_certificate(out.read_bytes(), root_key=network.root_key, network=network.id)
    assert (read.use, read.operator, read.key) == (Use.OPERATOR_VAULT, 1001, NEW_KEY)


def test_one_share_certifies_nothing(tmp_path: Path) -> None:
    directory, out = tmp_path / "network", tmp_path / "vault.cbor"
    ceremony(directory, "--custodian", "ashen", "--custodian", "bronze")
    result = CliRunner().invoke(
        app,
        [
            "central-bank", "certificate", "--network", str(directory), "--use", "auditor",
            "--key", NEW_KEY.hex(), "--out", str(out),
            "--share", str(KeyPlaces(directory).root / "ashen.share"),
        ],
        env={"JIAOZI_PASSPHRASE": PIN},
    )  # fmt: skip
    assert result.exit_code != 0
    assert "Shares here: 1; the root takes 2" in result.stderr
    assert not out.exists()


def test_ceremony_makes_keys_in_tokens_and_the_root_there_certifies(
    tmp_path: Path, hsm: Hsm
) -> None:
    directory, out = tmp_path / "network", tmp_path / "vault.cbor"
    holders = ("root", "registry", "officers/officer-1", "operators/1001")
    tokens = {each: hsm.fresh_token() for each in holders}
    chosen = [o for each, uri in tokens.items() for o in ("--key-store", f"{each}={uri}")]
    network = ceremony(directory, *chosen)
    assert not list(directory.glob("root/*")) + list(directory.glob("registry/*"))
    assert list(directory.glob("operators/*")) == []
    certificate(directory, out, "--root", key_uri(tokens["root"], ROOT_KEY))
    read = read_certificate(out.read_bytes(), root_key=network.root_key, network=network.id)
    assert read.key == NEW_KEY


def test_root_of_another_network_certifies_nothing_here(tmp_path: Path) -> None:
    directory = tmp_path / "network"
    ceremony(directory)
    FileKeyStore(tmp_path, PIN).create("root")
    result = CliRunner().invoke(
        app,
        [
            "central-bank", "certificate", "--network", str(directory), "--use", "auditor",
            "--key", NEW_KEY.hex(), "--out", str(tmp_path / "out"),
            "--root", str(tmp_path / "root.key"),
        ],
        env={"JIAOZI_PASSPHRASE": PIN},
    )  # fmt: skip
    assert result.exit_code != 0
    assert "is not the root of this network" in result.stderr


def test_new_key_is_the_successor_in_files_and_in_tokens(tmp_path: Path, hsm: Hsm) -> None:
    for place in (str(tmp_path), hsm.fresh_token()):
        for expected in ("vault", "vault-2"):
            printed = jiaozi("operator", "new-key", "vault", "--key-store", place, "--json")
            made = json.loads(printed)
            assert made["name"] == expected
            assert len(bytes.fromhex(made["public_key"])) == 32
