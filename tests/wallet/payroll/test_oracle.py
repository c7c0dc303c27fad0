"""An independent implementation of both messages reads what we write, and writes what we read.

Its classes carry the schema's rules (lengths, patterns, what is required). A message that comes
out of it as it went in has every element in its place.
"""

import re
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from decimal import Decimal
from io import BytesIO
from xml.etree.ElementTree import canonicalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyiso20022.pain import pain_001_001_09 as pain001
from pyiso20022.pain import pain_002_001_10 as pain002
from xsdata.formats.dataclass.parsers import XmlParser
from xsdata.formats.dataclass.serializers import XmlSerializer
from xsdata.models.datatype import XmlDate, XmlDateTime

from jiaozi.protocol.money import FEN_MAX, Fen
from jiaozi.protocol.numbers import account_number, format_number
from jiaozi.wallet.payroll import (
    Payment,
    PaymentOutcome,
    PaymentStatus,
    PayrollInstruction,
    PayrollRefused,
    ReportId,
    check_file,
    read_payments,
    write_pain001,
    write_refusal_report,
    write_status_report,
)
from jiaozi.wallet.payroll.model import ReasonCode, StatusReason
from jiaozi.wallet.payroll.values import BUSINESS_ZONE
from tests.wallet.payroll.builders import NAMESPACE, PAYEE, PAYER, TODAY, UETR, check, read

REPORT_NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"
NOW = datetime(2026, 1, 31, 9, 2, 3, tzinfo=BUSINESS_ZONE)
INSTRUCTION = PayrollInstruction("SALARY-2026-01", NOW, PAYER, "Acme & Söhne <深圳>", TODAY)

lines = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Cn", "Zl", "Zp", "Cf"]), min_size=1
).filter(lambda text: text == text.strip(" \t\r\n"))


@st.composite
def payments(draw: st.DrawFn) -> list[Payment]:
    """Payments that the reader takes, with unique ids."""
    ids = draw(st.lists(lines.filter(lambda text: len(text) <= 35), unique=True, max_size=8))
    return [
        Payment(
            position=position,
            end_to_end_id=end_to_end_id,
            amount_fen=Fen(draw(st.integers(1, FEN_MAX))),
            payee=account_number(1002, draw(st.integers(10**6, 10**11 - 1))),
            payee_name=draw(st.none() | lines.map(lambda text: text[:140].strip() or None)),
            remittance=draw(st.none() | lines.map(lambda text: text[:140].strip() or None)),
            instruction_id=draw(st.none() | st.just(f"I{position}")),
            uetr=draw(st.none() | st.uuids(version=4).map(str)),
        )
        for position, end_to_end_id in enumerate(ids, start=1)
    ]


def written(items: list[Payment]) -> bytes:
    file = BytesIO()
    write_pain001(file, INSTRUCTION, items)
    return file.getvalue()


def refuse_broken_rules(value: object) -> None:
    """Check lengths and patterns, which the parser does not check."""
    if not is_dataclass(value):
        return
    for field in fields(value):
        found = getattr(value, field.name)
        rules = field.metadata
        for item in found if isinstance(found, list) else [found]:
            if isinstance(item, str):
                assert rules.get("min_length", 0) <= len(item), field.name
                assert len(item) <= rules.get("max_length", len(item)), field.name
                assert re.fullmatch(rules.get("pattern", "(?s:.*)"), item), field.name
            if isinstance(item, Decimal):
                assert len(item.as_tuple().digits) <= rules.get("total_digits", 18), field.name
            refuse_broken_rules(item)


def round_trip(data: bytes, kind: type, namespace: str) -> object:
    """Parse, check, and compare with what the oracle writes again."""
    parsed = XmlParser().from_bytes(data, kind)
    refuse_broken_rules(parsed)
    again = XmlSerializer().render(parsed, ns_map={None: namespace})
    assert canonicalize(again, strip_text=True) == canonicalize(data.decode(), strip_text=True)
    return parsed


@settings(max_examples=50)
@given(payments())
def test_we_read_what_we_write(items: list[Payment]) -> None:
    data = written(items)
    if items:
        assert read(data) == items
        assert check(data).payable_fen == sum(item.amount_fen for item in items)
    else:
        with pytest.raises(PayrollRefused):
            check(data)


def test_the_oracle_reads_a_payroll_that_we_write() -> None:
    items = [
        Payment(1, "A1", Fen(123_450), PAYEE, "张 & 李", "1 月 <工资>", "I1", UETR),
        Payment(2, "A2", Fen(5), PAYEE),
    ]
    parsed = round_trip(written(items), pain001.Document, NAMESPACE)

    assert isinstance(parsed, pain001.Document)
    message = parsed.cstmr_cdt_trf_initn
    block = message.pmt_inf[0]
    first, second = block.cdt_trf_tx_inf
    assert message.grp_hdr.nb_of_txs == block.nb_of_txs == "2"
    assert message.grp_hdr.ctrl_sum == block.ctrl_sum == Decimal("1234.55")
    assert message.grp_hdr.initg_pty.nm == "Acme & Söhne <深圳>"
    assert block.dbtr_acct.id.othr.id == format_number(PAYER)
    assert block.dbtr_agt.fin_instn_id.othr.id == "1001"
    assert block.reqd_exctn_dt.dt == XmlDate(2026, 1, 31)
    assert first.amt.instd_amt.value == Decimal("1234.50")
    assert first.cdtr.nm == "张 & 李"
    assert first.rmt_inf.ustrd == ["1 月 <工资>"]
    assert second.cdtr_acct.id.othr.id == format_number(PAYEE)


