"""design.md §6: what the central bank's desk orders acts once, wherever a process dies.

The desk is what officers run: `jiaozi central-bank issue`, `approve`, `submit`, each a process that
ends. Killed at any moment, the command is given again over the same file, and sends the same bytes.
"""

import asyncio
import json
import os
import secrets
import signal
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jiaozi.central_bank.certification.approve import (
    encode_approval,
    read_approval,
    sign_approval,
    submission_of,
)
from jiaozi.central_bank.issuance.propose import Desk
from jiaozi.local.directory import DataDirectory
from jiaozi.local.setup import DEFAULT_RULEBOOK, OFFICERS, set_up
from tests.demo.running import JIAOZI
from tests.registry.waiting import until
from tests.system.books import assert_audit, orders_in_blocks
from tests.system.parties import Parties, parties
from tests.system.proxy import Fault, Proxy, proxy_to

OPERATOR = 1001
AMOUNT_FEN = 1_000_00
RESERVE_FEN = 1_000_000_00
LATER_S = 0.004
"""After a request was passed on: the registry has it, and may have committed it or not."""


@dataclass
class Office:
    """Officers at their files, a line to the registry, and what was issued so far."""

    parties: Parties
    proxy: Proxy
    files: Path
    vault_fen: int = 0

    def command(self, *words: object) -> list[str]:
        directory = self.parties.directory
        return [
            *(*JIAOZI, "central-bank", *map(str, words)),
            *("--network", str(directory.network.directory)),
            *("--passphrase-file", str(directory.passphrase)),
        ]

    def approve(self, file: Path, index: int) -> list[str]:
        """The command of an officer, or of the operator after both."""
        directory = self.parties.directory
        places = [directory.network.officer(each) / "officer.key" for each in OFFICERS[:2]]
        key = [*places, directory.operator(OPERATOR) / "vault.key"][index]
        return self.command("approve", file, "--key", key, "--yes", "--json")

    def submit(self, file: Path) -> list[str]:
        key = self.parties.directory.network.officer(OFFICERS[0]) / "officer.key"
        return self.command("submit", file, "--key", key, "--registry", self.proxy.url, "--json")

    async def signed(self, order: str) -> Path:
        """An order that all have signed, in its file."""
        desk = Desk(time.time_ns() // 1_000_000, secrets.token_bytes)
        approval = (desk.issue if order == "issue" else desk.destroy)(OPERATOR, AMOUNT_FEN)
        async with self.parties.desk() as officers:
            for signer in (*officers.pair, officers.vaults[OPERATOR]):
                approval = sign_approval(approval, signer, self.parties.network_id)
        file = self.files / f"{order}-{secrets.token_hex(4)}"
        file.write_bytes(encode_approval(approval))
        return file

    async def assert_acted_once(self, file: Path, order: str) -> None:
        self.vault_fen += AMOUNT_FEN if order == "issue" else -AMOUNT_FEN
        submission = submission_of(read_approval(file.read_bytes(), self.parties.network_id))
        found = await orders_in_blocks(self.parties)
        assert set(found.values()) == {1}
        assert found[submission, (0,)] == 1
        assert await self.parties.vault_fen(OPERATOR) == self.vault_fen
        assert (await self.parties.supply())["outstanding_fen"] == self.vault_fen


@asynccontextmanager
async def office(path: Path) -> AsyncIterator[Office]:
    async with parties(path / "data", codes=()) as it, proxy_to(it.registry_url) as proxy:
        async with it.desk() as officers:
            await officers.fund_reserve(OPERATOR, RESERVE_FEN)
            await officers.issue(OPERATOR, RESERVE_FEN // 2)
        yield Office(it, proxy, path, RESERVE_FEN // 2)
        await assert_audit(it)


def start(command: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


async def ended(process: "subprocess.Popen[str]", code: int = 0) -> dict[str, Any]:
    """Wait for the end of a command and return what it told."""
    out, errors = await asyncio.to_thread(process.communicate)
    assert process.returncode == code, out + errors
    return dict(json.loads(out.splitlines()[-1])) if out else {}


async def desk_dies(it: Office, file: Path, moment: str) -> None:
    """Kill the desk while its order is under way, and submit the file again."""
    first = start(it.submit(file))
    setattr(it.proxy, moment, first.kill)
    await ended(first, -signal.SIGKILL)
    setattr(it.proxy, moment, lambda: None)
    assert (await ended(start(it.submit(file))))["state"] == "settled"


async def registry_dies(it: Office, file: Path, moment: str, later_s: float) -> None:
    """Kill the registry while it has an order; the desk goes on by itself."""
    central_bank, deaths = it.parties.central_bank, []

    def die() -> None:
        if not deaths:
            assert central_bank.pid is not None
            deaths.append(central_bank.pid)
            asyncio.get_running_loop().call_later(later_s, os.kill, deaths[0], signal.SIGKILL)

    setattr(it.proxy, moment, die)
    desk = start(it.submit(file))
    await until(lambda: bool(deaths) and central_bank.pid is None, timeout_s=60)
    await central_bank.start()
    assert (await ended(desk))["state"] == "settled"
    setattr(it.proxy, moment, lambda: None)


async def test_issue_and_destroy_act_once_wherever_desk_or_registry_dies(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        issue = await it.signed("issue")
        await desk_dies(it, issue, "on_request")
        await it.assert_acted_once(issue, "issue")
        destroy = await it.signed("destroy")
        await desk_dies(it, destroy, "on_answer")
        await it.assert_acted_once(destroy, "destroy")
        issue = await it.signed("issue")
        await registry_dies(it, issue, "on_request", LATER_S)
        await it.assert_acted_once(issue, "issue")
        destroy = await it.signed("destroy")
        await registry_dies(it, destroy, "on_answer", 0)
        await it.assert_acted_once(destroy, "destroy")
        faults = [Fault.LOSE_ANSWER, Fault.CUT_ANSWER, Fault.LOSE_REQUEST, Fault.DOUBLE_REQUEST]
        it.proxy.weather = lambda _: faults.pop(0) if faults else None
        issue = await it.signed("issue")
        assert (await ended(start(it.submit(issue))))["state"] == "settled"
        assert faults == []
        await it.assert_acted_once(issue, "issue")


@pytest.mark.chaos
@pytest.mark.parametrize("order", ["issue", "destroy"])
async def test_issue_and_destroy_act_once_at_every_moment(order: str, tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        for moment in ("on_request", "on_answer"):
            file = await it.signed(order)
            await desk_dies(it, file, moment)
            await it.assert_acted_once(file, order)
        for later_ms in range(16):
            file = await it.signed(order)
            await registry_dies(it, file, "on_request", later_ms / 1000)
            await it.assert_acted_once(file, order)


async def test_an_order_file_is_whole_whenever_its_writer_is_killed(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "data")
    with directory.held():
        set_up(directory, network_name="test", rulebook=DEFAULT_RULEBOOK)
    unused: Any = None
    it = Office(Parties(directory, unused, unused), unused, tmp_path)
    file = tmp_path / "order"
    draw_up = [*JIAOZI, "central-bank", "issue", str(OPERATOR), "1000", "--out", str(file)]
    drawn = start(draw_up)
    await until(file.exists, timeout_s=60)
    drawn.kill()
    await asyncio.to_thread(drawn.communicate)
    before = file.read_bytes()
    for index in range(3):
        signer = start(it.approve(file, index))
        await until(lambda: file.read_bytes() != before, timeout_s=60)  # noqa: B023
        signer.kill()
        await asyncio.to_thread(signer.communicate)
        before = file.read_bytes()
        approval = read_approval(before, it.parties.network_id)
        assert len(approval.signatures) == index + 1
    await ended(start(it.approve(file, 0)), code=2)
    assert file.read_bytes() == before, "signed twice"
    assert len(submission_of(read_approval(before, it.parties.network_id))) > 0
