"""Nothing that names a person reaches the central bank, in any form, by any way.

A story of real processes with words of our own in every place where a person can write: then the
central bank's tables, files, log, memory and answers are searched for them.
"""

import base64
import io
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx

from jiaozi.central_bank.certification.keys import AUDITOR_KEY
from jiaozi.operator.customers.privacy import Privacy, Sealed
from jiaozi.operator.keys import load_keys
from jiaozi.operator.privacy.access import SERVICE, Access, Purpose
from jiaozi.operator.privacy.wrapping import WrappingKeys
from jiaozi.protocol.genesis import read_genesis
from jiaozi.service.keys import FileKeyStore
from jiaozi.storage.launch import SUPERUSER
from jiaozi.wallet.wallet import journal_path
from tests.cli.test_wallet_story import Bank, Holder, _open, _payroll
from tests.registry.served import Caller
from tests.system.canaries import files_with, forms_of, found_in, found_in_memory, tables
from tests.system.parties import Parties, now_ms, parties

PHONES = ("+8613912345671", "+8613912345672", "+8613912345673")
PLACES = {
    "phone": PHONES[0],
    "phone of another operator's customer": PHONES[1],
    "phone of a company": PHONES[2],
    "phone without its country": PHONES[0][3:],
    "name": "欧阳雪莲",
    "name in another script": "Ouyang Xuelian-Zeta",
    "document": "510104199007072243",
    "company": "Mondschein Ziegelei 四川",
    "company's document": "91510100MA6CANARY9",
    "branch": "Chunxi-Road-Canary",
    "clerk": "Clerk-Canary-4711",
    "note": "for the zebra, love",
    "remittance": "wage",
}
"""Words by where somebody writes them."""
WORDS = [word for place, word in PLACES.items() if place != "remittance"]
SEARCHED = [*WORDS, "WAGES-1", "WAGE-1", "Company A"]
"""Also what the payroll file says."""
PERSONAL = [word for place, word in PLACES.items() if place not in ("note", "remittance")]


@dataclass
class Told:
    """A story that was played."""

    parties: Parties
    anna: Holder

    async def tables(self, database: str) -> bytes:
        """Every row of every table as PostgreSQL's binary form."""
        return await tables(self.parties.postgres.dsn(database, user=SUPERUSER))

    async def answers(self) -> bytes:
        """Whatever the central bank answers to the public, and to the auditor: all blocks."""
        it = self.parties
        network = read_genesis(it.directory.network.genesis.read_bytes())
        passphrase = it.directory.passphrase.read_text().strip()
        auditor = FileKeyStore(it.directory.network.auditor, passphrase).signer(AUDITOR_KEY)
        content = b""
        async with httpx.AsyncClient(base_url=it.registry_url, trust_env=False) as http:
            for path in ("/metrics", "/openapi.json", "/v1/supply", "/v1/headers?limit=1000"):
                content += (await http.get(path)).content
            caller = Caller(http, network, auditor)  # type: ignore[arg-type]
            blocks = (await caller.get("/v1/blocks?from=0&limit=100")).content
        assert len(blocks) > 5_000
        return content + blocks

    async def opened_evidence(self) -> str:
        """What the first operator reads with its keys, which are not in its database."""
        it = self.parties
        place = it.directory.operator(1001)
        keys = load_keys(FileKeyStore(place, it.directory.passphrase.read_text().strip()), place)
        wrapping = WrappingKeys(keys.wrapping)
        privacy = Privacy(wrapping=wrapping, lookup_key=keys.lookup, now_ms=now_ms)
        access = Access(actor=SERVICE, purpose=Purpose.SHOW_HOLDER)
        connection = await asyncpg.connect(it.operator_dsn(1001))
        try:
            rows = await connection.fetch("SELECT id, data_key, sealed FROM evidence")
            opened = [
                await privacy.open(connection, f"evidence/{i}", Sealed(key, data), access)
                for i, key, data in rows
            ]
        finally:
            await connection.close()
        return str(opened)


