"""Screening: whom the list names is refused without a word why, and becomes a sealed case."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from jiaozi.operator.privacy.access import clerk
from jiaozi.operator.screening.cases import ScreeningCases
from jiaozi.operator.screening.list_file import ListBroken, ListFile, read_list
from jiaozi.operator.screening.model import Subject, normalised
from jiaozi.protocol.refusals import Code
from tests.operator.builders import OperatorWorld, new_phone, operator_world
from tests.operator.holders import Holder
from tests.operator.test_customers import DOCUMENT, OTHER_DOCUMENT, refused
from tests.operator.test_identity_class import class_of, set_class
from tests.operator.test_identity_signatories import CLERK, open_company
from tests.operator.under import ask_signatory, new_signer, refusal

HEAD = "reference,name,document_number\n"
OFFICER = clerk("CO-7")
SAFE = HEAD + "L-1,Somebody Else,X1\n"
NAMED = {"identity_document": OTHER_DOCUMENT}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A list that names nobody of these tests."""
    path = tmp_path / "list.csv"
    path.write_text(SAFE, encoding="utf-8")
    return path


def rewrite(path: Path, *rows: str) -> None:
    """Put another list in its place, as a careful writer does."""
    beside = path.with_suffix(".new")
    beside.write_text(HEAD + "".join(f"{row}\n" for row in rows), encoding="utf-8")
    beside.replace(path)


def cases_of(world: OperatorWorld) -> ScreeningCases:
    privacy = world.operator.request_code.privacy
    return ScreeningCases(database=world.database, privacy=privacy, now_ms=world.clock)


async def exchange_code(holder: Holder, exchange_id: bytes | None = None) -> int:
    body = {
        "exchange_id": (exchange_id or holder.new_id()).hex(),
        "deposit_id": holder.deposit_id,
        "amount_fen": 1,
    }
    answer = await holder.ask("POST", f"{holder.path}/exchanges", body)
    return int(answer.json().get("code", 0))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada Example", "ADA  EXAMPLE"),
        ("Ada Example", "ada-example"),
        ("Ａｄａ　Ｅｘａｍｐｌｅ", "Ada Example"),
        ("Straße", "STRASSE"),
        ("e\u0301toile", "ÉTOILE"),
        ("E 123-456", "e123456"),
        ("O\u2019Brien", "O'BRIEN"),
    ],
)
def test_spellings_of_one_name_are_one(one: str, other: str) -> None:
    assert normalised(one) == normalised(other) != ""


def test_two_names_are_two() -> None:
    assert normalised("王小明") != normalised("王晓明")
    assert normalised("Ada") != normalised("Ida")


async def test_a_name_or_a_number_alone_is_a_hit(path: Path) -> None:
    rewrite(path, "A,Ada Example,", "B,,E12345678", 'C,"Example, Ada",K9')
    found = ListFile(path).find
    assert await found(Subject("ADA EXAMPLE", "other")) == ("A",)
    assert await found(Subject("other", "e 1234 5678")) == ("B",)
    assert await found(Subject("Ada Example", "E12345678")) == ("A", "B")
    assert await found(Subject("Example Ada", "")) == ("C",)
    assert await found(Subject("", "")) == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"name\n",
        HEAD.encode() + b"A,Ada\n",
        HEAD.encode() + b",Ada,1\n",
        HEAD.encode() + b"A,,\n",
        HEAD.encode() + b"A, - ,.\n",
        HEAD.encode() + b'A,"Ada,1\n',
        HEAD.encode() + b"A,\xff,1\n",
    ],
)
async def test_a_broken_list_is_not_taken_and_the_old_one_stays(path: Path, content: bytes) -> None:
    rewrite(path, "A,Ada Example,")
    screening, subject = ListFile(path), Subject("Ada Example", "1")
    path.write_bytes(content)
    with pytest.raises(ListBroken):
        read_list(path)
    with capture_logs() as logs:
        for _ in range(3):
            assert await screening.find(subject) == ("A",)
    assert [each["event"] for each in logs] == ["screening_list_not_taken"]
    assert not screening.is_current
    rewrite(path, "B,Ada Example,")
    assert await screening.find(subject) == ("B",)
    assert screening.is_current


async def test_a_list_that_goes_away_stays_in_use(path: Path) -> None:
    screening = ListFile(path)
    path.unlink()
    assert await screening.find(Subject("Somebody Else", "")) == ("L-1",)
    assert not screening.is_current
    with pytest.raises(ListBroken):
        ListFile(path)


async def test_a_list_is_read_again_when_it_changes_even_in_the_same_size(path: Path) -> None:
    screening = ListFile(path)
    path.write_text(SAFE.replace("Else", "Ilse"))
    os.utime(path, ns=(1, 1))
    assert await screening.find(Subject("Somebody Ilse", "")) == ("L-1",)
    assert await screening.find(Subject("Somebody Else", "")) == ()


