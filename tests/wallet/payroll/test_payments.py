"""One rule of the table for payments at a time: what breaks it, and that the rest goes on."""

import pytest

from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.numbers import account_number, format_number, vault_of
from jiaozi.wallet.payroll import Payment, PayrollLimits, RejectedPayment
from jiaozi.wallet.payroll.model import ReasonCode
from tests.wallet.payroll.builders import (
    PAYEE,
    PAYER,
    UETR,
    block,
    message,
    payments,
    read,
    transfer,
)


def test_a_good_payment_is_handed_out_as_it_is_written() -> None:
    line = transfer(
        "A1", "1234.50", instruction_id="I1", uetr=UETR, name="张 & 李", remittance="1 月工资"
    ).replace(" & ", " &amp; ")

    assert read(payments(line)) == [
        Payment(
            position=1,
            end_to_end_id="A1",
            amount_fen=123450,
            payee=PAYEE,
            payee_name="张 & 李",
            remittance="1 月工资",
            instruction_id="I1",
            uetr=UETR,
        )
    ]


@pytest.mark.parametrize(
    ("text", "fen"),
    [
        ("0.01", 1),
        ("1", 100),
        ("1.5", 150),
        ("0012.30", 1230),
        ("+7.00", 700),
        (" 8.00\n", 800),
        ("92233720368547758.07", FEN_MAX),
    ],
)
def test_an_amount_is_exact(text: str, fen: int) -> None:
    [payment] = read(payments(transfer(amount=text)))
    assert payment.amount_fen == fen


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"amount": None}, "AM12"),
        ({"amount": ""}, "AM12"),
        ({"amount": "12,50"}, "AM12"),
        ({"amount": "1e3"}, "AM12"),
        ({"amount": "NaN"}, "AM12"),
        ({"amount": "１００"}, "AM12"),
        ({"amount": "1 000"}, "AM12"),
        ({"amount": ".50"}, "AM12"),
        ({"amount": "-1.00"}, "AM12"),
        ({"amount": "9" * 35}, "AM12"),
        ({"amount": "1.005"}, "CH20"),
        ({"amount": "1.000"}, "CH20"),
        ({"amount": "0.00"}, "AM01"),
        ({"amount": "-0"}, "AM01"),
        ({"amount": "92233720368547758.08"}, "AM02"),
        ({"amount": "9" * 34}, "AM02"),
        ({"currency": ""}, "AM11"),
        ({"currency": ' Ccy="USD"'}, "AM03"),
        ({"currency": ' Ccy="cny"'}, "AM03"),
        ({"end_to_end_id": None}, "FF08"),
        ({"end_to_end_id": " "}, "FF08"),
        ({"end_to_end_id": "NOTPROVIDED"}, "FF08"),
        ({"end_to_end_id": "A" * 36}, "FF08"),
        ({"end_to_end_id": "A\n1"}, "FF08"),
        ({"instruction_id": "I" * 36}, "CH16"),
        ({"uetr": UETR.upper()}, "CH16"),
        ({"uetr": UETR.replace("-4", "-1")}, "CH16"),
        ({"name": "名" * 141}, "CH16"),
        ({"name": "a\u202eb"}, "CH16"),
        ({"remittance": "x" * 141}, "CH16"),
        ({"payee": ""}, "AC03"),
        ({"payee": "１００２００００００００００１１"}, "AC03"),
        ({"payee": "100200000000001"}, "AC03"),
        ({"payee": "DE89370400440532013000"}, "AC03"),
    ],
)
def test_a_wrong_payment_is_refused_and_the_rest_goes_on(
    broken: dict[str, str | None], code: str
) -> None:
    wrong = transfer(**{"end_to_end_id": "A2", **broken})
    data = payments(transfer("A1"), wrong, transfer("A3"))

    first, second, third = read(data)

    assert isinstance(first, Payment)
    assert isinstance(second, RejectedPayment)
    assert (second.reason.code, second.position) == (code, 2)
    assert isinstance(third, Payment)


def test_the_path_of_a_refusal_names_the_element() -> None:
    [refused] = read(payments(transfer(amount="1.005")))
    assert refused.reason.path == "Amt/InstdAmt"
    assert refused.reason.text == "Amt/InstdAmt has more than two decimals"


