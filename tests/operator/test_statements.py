"""Statements over HTTP: they agree with the registry, whoever pays meanwhile, or are not issued."""

import asyncio
import json
from datetime import date, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import httpx
import pytest

from jiaozi.operator.customers.model import IdentityDocument, Phone
from jiaozi.operator.history.model import Line
from jiaozi.operator.statements import issue, model
from jiaozi.operator.statements.catch_up import CatchUp
from jiaozi.operator.statements.csv_form import CsvForm
from jiaozi.operator.statements.issue import StatementBroken, check_size
from jiaozi.operator.statements.model import Period, period_of
from jiaozi.operator.statements.pdf_form import ENTRIES_MAX, PdfForm
from jiaozi.protocol.order_types import Holder as HolderKind
from jiaozi.protocol.refusals import Code, Refusal
from tests.operator.builders import OperatorWorld, operator_world
from tests.operator.holders import Holder
from tests.operator.statements import DAY_MS, head, lines, read_csv

FOREVER = Period(0, None)


async def pair(world: OperatorWorld) -> tuple[Holder, Holder]:
    """A wallet with 1000 fen, and an empty one."""
    payer, payee = await world.open_wallet(deposit_fen=2000), await world.open_wallet(deposit_fen=1)
    await payer.exchange(1000)
    return payer, payee


async def asked(holder: Holder, query: str = "from=2020-01-01") -> httpx.Response:
    return await holder.ask("GET", f"{holder.path}/statements?{query}")


async def statement(holder: Holder, query: str = "from=2020-01-01") -> list[dict[str, str]]:
    answer = await asked(holder, query)
    assert answer.status_code == 200, answer.text
    return read_csv(answer.content)


def fen(yuan: str) -> int:
    return int(Decimal(yuan or 0) * 100)


def today(world: OperatorWorld) -> date:
    return model.moment(world.clock()).date()


async def test_opening_and_what_moved_come_to_the_balance_of_the_registry(
    world: OperatorWorld,
) -> None:
    payer, payee = await pair(world)
    await payer.pay(payee.number, 70)
    await payer.pay(payee.number, 1001)
    await payee.pay(payer.number, 30)
    opening, *entries, closing = await statement(payer)
    assert fen(opening["balance_yuan"]) == 0
    assert [each["type"] for each in entries] == ["exchange", "payment", "payment"]
    assert [fen(each["in_yuan"]) - fen(each["out_yuan"]) for each in entries] == [1000, -70, 30]
    assert [fen(each["balance_yuan"]) for each in entries] == [1000, 930, 960]
    assert fen(closing["balance_yuan"]) == world.balance_fen(payer) == 960
    assert [closing["in_yuan"], closing["out_yuan"]] == ["10.30", "0.70"]


async def test_each_period_opens_with_the_balance_that_the_one_before_it_closed_with(
    world: OperatorWorld,
) -> None:
    payer, payee = await pair(world)
    days = []
    for amount_fen in (10, 20, 30):
        await payer.pay(payee.number, amount_fen)
        days.append(today(world))
        world.clock.advance(DAY_MS)
    world.registry.idle_block()
    statements = [await statement(payer, f"from={day}&to={day}") for day in days]
    assert [len(each) - 2 for each in statements] == [2, 1, 1]
    closings = [each[-1]["balance_yuan"] for each in statements]
    openings = [each[0]["balance_yuan"] for each in statements]
    assert closings == ["9.90", "9.70", "9.40"]
    assert openings == ["0.00", *closings[:-1]]
    whole = await statement(payer, f"from={days[0]}&to={days[-1]}")
    assert whole[-1]["balance_yuan"] == closings[-1]


async def test_statements_agree_while_payments_come_in(world: OperatorWorld) -> None:
    payer, payee = await pair(world)

    async def keep_paying() -> None:
        while True:
            await payer.pay(payee.number, 1)
            await asyncio.sleep(0.02)

    paying = asyncio.create_task(keep_paying())
    seen = set()
    try:
        for _ in range(8):
            opening, *entries, closing = await statement(payee)
            moved = sum(fen(each["in_yuan"]) - fen(each["out_yuan"]) for each in entries)
            assert fen(opening["balance_yuan"]) + moved == fen(closing["balance_yuan"])
            seen.add(closing["balance_yuan"])
    finally:
        paying.cancel()
    assert len(seen) > 1