def test_we_read_a_payroll_that_the_oracle_writes() -> None:
    name = pain001.PartyIdentification135(nm="Acme")
    message = pain001.CustomerCreditTransferInitiationV09(
        grp_hdr=pain001.GroupHeader85(
            msg_id="M1",
            cre_dt_tm=XmlDateTime.from_datetime(NOW),
            nb_of_txs="1",
            ctrl_sum=Decimal("7.5"),
            initg_pty=name,
        ),
        pmt_inf=[_oracle_block(name)],
    )
    data = XmlSerializer().render(pain001.Document(cstmr_cdt_trf_initn=message)).encode()

    found = check_file(BytesIO(data), payer=PAYER, today=TODAY)
    assert (found.header.message_id, found.header.created_at) == ("M1", NOW)
    assert list(read_payments(BytesIO(data), found)) == [
        Payment(1, "A1", Fen(750), PAYEE, "王小明", "工资", uetr=UETR)
    ]


def _oracle_account(number: int) -> pain001.CashAccount38:
    other = pain001.GenericAccountIdentification1(id=format_number(number))
    return pain001.CashAccount38(id=pain001.AccountIdentification4Choice(othr=other))


def _oracle_block(name: pain001.PartyIdentification135) -> pain001.PaymentInstruction30:
    agent = pain001.BranchAndFinancialInstitutionIdentification6(
        fin_instn_id=pain001.FinancialInstitutionIdentification18()
    )
    amount = pain001.ActiveOrHistoricCurrencyAndAmount(value=Decimal("7.50"), ccy="CNY")
    transfer = pain001.CreditTransferTransaction34(
        pmt_id=pain001.PaymentIdentification6(end_to_end_id="A1", uetr=UETR),
        amt=pain001.AmountType4Choice(instd_amt=amount),
        cdtr=pain001.PartyIdentification135(nm="王小明"),
        cdtr_acct=_oracle_account(PAYEE),
        purp=pain001.Purpose2Choice(cd="SALA"),
        rmt_inf=pain001.RemittanceInformation16(ustrd=["工资"]),
    )
    return pain001.PaymentInstruction30(
        pmt_inf_id="B1",
        pmt_mtd=pain001.PaymentMethod3Code.TRF,
        reqd_exctn_dt=pain001.DateAndDateTime2Choice(dt=XmlDate.from_date(date(2026, 1, 30))),
        dbtr=name,
        dbtr_acct=_oracle_account(PAYER),
        dbtr_agt=agent,
        cdt_trf_tx_inf=[transfer],
    )


def test_the_oracle_reads_a_report_that_we_write() -> None:
    items = [Payment(n, f"A{n}", Fen(100), PAYEE, "王", None, f"I{n}") for n in (1, 2)]
    items.append(Payment(3, "A1", Fen(100), PAYEE, uetr=UETR))
    data = written(items)
    first, second, duplicate = read(data)
    reason = StatusReason("payee_cannot_receive", "A payee cannot receive this payment. " * 5)
    file = BytesIO()
    write_status_report(
        file,
        ReportId("R1", NOW),
        check(data),
        [
            PaymentOutcome(first, PaymentStatus.SETTLED, reference="0" * 32),
            PaymentOutcome(second, PaymentStatus.REFUSED, reason),
            duplicate,
        ],
    )
    parsed = round_trip(file.getvalue(), pain002.Document, REPORT_NAMESPACE)

    assert isinstance(parsed, pain002.Document)
    block = parsed.cstmr_pmt_sts_rpt.orgnl_pmt_inf_and_sts[0]
    reported = block.tx_inf_and_sts
    assert parsed.cstmr_pmt_sts_rpt.orgnl_grp_inf_and_sts.grp_sts == "PART"
    assert [line.orgnl_end_to_end_id for line in reported] == ["A1", "A2", "A1"]
    assert [line.tx_sts for line in reported] == ["ACSC", "RJCT", "RJCT"]
    assert reported[1].sts_rsn_inf[0].rsn.prtry == "payee_cannot_receive"
    assert reported[2].sts_rsn_inf[0].rsn.cd == ReasonCode.END_TO_END_ID_NOT_UNIQUE


def test_the_oracle_reads_a_refusal_that_we_write() -> None:
    with pytest.raises(PayrollRefused) as caught:
        check(b"<!DOCTYPE a><a/>")
    file = BytesIO()
    write_refusal_report(file, ReportId("R1", NOW), caught.value)
    parsed = round_trip(file.getvalue(), pain002.Document, REPORT_NAMESPACE)
    assert isinstance(parsed, pain002.Document)
    group = parsed.cstmr_pmt_sts_rpt.orgnl_grp_inf_and_sts
    assert (group.orgnl_msg_id, group.grp_sts) == ("NOTPROVIDED", "RJCT")
    assert group.sts_rsn_inf[0].rsn.cd == "FF01"
