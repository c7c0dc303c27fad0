"""The ceremony: every party can begin with what it leaves, and nothing is left half-done."""

import stat
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from jiaozi.central_bank.certification.ceremony import (
    VALIDITY_MS,
    CeremonyPlan,
    CeremonyRefused,
    OperatorKeys,
    OperatorPlan,
)
from jiaozi.central_bank.certification.keys import (
    AUDITOR_KEY,
    BLOCK_KEY,
    CERTIFY_KEY,
    LIST_KEY,
    ROOT_KEY,
    TRANSPORT_KEY,
    VAULT_KEY,
    KeyPlaces,
)
from jiaozi.protocol.certificates import Use, read_certificate
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.suites import Ed25519Signer
from tests.central_bank.certification.ceremonies import (
    NOW_MS,
    OFFICERS,
    OPERATORS,
    RULEBOOK_HASH,
    hold,
    officer,
    open_store,
    plan,
)


def public_key(seed: int) -> bytes:
    return Ed25519Signer(bytes([seed]) * 32).public_key


def test_genesis_lists_every_key_of_the_first_day(tmp_path: Path) -> None:
    network = hold(tmp_path / "ceremony")
    genesis = network.genesis
    assert (genesis.name, genesis.created_ms) == ("test", NOW_MS)
    assert genesis.rulebook_hash == RULEBOOK_HASH
    assert genesis.quotas_fen == {1001: 10**12, 1002: 0}
    assert Counter(each.use for each in genesis.keys) == {
        Use.REGISTRY_BLOCK: 1,
        Use.LIST_SIGNING: 1,
        Use.AUDITOR: 1,
        Use.OFFICER: 3,
        Use.OPERATOR_CERTIFY: 2,
        Use.OPERATOR_VAULT: 2,
        Use.OPERATOR_TRANSPORT: 2,
    }
    for each in genesis.keys:
        assert (each.not_before_ms, each.not_after_ms) == (NOW_MS, NOW_MS + VALIDITY_MS)


def test_keys_in_the_directory_are_those_of_genesis(tmp_path: Path) -> None:
    network = hold(tmp_path / "ceremony")
    places = KeyPlaces(tmp_path / "ceremony")
    key_of = network.genesis.key_of
    assert open_store(places.root).signer(ROOT_KEY).public_key == network.root_key
    registry, auditor = open_store(places.registry), open_store(places.auditor)
    assert registry.signer(BLOCK_KEY).public_key == key_of(Use.REGISTRY_BLOCK)
    assert registry.signer(LIST_KEY).public_key == key_of(Use.LIST_SIGNING)
    assert auditor.signer(AUDITOR_KEY).public_key == key_of(Use.AUDITOR)
    for code in OPERATORS:
        keys = open_store(places.operator(code))
        assert keys.signer(CERTIFY_KEY).public_key == key_of(Use.OPERATOR_CERTIFY, code)
        assert keys.signer(VAULT_KEY).public_key == key_of(Use.OPERATOR_VAULT, code)
        assert keys.signer(TRANSPORT_KEY).public_key == key_of(Use.OPERATOR_TRANSPORT, code)
    officers = {each.key for each in network.genesis.keys if each.use is Use.OFFICER}
    assert {officer(places.directory, label).public_key for label in OFFICERS} == officers


def test_genesis_file_is_read_back_as_the_same_network(tmp_path: Path) -> None:
    network = hold(tmp_path / "ceremony")
    places = KeyPlaces(tmp_path / "ceremony")
    assert read_genesis(places.genesis.read_bytes()) == network
    assert places.network_id.read_text() == network.id.hex() + "\n"


def test_every_key_has_a_certificate_of_the_root(tmp_path: Path) -> None:
    network = hold(tmp_path / "ceremony")
    certified = [
        read_certificate(file.read_bytes(), root_key=network.root_key, network=network.id)
        for file in KeyPlaces(tmp_path / "ceremony").certificates.iterdir()
    ]
    assert sorted(each.key for each in certified) == sorted(
        each.key for each in network.genesis.keys
    )
    assert all(each in network.genesis.keys for each in certified)