async def test_books_that_differ_from_the_registry_make_no_statement(
    world: OperatorWorld,
) -> None:
    payer, _ = await pair(world)
    await world.until_followed()
    world.ledger.accounts[payer.number].balance_fen += 1
    impatient = CatchUp(
        database=world.database, registry=world.operator.registry, now_ms=world.clock, wait_s=0.2
    )
    with pytest.raises(Refusal) as refusal:
        await impatient.now(payer.number)
    assert refusal.value.code is Code.STATEMENT_NOT_READY


async def test_a_day_that_the_registry_has_not_ended_makes_no_statement(
    world: OperatorWorld,
) -> None:
    payer, _ = await pair(world)
    impatient = CatchUp(
        database=world.database, registry=world.operator.registry, now_ms=world.clock, wait_s=0.2
    )
    until_ms = world.clock() + 1000
    with pytest.raises(Refusal) as refusal:
        await impatient.past(payer.number, until_ms)
    assert refusal.value.code is Code.STATEMENT_NOT_READY
    world.clock.advance(2000)
    world.registry.idle_block()
    assert (await impatient.past(payer.number, until_ms)).until_ms == until_ms


async def test_a_history_that_changes_meanwhile_breaks_the_statement_off(
    world: OperatorWorld,
) -> None:
    payer, _ = await pair(world)
    made = await world.operator.issue_statement.head(payer.number, FOREVER, None)
    await world.database_value("DELETE FROM history_entry WHERE wallet = $1", payer.number)
    with pytest.raises(StatementBroken):
        async for _ in world.operator.issue_statement.pieces(made, CsvForm(made)):
            pass


@pytest.mark.parametrize(
    ("form", "media_type", "start", "end"),
    [
        ("csv", "text/csv", b"record,wallet,", b"\r\n"),
        ("camt053", "application/xml", b"<?xml", b"</Document>\n"),
        ("pdf", "application/pdf", b"%PDF-1.", b"%%EOF\n"),
    ],
)
async def test_a_statement_comes_in_three_forms(
    world: OperatorWorld, form: str, media_type: str, start: bytes, end: bytes
) -> None:
    payer, _ = await pair(world)
    answer = await asked(payer, f"from=2020-01-01&format={form}")
    assert answer.headers["content-type"].startswith(media_type)
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert answer.content.startswith(start)
    assert answer.content.endswith(end)


async def test_the_code_is_checked_by_anyone_and_covers_every_entry(world: OperatorWorld) -> None:
    payer, payee = await pair(world)
    await payer.pay(payee.number, 70)
    data = (await asked(payer)).content
    code = read_csv(data)[-1]["text"]
    answer = await world.http.post(
        "/v1/statements/check", json={"code": f" {code[:99]}\n{code[99:]}"}
    )
    told: dict[str, Any] = answer.json()
    assert told["wallet"] == payer.key_id
    assert (told["opening_fen"], told["incoming_fen"]) == (0, 1000)
    assert (told["outgoing_fen"], told["closing_fen"], told["entries"]) == (70, 930, 2)
    entries = [each for each in data.splitlines(keepends=True) if each.startswith(b"entry,")]
    assert told["digest"] == sha256(b"".join(entries)).hexdigest()
    assert (told["bears_name"], told["holder_matches"]) == (False, None)


async def test_a_code_that_was_changed_or_made_up_is_refused(world: OperatorWorld) -> None:
    payer, _ = await pair(world)
    code = (await statement(payer))[-1]["text"]
    changed = code[:-3] + ("AAA" if code[-3:] != "AAA" else "BBB")
    for wrong in (changed, "", "*", "AAAA", code[:50], "A" * 2000):
        answer = await world.http.post("/v1/statements/check", json={"code": wrong})
        assert answer.status_code in (400, 403, 413), wrong
    assert Code(json.loads(answer.content)["code"]) is not Code.UNKNOWN


class Authority:
    """Knows one name."""

    async def is_genuine(self, phone: Phone, kind: HolderKind, document: IdentityDocument) -> bool:
        return document.name == "王小明"


