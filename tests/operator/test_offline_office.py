"""`jiaozi operator guarantee` and `offline`: clerks at the real registry."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from jiaozi.cli import app
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.issue_codes import read_issue_code
from jiaozi.protocol.offline.certificate import Profile
from jiaozi.protocol.offline.enrolment import Enrolment, sign_enrolment
from jiaozi.protocol.offline.proofs import ProofKind, verify_proof
from jiaozi.protocol.refusals import Code
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.service.keys import FileKeyStore, KdfCost
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.operator.builders import until
from tests.operator.holders import Holder
from tests.operator.offline import GUARANTEE_FEN, Desks, open_desks, pay
from tests.registry.network import certified

ONE = 1001
PASSPHRASE = "correct horse battery"
CHEAP = KdfCost(memory_kib=8, passes=1, lanes=1)
FILE = ("--clerk", "wu-7", "--file-number", "2026/18")


@dataclass
class Office:
    """Runs `jiaozi operator` for the first operator."""

    desks: Desks
    keys: Path
    holder: Holder
    """Came before the vault's key was changed: the service knows none of the new ones."""

    async def __call__(self, *words: object, code: int = 0) -> dict[str, Any]:
        """Run a command with ``--json`` that must end with an exit code."""
        here = self.desks.here
        arguments = [
            *words, "--code", ONE, "--keys", self.keys, "--registry", here.settings.registry_url
        ]  # fmt: skip
        return await self._run(*arguments, code=code)

    async def bare(self, *words: object) -> dict[str, Any]:
        """Run a command of ``offline`` that takes the database alone."""
        return await self._run("offline", *words)

    async def _run(self, *words: object, code: int = 0) -> dict[str, Any]:
        dsn = self.desks.here.settings.dsn
        arguments = ["operator", *map(str, words), "--dsn", dsn, "--json"]
        runner = CliRunner(env={"JIAOZI_PASSPHRASE": PASSPHRASE})
        result = await asyncio.to_thread(runner.invoke, app, arguments)
        assert result.exit_code == code, (result.output, result.exception)
        return dict(json.loads((result.stdout or result.stderr).splitlines()[-1]))


@pytest.fixture
async def office(postgres: EmbeddedPostgres, tmp_path: Path) -> AsyncIterator[Office]:
    """An office whose keys are the successors of those that the service signs with."""
    async with open_desks(postgres, "office") as desks:
        holder = await desks.customer()
        store = FileKeyStore(tmp_path / "keys", PASSPHRASE, cost=CHEAP)
        uses = {
            "certify": Use.OPERATOR_CERTIFY,
            "vault": Use.OPERATOR_VAULT,
            "transport": Use.OPERATOR_TRANSPORT,
        }
        orders = [
            desks.orders.certify(certified(use, store.create(name), ONE))
            for name, use in uses.items()
        ]
        officer = RegistryClient(
            desks.at.registry.url, network=desks.network, signer=desks.orders.keys.officers[0],
            now_ms=desks.at.registry.clock,
        )  # fmt: skip
        async with officer:
            answers = await officer.submit(orders)
        assert [each[:2] for each in answers] == [[1, [0]]] * 3, answers
        yield Office(desks, tmp_path / "keys", holder)


async def test_clerks_move_the_guarantee_and_see_and_decide_on_devices(
    office: Office, tmp_path: Path
) -> None:
    desks = office.desks
    assert await office("guarantee", "show") == {"guarantee_fen": GUARANTEE_FEN}
    funded = await office("guarantee", "fund", "25.00")
    assert funded == {"state": "settled", "guarantee_fen": GUARANTEE_FEN + 25_00}
    released = await office("guarantee", "release", "25.00")
    assert released == {"state": "settled", "guarantee_fen": GUARANTEE_FEN}
    refused = await office("guarantee", "release", "900000", code=1)
    assert refused["error"]["code"] in (Code.INSUFFICIENT_FUNDS, Code.GUARANTEE_INSUFFICIENT)

    made = await office.bare("issue-codes", 2, *FILE)
    assert (len(set(made["issue_codes"])), made["open"], made["used"]) == (2, 2, 0)
    code = read_issue_code(made["issue_codes"][0])
    enrolment = sign_enrolment(
        Enrolment(operator=ONE, profile=Profile.CARD), Ed25519Signer(bytes(32)), desks.network.id
    )
    assert (await desks.ask_to_enrol_anonymously(enrolment, code)).status_code == 201
    assert (await office.bare("issue-codes", 1, *FILE))["used"] == 1

    holder = office.holder
    cheat, payee, other = [await desks.enrol(holder) for _ in range(3)]
    await desks.load(holder, cheat, 20_00)
    clone = cheat.clone()
    pay(cheat, payee, 20_00)
    await desks.hand_in(payee.log)
    assert (await desks.ask_to_synchronise(clone)).status_code == 409
    [waits] = (await office("offline", "cases"))["suspected"]
    assert waits == {"device": cheat.key.hex(), "reason": "rolled_back"}
    assert (await office("offline", "lift", cheat.key.hex(), *FILE))["state"] == "lifted"
    assert (await office("offline", "cases"))["suspected"] == []

    pay(clone, other, 15_00)
    await desks.hand_in(other.log)
    cases: list[Any] = []

    async def is_known() -> bool:
        cases[:] = (await office("offline", "cases", "--output", tmp_path / "proofs"))["cases"]
        return bool(cases)

    await until(is_known)
    [case] = cases
    proof = verify_proof((tmp_path / "proofs" / case["file"]).read_bytes(), desks.anchor)
    assert (proof.kind, proof.device) == (ProofKind.DOUBLE_SPEND, cheat.key)
    assert sorted(case["payments_fen"]) == [15_00, 20_00]

    revoked = await office("offline", "revoke", payee.key.hex(), *FILE)
    assert revoked == {"state": "settled", "device": payee.key.hex()}
    assert (await desks.device(payee.key))["revoked_ms"] is not None
    unknown = await office("offline", "revoke", "ab" * 32, *FILE, code=1)
    assert unknown["error"]["code"] == Code.DEVICE_UNKNOWN
    clerks = await desks.here.database_value(
        "SELECT array_agg(clerk || ' ' || decision || ' ' || file_number ORDER BY decided_ms)"
        " FROM device_decision"
    )
    assert clerks == ["wu-7 lift 2026/18", "wu-7 revoke 2026/18"]