def test_officers_are_persons_with_random_ids(tmp_path: Path) -> None:
    network = hold(tmp_path / "ceremony")
    persons = [each.person for each in network.genesis.keys if each.use is Use.OFFICER]
    places = KeyPlaces(tmp_path / "ceremony")
    assert len(set(persons)) == 3
    kept = [bytes.fromhex(places.person(label).read_text()) for label in OFFICERS]
    assert kept == persons


def test_public_keys_made_elsewhere_are_taken_as_they_are(tmp_path: Path) -> None:
    given = OperatorKeys(certify=public_key(1), vault=public_key(2), transport=public_key(3))
    what = plan(
        officers={"officer-1": public_key(4), "officer-2": None},
        operators={1001: OperatorPlan(quota_fen=5, keys=given)},
    )
    network = hold(tmp_path / "ceremony", what)
    places = KeyPlaces(tmp_path / "ceremony")
    assert network.genesis.key_of(Use.OPERATOR_CERTIFY, 1001) == given.certify
    assert network.genesis.key_of(Use.OPERATOR_VAULT, 1001) == given.vault
    assert network.genesis.key_of(Use.OPERATOR_TRANSPORT, 1001) == given.transport
    assert network.genesis.key_of(Use.OFFICER) == public_key(4)
    assert not places.operator(1001).exists()
    assert [each.name for each in places.officer("officer-1").iterdir()] == ["person"]


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    hold(tmp_path / "ceremony")
    for path in (tmp_path / "ceremony").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)


def test_second_ceremony_leaves_the_first_alone(tmp_path: Path) -> None:
    network = hold(tmp_path / "ceremony")
    with pytest.raises(CeremonyRefused, match="one ceremony"):
        hold(tmp_path / "ceremony")
    assert read_genesis(KeyPlaces(tmp_path / "ceremony").genesis.read_bytes()) == network


def test_two_ceremonies_are_two_networks(tmp_path: Path) -> None:
    assert hold(tmp_path / "one").id != hold(tmp_path / "two").id


def test_ceremony_that_was_cut_short_can_be_held_again(tmp_path: Path) -> None:
    for what in (plan(officers={"officer-1": None}), plan(name="")):
        with pytest.raises(Refusal):
            hold(tmp_path / "ceremony", what)
        assert not (tmp_path / "ceremony").exists()
    hold(tmp_path / "ceremony")
    assert [each.name for each in tmp_path.iterdir()] == ["ceremony"]


@pytest.mark.parametrize(
    ("what", "field"),
    [
        (plan(officers={"officer-1": None}), "genesis.officers"),
        (plan(name="x" * 65), "genesis.name"),
        (plan(operators={0: OperatorPlan(quota_fen=1)}), "certificate.use"),
        (plan(operators={1001: OperatorPlan(quota_fen=-1)}), "genesis.quotas"),
        (replace(plan(), rulebook_hash=b""), "genesis.rulebook"),
        (replace(plan(), validity_ms=0), "certificate.validity"),
        (plan(officers={"a": b"\x01", "b": None}), "certificate.key"),
        (plan(officers={"a": public_key(1), "b": public_key(1)}), "genesis.keys"),
    ],
)
def test_plan_that_makes_no_genesis_is_refused_naming_the_field(
    tmp_path: Path, what: CeremonyPlan, field: str
) -> None:
    with pytest.raises(Refusal) as caught:
        hold(tmp_path / "ceremony", what)
    assert caught.value.code is Code.MALFORMED
    assert caught.value.fields == {"field": field}


@pytest.mark.parametrize("label", ["", "..", "../x", "A", "officer 1", "x" * 64])
def test_label_that_is_no_directory_name_is_refused(tmp_path: Path, label: str) -> None:
    with pytest.raises(CeremonyRefused, match="no label"):
        hold(tmp_path / "ceremony", plan(officers={label: None, "officer-2": None}))
    assert list(tmp_path.iterdir()) == []