async def test_a_statement_bears_a_name_that_is_proven_or_none(database_dsn: str) -> None:
    async with operator_world(database_dsn, verifier=Authority()) as world:
        named = await world.open_wallet(
            wallet_class=3, evidence={"identity_document": document("王小明")}
        )
        pretender = await world.open_wallet(
            wallet_class=3, evidence={"identity_document": document("马云", "2")}
        )
        nobody = await world.open_wallet()
        opening, closing = await statement(named, "from=2020-01-01&holder=true")
        assert opening["text"] == "王小明"
        for name, matches in (("王小明", True), ("马云", False)):
            body = {"code": closing["text"], "holder": name}
            told = (await world.http.post("/v1/statements/check", json=body)).json()
            assert (told["bears_name"], told["holder_matches"]) == (True, matches)
        assert (await statement(named))[0]["text"] == ""
        for holder in (pretender, nobody):
            answer = await asked(holder, "from=2020-01-01&holder=true")
            assert (answer.status_code, answer.json()["code"]) == (409, Code.NAME_NOT_PROVEN)
        logged = "SELECT count(*) FROM access_log WHERE wallet = $1 AND purpose = 'show_holder'"
        assert await world.database_value(logged, named.number) == 2


def document(name: str, number: str = "1") -> dict[str, str]:
    return {"type": "resident-identity-card", "number": number, "name": name}


async def test_a_wallet_gets_its_own_statement_only(world: OperatorWorld) -> None:
    payer, payee = await pair(world)
    answer = await payer.ask("GET", f"{payee.path}/statements?from=2020-01-01")
    assert (answer.status_code, answer.json()["code"]) == (403, Code.NOT_ALLOWED)
    assert (await world.http.get(f"{payer.path}/statements?from=2020-01-01")).status_code == 401


async def test_periods_and_forms_that_are_none_are_refused_by_name(world: OperatorWorld) -> None:
    payer, _ = await pair(world)
    tomorrow = today(world) + timedelta(days=1)
    for query, field in (
        ("", "query.from"),
        ("from=x", "query.from"),
        ("from=2020-13-01", "query.from"),
        (f"from={tomorrow}", "query.from"),
        ("from=2020-01-02&to=2020-01-01", "query.to"),
        ("from=2020-01-02&to=9999-12-31", "query.to"),
        ("from=2020-01-01&format=xlsx", "query.format"),
        ("from=2020-01-01&holder=maybe", "query.holder"),
    ):
        answer = await asked(payer, query)
        assert (answer.status_code, answer.json()["code"]) == (400, Code.MALFORMED), query
        assert answer.json()["fields"] == {"field": field}
    assert len(await statement(payer, "from=0001-01-01")) == 3


def test_a_period_that_has_not_ended_is_up_to_now() -> None:
    now_ms = model.day_start_ms(date(2026, 11, 22)) + 1
    assert period_of(date(2026, 11, 22), date(2026, 11, 22), now_ms).until_ms is None
    ended = period_of(date(2026, 11, 21), date(2026, 11, 21), now_ms)
    assert ended == Period(now_ms - 1 - DAY_MS, now_ms - 1)


def test_a_pdf_is_bounded() -> None:
    few = head(list(lines(2)))
    check_size(few, PdfForm)
    many = head([])
    object.__setattr__(many, "totals", many.totals._replace(entries=ENTRIES_MAX + 1))
    with pytest.raises(Refusal) as refusal:
        check_size(many, PdfForm)
    assert refusal.value.fields == {"field": "statement", "limit": ENTRIES_MAX}
    check_size(many, CsvForm)


async def test_a_reader_that_waits_holds_no_connection_and_no_more_than_a_page(
    world: OperatorWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer, payee = await pair(world)
    monkeypatch.setattr(issue, "PAGE_ENTRIES", 2)
    for _ in range(9):
        await payer.pay(payee.number, 1)
    made = await world.operator.issue_statement.head(payer.number, FOREVER, None)
    reads: list[Line] = []
    read = issue.store.entries

    async def counted(*arguments: Any) -> list[Line]:  # noqa: ANN401
        found = await read(*arguments)
        reads.extend(found)
        return found

    monkeypatch.setattr(issue.store, "entries", counted)
    waiting = [world.operator.issue_statement.pieces(made, CsvForm(made)) for _ in range(20)]
    for each in waiting:
        await anext(each)
        await anext(each)
    assert len(reads) == 40
    assert (await payer.ask("GET", payer.path)).status_code == 200
    rest = b"".join([piece async for piece in waiting[0]])
    assert rest.count(b"entry,") == 8
