"""Statements in their three forms: what goes in comes out, for machines and for people."""

import io
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiso20022.camt import camt_053_001_12 as camt
from pypdf import PdfReader

from jiaozi.operator.statements import pdf_form
from jiaozi.operator.statements.camt053_form import NAMESPACE, Camt053Form
from jiaozi.operator.statements.csv_form import CsvForm, entry_lines, text_cell
from jiaozi.operator.statements.pdf_form import PdfForm, page_count
from jiaozi.protocol.numbers import format_number
from tests.operator.statements import SHOP, WALLET, entries, head, line, lines, read_csv, written
from tests.wallet.payroll.test_oracle import round_trip

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=cmd|"/c calc"!A1')


def test_csv_adds_up_to_the_fen() -> None:
    made = list(lines(50))
    opening, *middle, closing = read_csv(written(CsvForm(head(made, opening_fen=7)), made, "C", 7))

    def total(column: str) -> Decimal:
        return sum((Decimal(each[column] or 0) for each in middle), Decimal(0))

    assert Decimal(opening["balance_yuan"]) == Decimal("0.07")
    assert total("in_yuan") == Decimal(closing["in_yuan"])
    assert total("out_yuan") == Decimal(closing["out_yuan"])
    balance = Decimal("0.07") + total("in_yuan") - total("out_yuan")
    assert middle[-1]["balance_yuan"] == closing["balance_yuan"] == f"{balance}"
    assert [each["record"] for each in middle] == ["entry"] * 50


def test_csv_is_rfc_4180_with_a_header_and_every_fact_of_an_entry() -> None:
    made = line(1)._replace(reference=b"r" * 32, link=b"l" * 32)
    data = written(CsvForm(head([made])), [made])
    assert data.endswith(b"\r\n")
    assert data.count(b"\n") == data.count(b"\r\n") == 4
    _, entry, _ = read_csv(data)
    assert entry["wallet"], entry["counterparty"] == (format_number(WALLET), format_number(SHOP))
    assert entry["time"] == "2026-11-01T00:00:01.000+08:00"
    assert (entry["type"], entry["in_yuan"], entry["out_yuan"]) == ("return", "", "12.35")
    assert entry["order_id"] == made.order_id.hex()
    assert entry["identity"] == made.identity.hex()
    assert (entry["reference"], entry["link"]) == ((b"r" * 32).hex(), (b"l" * 32).hex())
    assert (entry["height"], entry["position"], entry["leg"]) == ("2", "1", "0")


@pytest.mark.parametrize("name", FORMULAS)
def test_no_cell_of_a_csv_is_a_formula(name: str) -> None:
    made = list(lines(3))
    records = read_csv(written(CsvForm(head(made, holder=name)), made))
    assert records[0]["text"] == f"'{name}"
    cells = [cell for record in records for cell in record.values()]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@given(st.text())
def test_a_text_is_one_cell_whatever_stands_in_it(text: str) -> None:
    [record] = read_csv(f"text\r\n{text_cell(text)}\r\n".encode(errors="replace"))
    assert record["text"].removeprefix("'") == text.encode(errors="replace").decode().removeprefix(
        "'"
    )


@settings(max_examples=10)
@given(st.integers(0, 10), st.integers(0, 10**12), st.none() | st.text(max_size=150))
def test_the_oracle_reads_camt053(count: int, opening_fen: int, name: str | None) -> None:
    made = list(lines(count))
    if made:
        made[0] = made[0]._replace(reference=b"r" * 32, link=b"l" * 32)
    form = Camt053Form(head(made, opening_fen=opening_fen, holder=name))
    parsed = round_trip(written(form, made, "C" * 343, opening_fen), camt.Document, NAMESPACE)
    assert isinstance(parsed, camt.Document)
    [statement] = parsed.bk_to_cstmr_stmt.stmt
    opening, closing = (each.amt.value for each in statement.bal)
    signs = {"CRDT": 1, "DBIT": -1}
    moved = sum(each.amt.value * signs[each.cdt_dbt_ind.value] for each in statement.ntry)
    assert opening == Decimal(opening_fen) / 100
    assert opening + moved == closing
    assert statement.txs_summry.ttl_ntries.nb_of_ntries == str(count)
    assert statement.acct.id.othr.id == format_number(WALLET)
    assert statement.addtl_stmt_inf == "C" * 343


def test_camt053_names_the_other_end_by_its_side() -> None:
    came, went = line(0), line(1)
    data = written(Camt053Form(head([came, went])), [came, went])
    parsed = round_trip(data, camt.Document, NAMESPACE)
    first, second = parsed.bk_to_cstmr_stmt.stmt[0].ntry  # type: ignore[attr-defined]
    payer, payee = first.ntry_dtls[0].tx_dtls[0], second.ntry_dtls[0].tx_dtls[0]
    assert payer.rltd_pties.dbtr_acct.id.othr.id == format_number(SHOP)
    assert payer.rltd_pties.cdtr_acct is None
    assert payee.rltd_pties.cdtr_acct.id.othr.id == format_number(SHOP)
    assert payee.rltd_agts.cdtr_agt.fin_instn_id.othr.id == "1002"
    assert payee.refs.end_to_end_id == went.order_id.hex()


@pytest.mark.parametrize("count", [0, 1, 38, 39, 56, 57, 102, 103, 120, 121, 300])
def test_a_pdf_has_every_entry_and_counts_its_pages(count: int) -> None:
    made = list(lines(count))
    pages = PdfReader(io.BytesIO(written(PdfForm(head(made)), made, "C" * 343))).pages
    texts = [each.extract_text() for each in pages]
    assert len(texts) == page_count(count)
    for number, text in enumerate(texts, start=1):
        assert f"Page {number} of {len(texts)}" in text
        assert "1001 0000 1000 0001" in text
    whole = "\n".join(texts)
    assert [f"{each.height}.{each.position}" in whole for each in made] == [True] * count
    assert "C" * 92 in texts[-1]


def test_a_pdf_shows_period_holder_and_sums_in_chinese_and_english() -> None:
    made = list(lines(3))
    form = PdfForm(head(made, opening_fen=123_456_789, holder="王小明 Wang"))
    text = PdfReader(io.BytesIO(written(form, made, "CODE", 123_456_789))).pages[0].extract_text()
    for shown in (
        "对账单", "王小明", "Wang", "2026-11-01 00:00 – 2026-11-30 23:59", "1,234,567.89",
        "期末余额", "Closing balance", "jiaozi statement verify",
    ):  # fmt: skip
        assert shown in text, shown


def test_a_pdf_takes_the_longest_name() -> None:
    form = PdfForm(head([], holder="名" * 128))
    assert "…" in PdfReader(io.BytesIO(written(form, []))).pages[0].extract_text()


def test_rows_never_run_into_what_is_below_them() -> None:
    foot, first_row = 48.0, pdf_form.A4[1] - 40 - 34 - 31
    room = first_row - foot
    assert room > pdf_form._PAGE_ROWS * pdf_form._ROW_HEIGHT
    assert room - 78 > pdf_form._FIRST_PAGE_ROWS * pdf_form._ROW_HEIGHT
    assert pdf_form._CODE_ROWS * pdf_form._ROW_HEIGHT > 24 + 132


def test_the_digest_is_over_the_lines_as_they_stand_in_the_csv() -> None:
    made = list(lines(4))
    data = written(CsvForm(head(made)), made)
    shown = b"".join(each + b"\r\n" for each in data.split(b"\r\n") if each.startswith(b"entry,"))
    assert shown == entry_lines(list(entries(made)))
