"""What a status report says, and that it says it of every payment."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from io import BytesIO
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring

from jiaozi.protocol.refusals import Code, refuse
from jiaozi.wallet.payroll import (
    Payment,
    PaymentOutcome,
    PaymentStatus,
    PayrollRefused,
    RejectedPayment,
    ReportId,
    reason_of,
    write_refusal_report,
    write_status_report,
)
from jiaozi.wallet.payroll.model import StatusReason
from tests.wallet.payroll.builders import UETR, block, check, message, payments, read, transfer

REPORT = ReportId("R1", datetime(2026, 1, 31, 2, tzinfo=UTC))
NAMES = {"": "urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"}

Item = Payment | RejectedPayment
Settle = Callable[[Payment], PaymentOutcome]


def settled(payment: Payment) -> PaymentOutcome:
    return PaymentOutcome(payment, PaymentStatus.SETTLED, reference=f"{payment.position:032x}")


def pending(payment: Payment) -> PaymentOutcome:
    return PaymentOutcome(payment, PaymentStatus.PENDING)


def refused(payment: Payment) -> PaymentOutcome:
    reason = reason_of(refuse(Code.INSUFFICIENT_FUNDS, 5))
    return PaymentOutcome(payment, PaymentStatus.REFUSED, reason)


def report(data: bytes, settle: Settle = settled) -> Element:
    """The root of the report on a message of which all good payments end alike."""
    outcomes = (settle(item) if isinstance(item, Payment) else item for item in read(data))
    return _written(data, outcomes)


def _written(data: bytes, outcomes: Iterable[PaymentOutcome | RejectedPayment]) -> Element:
    file = BytesIO()
    write_status_report(file, REPORT, check(data), outcomes)
    return fromstring(file.getvalue())


def texts(root: Element, path: str) -> list[str | None]:
    return [found.text for found in root.iterfind(f".//{path}", NAMES)]


def test_every_payment_has_a_line_in_its_order() -> None:
    root = report(payments(transfer("A1"), transfer("A2", "0"), transfer("A3")))
    assert texts(root, "OrgnlEndToEndId") == ["A1", "A2", "A3"]
    assert texts(root, "TxSts") == ["ACSC", "RJCT", "ACSC"]
    assert texts(root, "TxInfAndSts/StsRsnInf/Rsn/Cd") == ["AM01"]
    assert texts(root, "TxInfAndSts/StsRsnInf/AddtlInf") == ["Amt/InstdAmt is zero"]
    assert texts(root, "AcctSvcrRef") == [f"{1:032x}", f"{3:032x}"]


def test_the_report_names_the_message_and_the_payers_own_ids() -> None:
    root = report(payments(transfer("A1", instruction_id="I1", uetr=UETR)))
    assert texts(root, "GrpHdr/MsgId") == ["R1"]
    assert texts(root, "GrpHdr/CreDtTm") == ["2026-01-31T02:00:00+00:00"]
    assert texts(root, "OrgnlMsgId") == ["M1"]
    assert texts(root, "OrgnlMsgNmId") == ["pain.001.001.09"]
    assert texts(root, "OrgnlCreDtTm") == ["2026-01-31T09:00:00+08:00"]
    assert texts(root, "OrgnlPmtInfId") == ["B1"]
    assert texts(root, "OrgnlInstrId") == ["I1"]
    assert texts(root, "OrgnlUETR") == [UETR]


@pytest.mark.parametrize(
    ("endings", "status"),
    [
        ([settled, settled], "ACSC"),
        ([refused, refused], "RJCT"),
        ([pending, pending], "PDNG"),
        ([settled, refused], "PART"),
        ([settled, pending], "PART"),
        ([settled, pending, refused], "PART"),
        ([pending, refused], "PDNG"),
    ],
)
def test_the_status_of_the_whole_follows_from_its_payments(
    endings: list[Settle], status: str
) -> None:
    data = payments(*(transfer(f"A{n}") for n in range(len(endings))))
    items = [item for item in read(data) if isinstance(item, Payment)]
    root = _written(data, (end(item) for end, item in zip(endings, items, strict=True)))
    assert texts(root, "GrpSts") == texts(root, "PmtInfSts") == [status]


def test_payments_are_counted_by_status() -> None:
    data = message(block(transfer("A1"), transfer("A2", "0")), block(transfer("A3"), block_id="B2"))
    root = report(data)
    assert texts(root, "OrgnlGrpInfAndSts/NbOfTxsPerSts/DtldNbOfTxs") == ["2", "1"]
    assert texts(root, "OrgnlGrpInfAndSts/NbOfTxsPerSts/DtldSts") == ["ACSC", "RJCT"]
    assert texts(root, "OrgnlPmtInfAndSts/NbOfTxsPerSts/DtldNbOfTxs") == ["1", "1", "1"]
    assert texts(root, "PmtInfSts") == ["PART", "ACSC"]


def test_a_refused_block_says_why_and_so_do_its_payments() -> None:
    root = report(message(block(transfer("A1"), control_sum="1"), block(block_id="B2")))
    assert texts(root, "PmtInfSts") == ["RJCT", "RJCT"]
    assert texts(root, "OrgnlPmtInfAndSts/StsRsnInf/Rsn/Cd") == ["AM17", "CH21"]
    assert texts(root, "TxInfAndSts/StsRsnInf/Rsn/Cd") == ["AM17"]
    assert texts(root, "GrpSts") == ["RJCT"]


def test_a_payment_without_a_usable_id_is_not_provided() -> None:
    assert texts(report(payments(transfer(None))), "OrgnlEndToEndId") == ["NOTPROVIDED"]


def test_a_refused_message_has_a_report_without_lines() -> None:
    data = message(block(transfer()), count="2")
    with pytest.raises(PayrollRefused) as caught:
        check(data)
    file = BytesIO()
    write_refusal_report(file, REPORT, caught.value)
    root = fromstring(file.getvalue())
    assert texts(root, "OrgnlMsgId") == ["M1"]
    assert texts(root, "GrpSts") == ["RJCT"]
    assert texts(root, "OrgnlGrpInfAndSts/StsRsnInf/Rsn/Cd") == ["AM19"]
    assert " ".join(texts(root, "AddtlInf")) == str(caught.value)
    assert texts(root, "TxInfAndSts") == []


def test_a_message_without_a_readable_id_is_not_provided() -> None:
    with pytest.raises(PayrollRefused) as caught:
        check(b"<html/>")
    file = BytesIO()
    write_refusal_report(file, REPORT, caught.value)
    assert texts(fromstring(file.getvalue()), "OrgnlMsgId") == ["NOTPROVIDED"]


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (refuse(Code.INSUFFICIENT_FUNDS, 5), "AM04"),
        (refuse(Code.ACCOUNT_FROZEN), "AC06"),
        (refuse(Code.ACCOUNT_CLOSED), "AC05"),
        (refuse(Code.LIMIT_SINGLE, 5), "AM14"),
        (refuse(Code.LIMIT_DAY, 5, 5), "AM14"),
        (refuse(Code.LIMIT_YEAR, 5, 5), "AM14"),
        (refuse(Code.PAYEE_CANNOT_RECEIVE), "payee_cannot_receive"),
    ],
)
def test_a_registrys_refusal_has_an_iso_code_or_its_own_word(refusal: Exception, code: str) -> None:
    reason = reason_of(refusal)
    assert (reason.code, reason.text) == (code, str(refusal))


def test_every_word_of_the_catalogue_fits_into_a_proprietary_code() -> None:
    assert max(len(code.name) for code in Code) <= 35


def test_any_reason_gives_xml_of_texts_that_are_not_too_long() -> None:
    data = payments(transfer())
    [payment] = read(data)
    text = "a <b> & \x00\ud800 ]]> " + "long " * 60
    reason = StatusReason("own_word", text)
    root = _written(data, [PaymentOutcome(payment, PaymentStatus.REFUSED, reason)])
    assert texts(root, "Rsn/Prtry") == ["own_word"]
    lines = texts(root, "AddtlInf")
    assert max(map(len, lines)) <= 105
    assert lines[0].startswith("a <b> & \ufffd\ufffd ]]> long")


def test_a_report_that_leaves_out_or_mixes_up_payments_is_not_written() -> None:
    data = payments(transfer("A1"), transfer("A2"))
    first, second = (settled(item) for item in read(data))
    for outcomes in ([], [first], [second, first], [first, first], [first, second, second]):
        file = BytesIO()
        with pytest.raises(ValueError, match="outcome"):
            write_status_report(file, REPORT, check(data), outcomes)
        assert file.getvalue() == b""