@pytest.mark.parametrize("digit", range(16))
def test_any_wrong_digit_of_a_wallet_number_is_found(digit: int) -> None:
    number = format_number(PAYEE)
    changed = str((int(number[digit]) + 1) % 10)
    [refused] = read(payments(transfer(payee=number[:digit] + changed + number[digit + 1 :])))
    assert refused.reason.code == ReasonCode.CREDITOR_ACCOUNT_INVALID


@pytest.mark.parametrize("number", [vault_of(1002), account_number(0, 10**7)])
def test_an_institutions_account_is_no_wallet(number: int) -> None:
    [refused] = read(payments(transfer(payee=format_number(number))))
    assert refused.reason.code == ReasonCode.CREDITOR_ACCOUNT_INVALID


def test_a_wallet_cannot_pay_itself() -> None:
    [refused] = read(payments(transfer(payee=format_number(PAYER))))
    assert refused.reason.code == ReasonCode.PAYMENT_NOT_SUPPORTED


def test_the_limit_of_an_amount_holds_to_the_fen() -> None:
    limits = PayrollLimits(amount_fen_max=50_000)
    data = payments(transfer("A1", "500.00"), transfer("A2", "500.01"))
    at_limit, above = read(data, limits)
    assert isinstance(at_limit, Payment)
    assert above.reason.code == ReasonCode.AMOUNT_TOO_LARGE


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("end_to_end_id", "A1", "DU04"),
        ("instruction_id", "I1", "DU05"),
        ("uetr", UETR, "DU03"),
    ],
)
def test_the_later_of_two_payments_with_one_id_is_refused(
    field: str, value: str, code: str
) -> None:
    lines = [transfer(**{"end_to_end_id": f"E{number}", field: value}) for number in range(3)]
    first, *others = read(payments(*lines))
    assert isinstance(first, Payment)
    assert [refused.reason.code for refused in others] == [code, code]


def test_an_id_is_used_up_by_a_refused_payment_too() -> None:
    data = payments(transfer("A1", "0"), transfer("A1", "5.00"))
    assert [item.reason.code for item in read(data)] == ["AM01", "DU04"]


def test_ids_are_unique_across_blocks() -> None:
    data = message(
        block(transfer("A1"), block_id="B1"),
        block(transfer("A1"), block_id="B2"),
    )
    assert read(data)[1].reason.code == ReasonCode.END_TO_END_ID_NOT_UNIQUE


@pytest.mark.parametrize(
    "extra",
    [
        "<Amt><InstdAmt Ccy='CNY'>9.00</InstdAmt></Amt>",
        "<CdtrAcct><Id><Othr><Id>1</Id></Othr></Id></CdtrAcct>",
        "<PmtId><EndToEndId>A9</EndToEndId></PmtId>",
        "<RmtInf><Ustrd>a<b/>c</Ustrd></RmtInf>",
        f"<RmtInf><Ustrd>{' ' * 2000}a</Ustrd></RmtInf>",
    ],
)
def test_a_payment_that_two_readers_could_read_differently_is_refused(extra: str) -> None:
    [refused] = read(payments(transfer(extra=extra)))
    assert refused.reason.code == ReasonCode.FORMAT_INVALID


def test_a_refused_payment_shows_only_ids_that_a_report_can_carry() -> None:
    data = payments(
        transfer("A1", "0", instruction_id="I1", uetr=UETR),
        transfer("A" * 36, instruction_id="I" * 36, uetr="x"),
    )
    shown, hidden = read(data)
    assert (shown.end_to_end_id, shown.instruction_id, shown.uetr) == ("A1", "I1", UETR)
    assert (hidden.end_to_end_id, hidden.instruction_id, hidden.uetr) == (None, None, None)


def test_elements_that_say_nothing_here_are_skipped() -> None:
    extra = (
        "<Purp><Cd>SALA</Cd></Purp><SplmtryData><Envlp><x:Amt xmlns:x='urn:other'>"
        "<x:InstdAmt Ccy='USD'>9</x:InstdAmt></x:Amt></Envlp></SplmtryData>"
    )
    [payment] = read(payments(transfer(extra=extra)))
    assert payment.amount_fen == 10_000
