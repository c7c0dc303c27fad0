"""Officers decide by a file that is passed around, against a running registry."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jiaozi.cli import central_bank
from jiaozi.protocol.certificates import read_unverified
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.numbers import account_number, format_number
from jiaozi.protocol.offline.certificate import (
    LIMIT_NAMES,
    Chain,
    Device,
    Profile,
    PurseLimits,
    certify_device,
)
from jiaozi.protocol.offline.messages import Payment, sign_payment, with_chain
from jiaozi.protocol.offline.proofs import double_spend_proof
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.service.keys import FileKeyStore
from tests.demo.running import Up, up


@dataclass(frozen=True)
class Desk:
    """A running network and a place for orders."""

    running: Up
    data: Path
    orders: Path

    def run(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        """Run a command of `jiaozi central-bank` and return what it prints."""
        environment = {
            "JIAOZI_NETWORK": str(self.data / "network"),
            "JIAOZI_REGISTRY_URL": self.running.central_bank,
            "JIAOZI_PASSPHRASE": (self.data / "passphrase").read_text().strip(),
        }
        done = CliRunner().invoke(central_bank.app, [*arguments, "--json"], env=environment)
        assert done.exit_code == status, done.output
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    def draw_up(self, name: str, *arguments: str) -> str:
        """Draw up an order and return its file."""
        file = self.orders / f"{name}.order"
        self.run(*arguments, "--out", str(file))
        return str(file)

    def approve(self, file: str, *keys: str, status: int = 0) -> dict[str, Any]:
        """Sign an order with keys below the data directory."""
        told: dict[str, Any] = {}
        for key in keys:
            told = self.run("approve", file, "--yes", "--key", self.key(key), status=status)
        return told

    def submit(self, file: str, status: int = 0) -> dict[str, Any]:
        """Send an order."""
        return self.run("submit", file, "--key", self.key(OFFICER_1), status=status)

    def key(self, name: str) -> str:
        return str(self.data / name)


OFFICER_1 = "network/officers/officer-1/officer.key"
OFFICER_2 = "network/officers/officer-2/officer.key"
VAULT = "operators/1001/vault.key"
OTHER_VAULT = "operators/1002/vault.key"
WALLET = format_number(account_number(1001, 10**6))


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    data, orders = tmp_path_factory.mktemp("officers") / "data", tmp_path_factory.mktemp("orders")
    with up(data) as running:
        yield Desk(running, data, orders)


def fund(desk: Desk, name: str, yuan: str) -> None:
    file = desk.draw_up(name, "fund", "1001", yuan, "--rtgs-reference", name)
    desk.approve(file, OFFICER_1, OFFICER_2)
    assert desk.submit(file)["state"] == "settled"


def test_an_order_of_one_officer_is_refused_without_effect(desk: Desk) -> None:
    file = desk.draw_up("one", "fund", "1001", "100", "--rtgs-reference", "one")
    desk.approve(file, OFFICER_1)
    before = desk.running.supply()["reserves_fen"]
    error = desk.submit(file, status=1)["error"]
    assert error["name"] == "signer_missing"
    assert error["fields"] == {"signers_needed": 2, "signers_found": 1}
    assert desk.running.supply()["reserves_fen"] == before
    desk.approve(file, OFFICER_2)
    assert desk.submit(file)["state"] == "settled"


def test_an_officer_cannot_sign_twice(desk: Desk) -> None:
    file = desk.draw_up("twice", "quota", "1001", "5")
    desk.approve(file, OFFICER_1)
    error = desk.approve(file, OFFICER_1, status=2)["error"]
    assert error["name"] == "already_signed"


def test_issuing_needs_the_vault_key_of_that_operator(desk: Desk) -> None:
    fund(desk, "for-issue", "1000")
    file = desk.draw_up("issue", "issue", "1001", "1000")
    desk.approve(file, OFFICER_1, OFFICER_2)
    assert desk.submit(file, status=1)["error"]["name"] == "signer_missing"
    stranger = desk.draw_up("stranger", "issue", "1001", "1000")
    desk.approve(stranger, OFFICER_1, OFFICER_2, OTHER_VAULT)
    assert desk.submit(stranger, status=1)["error"]["name"].startswith("signer_")
    desk.approve(file, VAULT)
    assert desk.submit(file)["state"] == "settled"


def test_an_order_sent_again_acts_once(desk: Desk) -> None:
    fund(desk, "again", "300")
    before = desk.running.supply()["reserves_fen"]
    assert desk.submit(str(desk.orders / "again.order"))["state"] == "settled"
    assert desk.running.supply()["reserves_fen"] == before


def test_what_the_reserve_does_not_cover_is_not_issued(desk: Desk) -> None:
    file = desk.draw_up("too-much", "issue", "1002", "1")
    desk.approve(file, OFFICER_1, OFFICER_2, OTHER_VAULT)
    assert desk.submit(file, status=1)["error"]["name"] == "reserve_insufficient"


def test_a_changed_order_is_no_longer_signed(desk: Desk) -> None:
    file = Path(desk.draw_up("changed", "fund", "1001", "100", "--rtgs-reference", "x"))
    desk.approve(str(file), OFFICER_1)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(bytes(data))
    error = desk.approve(str(file), OFFICER_2, status=2)["error"]
    assert error["name"] == "file_unusable"
    assert "not those that were signed" in error["detail"]


def test_an_order_shows_what_it_says_before_it_is_signed(desk: Desk) -> None:
    file = desk.draw_up("shown", "destroy", "1001", "12.34")
    told = desk.run("show", file)
    assert told["order"] == "destroy"
    assert told["legs"][0]["amount_fen"] == 1234
    assert told["signed_by"] == []


def test_a_rulebook_is_put_in_force_from_a_time_on(desk: Desk) -> None:
    file = desk.draw_up("book", "rulebook", "2020-10-pilot", "--from", "2099-01-01T00:00:00")
    desk.approve(file, OFFICER_1, OFFICER_2)
    assert desk.submit(file)["state"] == "settled"


def test_a_halt_is_shown_until_it_is_ended(desk: Desk) -> None:
    assert desk.run("halts")["halts"] == []
    words = ("--order-type", "payment", "--orders-per-s", "5")
    file = desk.draw_up("halt", "halt", "--minutes", "5", *words)
    desk.approve(file, OFFICER_1, OFFICER_2)
    assert desk.submit(file)["state"] == "settled"
    [halt] = desk.run("halts")["halts"]
    assert (halt["scope"], halt["subject"], halt["orders_per_s"]) == (3, 3, 5)

    end = desk.draw_up("end", "halt", "--minutes", "0", "--order-type", "payment")
    desk.approve(end, OFFICER_1, OFFICER_2)
    assert desk.submit(end)["state"] == "settled"
    assert desk.run("halts")["halts"] == []


def test_offline_loads_are_halted_alone(desk: Desk) -> None:
    file = desk.draw_up("loads", "halt", "--minutes", "5", "--offline-loads")
    desk.approve(file, OFFICER_1, OFFICER_2)
    assert desk.submit(file)["state"] == "settled"
    assert [each["scope"] for each in desk.run("halts")["halts"]] == [4]


def test_older_generations_of_devices_are_accepted_no_more(desk: Desk) -> None:
    for name, ends in (("first", "settled"), ("again", "generation_not_newer")):
        file = desk.draw_up(f"generation {name}", "oldest-generation", "2")
        desk.approve(file, OFFICER_1, OFFICER_2)
        if ends == "settled":
            assert desk.submit(file)["state"] == ends
        else:
            assert desk.submit(file, status=1)["error"]["name"] == ends


def test_a_device_is_convicted_by_a_proof_that_was_verified(desk: Desk, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    proof.write_bytes(b"\x83\x01\x40\x40")
    out = str(tmp_path / "order")
    assert desk.run("convict", str(proof), "--out", out, status=2)["error"]
    proof.write_bytes(double_spend(desk))
    file = desk.draw_up("convict", "convict", str(proof))
    desk.approve(file, OFFICER_1, OFFICER_2)
    # The proof holds; this registry has never seen the device.
    assert desk.submit(file, status=1)["error"]["name"] == "device_unknown"


def double_spend(desk: Desk) -> bytes:
    """What proves that a device spent twice which operator 1001 certified, and never enrolled."""
    network = read_genesis((desk.data / "network/genesis.cbor").read_bytes())
    certify = FileKeyStore(
        desk.data / "operators/1001", (desk.data / "passphrase").read_text().strip()
    ).signer("certify")
    [certificate] = (desk.data / "network/certificates").glob("1001-operator-certify-*")
    begins_ms = read_unverified(certificate.read_bytes()).not_before_ms
    signer = Ed25519Signer(bytes(32))
    limits = PurseLimits(**dict.fromkeys(LIMIT_NAMES, 1))
    device = Device(
        operator=1001, suite=-8, key=signer.public_key, profile=Profile.CARD, generation=1,
        not_before_ms=begins_ms, not_after_ms=begins_ms + 1, limits=limits,
    )  # fmt: skip
    chain = Chain(
        operator=certificate.read_bytes(), device=certify_device(device, certify, network.id)
    )
    payments = [
        Payment(
            counter=1, position=1, previous=bytes(32), amount_fen=amount_fen, hop=1,
            balance_after=bytes(32), list_number=0, payee=signer.public_key, challenge=bytes(16),
            wallet=None,
        )
        for amount_fen in (1, 2)
    ]  # fmt: skip
    first, second = (with_chain(sign_payment(each, signer, network.id), chain) for each in payments)
    return double_spend_proof(first, second)


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        (("freeze", WALLET, "--amount", "5"), "account_unknown"),
        (("freeze", WALLET, "--everything"), "account_unknown"),
        (("unfreeze", WALLET, "ab" * 16), "account_unknown"),
        (("reassign", "1001", "1001"), "carrier_invalid"),
        (("halt", "--minutes", "525600"), "halt_too_long"),
    ],
)
def test_the_registry_decides_what_officers_may_order_in_an_emergency(
    desk: Desk, order: tuple[str, ...], refusal: str
) -> None:
    file = desk.draw_up(f"{refusal} {'-'.join(order)}", *order)
    desk.approve(file, OFFICER_1, OFFICER_2)
    assert desk.submit(file, status=1)["error"]["name"] == refusal


@pytest.mark.parametrize(
    "words",
    [
        ("halt", "--minutes", "1", "--operator", "1001", "--order-type", "payment"),
        ("halt", "--minutes", "1", "--order-type", "everything"),
        ("halt", "--minutes", "1", "--order-type", "payment", "--offline-loads"),
        ("oldest-generation", "0"),
        ("freeze", WALLET, "--amount", "5", "--everything"),
        ("freeze", "1001000000000000"),
        ("freeze", WALLET, "--amount", "0.001"),
        ("unfreeze", WALLET, "abcd"),
        ("unfreeze", WALLET, "no case"),
        ("reassign", "1001", "0"),
    ],
)
def test_an_order_that_says_nothing_clear_is_not_drawn_up(
    desk: Desk, tmp_path: Path, words: tuple[str, ...]
) -> None:
    file = tmp_path / "order"
    done = CliRunner().invoke(central_bank.app, [*words, "--out", str(file)])
    assert done.exit_code == 2, done.output
    assert not file.exists()


def test_a_registry_that_does_not_answer_is_told_as_one() -> None:
    done = CliRunner().invoke(central_bank.app, ["halts", "--registry", "http://127.0.0.1:1"])
    assert done.exit_code == 2, done.output
    assert "127.0.0.1:1" in done.output