async def test_who_stands_in_the_list_opens_no_wallet_and_is_not_told_why(
    database_dsn: str, path: Path
) -> None:
    async with operator_world(database_dsn, screening=ListFile(path)) as world:
        rewrite(path, "UN-0042,ada EXAMPLE,")
        caller = world.new_caller()
        body = await world.opening(new_phone(), caller, wallet_class=3, evidence=NAMED)
        answer = await caller.ask("POST", "/v1/wallets", body)
        assert (answer.status_code, answer.json()["code"]) == (422, Code.NOT_SERVED)
        assert answer.json()["fields"] == {}
        for word in ("screen", "list", "UN-0042", "sanction", "Ada"):
            assert word.lower() not in answer.text.lower().replace("not_served", "")
        assert await world.database_value("SELECT count(*) FROM wallet") == 0
        other = {"identity_document": DOCUMENT}
        await world.open_wallet(wallet_class=3, evidence=other)


async def test_a_hit_is_one_sealed_case_for_the_officer(database_dsn: str, path: Path) -> None:
    rewrite(path, "UN-0042,Ada Example,")
    async with operator_world(database_dsn, screening=ListFile(path)) as world:
        for _ in range(2):
            caller = world.new_caller()
            body = await world.opening(new_phone(), caller, wallet_class=3, evidence=NAMED)
            assert (await refused(world, caller, body))[0] == Code.NOT_SERVED
        stored = await world.dump()
        assert "Ada Example" not in stored
        assert "UN-0042" not in stored
        [case] = await cases_of(world).listed(OFFICER)
        assert case.fields == {
            "entry": "UN-0042",
            "name": "Ada Example",
            "number": OTHER_DOCUMENT["number"],
        }
        assert (case.row.place, case.row.hits) == ("opening", 2)
        logged = await world.database_value(
            "SELECT count(*) FROM access_log WHERE actor = $1 AND purpose = 'screen'", OFFICER
        )
        assert logged == 1


async def test_a_cleared_case_lets_its_subject_pass_and_nobody_else(
    database_dsn: str, path: Path
) -> None:
    rewrite(path, "UN-0042,Ada Example,")
    async with operator_world(database_dsn, screening=ListFile(path)) as world:
        caller = world.new_caller()
        body = await world.opening(new_phone(), caller, wallet_class=3, evidence=NAMED)
        assert (await refused(world, caller, body))[0] == Code.NOT_SERVED
        cases = cases_of(world)
        [case] = await cases.listed(OFFICER)
        assert await cases.clear(OFFICER, case.row.id)
        assert not await cases.clear(OFFICER, case.row.id)
        assert (await caller.ask("POST", "/v1/wallets", body)).status_code == 201
        namesake = {"identity_document": {**OTHER_DOCUMENT, "number": "K7"}}
        other = await world.opening(new_phone(), caller, wallet_class=3, evidence=namesake)
        assert (await refused(world, caller, other))[0] == Code.NOT_SERVED
        assert [each.fields["number"] for each in await cases.listed(OFFICER)] == ["K7"]
        assert len(await cases.listed(OFFICER, with_cleared=True)) == 2


async def test_who_comes_into_the_list_later_is_neither_upgraded_nor_exchanged_for(
    database_dsn: str, path: Path
) -> None:
    async with operator_world(database_dsn, screening=ListFile(path)) as world:
        holder = await world.open_wallet(wallet_class=3, evidence=NAMED, deposit_fen=100)
        done = holder.new_id()
        assert await exchange_code(holder, done) == 0
        rewrite(path, "UN-0042,,e12345678")
        assert await exchange_code(holder) == Code.NOT_SERVED
        assert await world.deposit_fen(holder) == (99, 0)
        assert await exchange_code(holder, done) == 0
        upgrade: dict[str, Any] = {**NAMED, "deposit_id": holder.deposit_id}
        assert (await set_class(holder, 2, upgrade))["code"] == Code.NOT_SERVED
        assert await class_of(world, holder) == (3, 3)
        assert (await set_class(holder, 4))["state"] == "settled"
        anonymous = await world.open_wallet(deposit_fen=100)
        assert await exchange_code(anonymous) == 0
        places = [each.row.place for each in await cases_of(world).listed(OFFICER)]
        assert places == ["exchange"]


async def test_a_companys_signatories_are_screened(database_dsn: str, path: Path) -> None:
    async with operator_world(database_dsn, screening=ListFile(path)) as world:
        company = await open_company(world)
        rewrite(path, f"UN-0042,{CLERK['name']},")
        answer = await ask_signatory(company, new_signer(), CLERK)
        assert refusal(answer) == Code.NOT_SERVED
        assert await world.database_value("SELECT count(*) FROM signatory") == 1


async def test_a_list_read_while_many_ask_is_read_once(path: Path) -> None:
    screening = ListFile(path)
    rewrite(path, *(f"R-{number},Name {number}," for number in range(5_000)))
    with capture_logs() as logs:
        found = await asyncio.gather(*(screening.find(Subject("name 4999", "")) for _ in range(20)))
    assert set(found) == {("R-4999",)}
    assert [each["event"] for each in logs] == ["screening_list_taken"]