@asynccontextmanager
async def story(path: Path) -> AsyncIterator[Told]:
    """People of two operators identify themselves, pay with notes, and a company pays wages."""
    async with parties(path / "data") as it:
        genesis = it.directory.network.genesis.read_bytes()
        urls = {code: it.operator_url(code) for code in it.operators}
        bank = Bank(genesis, registry_url=it.registry_url, operator_urls=urls)
        deposit = await bank.fund(1001, PHONES[0], 50_000)
        shown = ("--document-number", PLACES["document"], "--deposit", deposit)
        seen = ("--branch", PLACES["branch"], "--clerk", PLACES["clerk"])
        anna = await _open(
            bank, path / "anna", 1001, PHONES[0], "--class", 1, "--name", PLACES["name"],
            *shown, *seen,
        )  # fmt: skip
        document = ("--document-number", f"{PLACES['document']}X")
        name = ("--name", PLACES["name in another script"])
        ben = await _open(bank, path / "ben", 1002, PHONES[1], "--class", 3, *document, *name)
        firm_deposit = await bank.fund(1001, PHONES[2], 90_000)
        firm = await _open(
            bank, path / "firm", 1001, PHONES[2], "--class", 2, "--corporate",
            "--document-number", PLACES["company's document"], "--name", PLACES["company"],
            "--deposit", firm_deposit,
        )  # fmt: skip
        await anna("exchange", "400", "--deposit", deposit)
        await firm("exchange", "800", "--deposit", firm_deposit)
        await anna("pay", ben.number, "12.34", "--note", PLACES["note"])
        wages = _payroll(path / "payroll.xml", firm.number, [(anna.number, 100), (ben.number, 200)])
        await firm("pay-file", wages)
        await anna("redeem", "1", "--deposit", deposit)
        yield Told(it, anna)


async def test_nothing_that_names_a_person_reaches_the_central_bank(tmp_path: Path) -> None:
    async with story(tmp_path) as told:
        it = told.parties
        central_bank = it.central_bank.pid
        assert central_bank is not None
        assert found_in(await told.tables("central_bank"), SEARCHED) == []
        assert found_in(await told.answers(), SEARCHED) == []
        logs = [each for each in it.directory.path.rglob("*.log") if "central-bank" in each.name]
        assert [each.stat().st_size > 0 for each in logs] == [True]
        assert found_in(logs[0].read_bytes(), SEARCHED) == []
        assert found_in_memory(central_bank, SEARCHED) == set()

        # The operators were told all of it: they keep it sealed, and the wallets keep the notes.
        evidence = await told.opened_evidence()
        own = ("phone", "name", "document", "company", "company's document", "branch", "clerk")
        assert [place for place in own if PLACES[place] not in evidence] == []
        for code, operator in it.operators.items():
            assert operator.pid is not None
            assert found_in(await told.tables(f"operator_{code}"), SEARCHED) == []
            assert found_in(it.directory.log(f"operator-{code}").read_bytes(), SEARCHED) == []
            assert PLACES["note"] not in found_in_memory(operator.pid, SEARCHED)
        kept = files_with(told.anna.directory, [PLACES["note"]])
        assert str(journal_path(told.anna.directory)) in kept

    # And nothing lies in the clear in PostgreSQL's own files: tables, indexes, WAL, log.
    assert files_with(it.directory.postgres, WORDS) == []


async def test_the_search_finds_every_form_of_every_word(database_dsn: str) -> None:
    """The test above can fail: what is planted in a table is found in the same way."""
    connection = await asyncpg.connect(database_dsn)
    try:
        await connection.execute("CREATE TABLE planted (content bytea)")
        for word in WORDS:
            for name, form in forms_of(word).items():
                await connection.execute("INSERT INTO planted VALUES ($1)", b"<" + form + b">")
                content = io.BytesIO()
                await connection.copy_from_query(
                    "SELECT * FROM planted", output=content, format="binary"
                )
                assert (word, name) in found_in(content.getvalue(), [word])
                await connection.execute("TRUNCATE planted")
    finally:
        await connection.close()


def test_a_word_in_a_longer_text_is_found_in_base64() -> None:
    for before in ("", "a", "ab", "abc"):
        text = base64.b64encode(f"{before}{PLACES['name']} 4711".encode())
        assert any(form == PLACES["name"] for form, _ in found_in(text, [PLACES["name"]]))


def test_words_are_found_in_the_memory_of_a_process() -> None:
    program = "word = '{}'[::-1]; input(); print(word)".format("yromem-ni-yranaC")
    with subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE) as process:
        try:
            deadline = time.monotonic() + 60
            while not found_in_memory(process.pid, ["Canary-in-memory"]):
                assert time.monotonic() < deadline
        finally:
            process.kill()
