"""Rules for whole messages and for blocks: what is refused, and how much with it."""

from datetime import UTC, datetime

import pytest

from jiaozi.protocol.numbers import account_number, format_number
from jiaozi.wallet.payroll import Payment, PayrollLimits
from jiaozi.wallet.payroll.errors import FieldInvalid, FileTooLarge, PayrollRefused, TotalsDiffer
from tests.wallet.payroll.builders import (
    block,
    check,
    document,
    header,
    message,
    payments,
    read,
    transfer,
)


def test_a_check_tells_what_is_about_to_be_paid() -> None:
    data = message(
        block(transfer("A1", "1.00"), transfer("A2", "0"), block_id="B1"),
        block(transfer("A3", "5.00"), block_id="B2", method="CHK"),
        block(transfer("A4", "2.50"), block_id="B3"),
    )
    found = check(data)

    assert found.header.message_id == "M1"
    assert found.header.initiating_party == "Acme"
    assert found.header.created_at == datetime(2026, 1, 31, 1, tzinfo=UTC)
    assert (found.payment_count, found.payable_count, found.refused_count) == (4, 2, 2)
    assert found.payable_fen == 350
    assert [part.payable_fen for part in found.blocks] == [100, 0, 250]


def test_totals_that_are_right_are_taken() -> None:
    data = message(
        block(transfer("A1", "1.10"), count="1", control_sum="1.1"),
        block(transfer("A2", "2.2"), block_id="B2", count="01", control_sum="2.20"),
        count="2",
        control_sum="3.30000000",
    )
    assert check(data).payable_fen == 330


def test_sums_are_of_amounts_as_written_refused_ones_too() -> None:
    lines = [transfer(f"A{n}", text) for n, text in enumerate(["1.00", "0.005", "-0.4"])]
    data = message(block(*lines, control_sum="0.605"), control_sum="0.605")
    assert check(data).payable_fen == 100


@pytest.mark.parametrize("count", ["0", "2", "1.0", "-1", "one", "1" * 16])
def test_a_header_with_another_count_refuses_the_message(count: str) -> None:
    with pytest.raises(TotalsDiffer) as caught:
        check(message(block(transfer()), count=count))
    assert caught.value.reason == "AM19"
    assert caught.value.path == "GrpHdr/NbOfTxs"
    assert caught.value.message_id == "M1"


@pytest.mark.parametrize("text", ["100.01", "99.99", "100.000001", "-100.00", "", "1e2", "x"])
def test_a_header_with_another_sum_refuses_the_message(text: str) -> None:
    with pytest.raises(TotalsDiffer) as caught:
        check(message(block(transfer()), control_sum=text))
    assert caught.value.reason == "AM16"
    assert str(caught.value) == (
        "GrpHdr/CtrlSum is not 100.00, the sum of the payments. Nothing was paid: "
        "compare the file with its source, then export it again."
    )


def test_a_sum_over_an_amount_that_is_no_number_differs() -> None:
    lines = transfer("A1", "1.00"), transfer("A2", "2,00")
    with pytest.raises(TotalsDiffer):
        check(message(block(*lines), control_sum="3.00"))


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ({"message_id": None}, "CH21"),
        ({"message_id": " "}, "CH21"),
        ({"message_id": "M" * 36}, "CH16"),
        ({"created_at": None}, "CH21"),
        ({"created_at": "31.01.2026"}, "DT01"),
        ({"created_at": "2026-02-30T00:00:00"}, "DT01"),
        ({"count": None}, "CH21"),
        ({"extra": "<MsgId>M2</MsgId>"}, "FF01"),
        ({"extra": "<InitgPty><Nm>Other</Nm></InitgPty>"}, "FF01"),
    ],
)
def test_a_wrong_header_field_refuses_the_message(field: dict[str, str | None], code: str) -> None:
    with pytest.raises(FieldInvalid) as caught:
        check(document(header(**field) + block(transfer())))
    assert caught.value.reason == code
    assert caught.value.path.startswith("GrpHdr/")


def test_a_creation_time_without_offset_is_of_utc_plus_8() -> None:
    data = message(block(transfer()), created_at="2026-01-31T09:00:00")
    assert check(data).header.created_at == datetime(2026, 1, 31, 1, tzinfo=UTC)


def test_a_message_has_one_header_and_a_payment() -> None:
    head, body = header(), block(transfer())
    for content in ("", head, body, head + head + body):
        with pytest.raises(FieldInvalid, match="Nothing was paid"):
            check(document(content))
    with pytest.raises(FieldInvalid, match="CdtTrfTxInf is missing"):
        check(message(block()))


def test_a_header_after_its_blocks_counts_all_the_same() -> None:
    with pytest.raises(TotalsDiffer):
        check(document(block(transfer()) + header(count="7")))


@pytest.mark.parametrize(
    ("broken", "code"),
    [
        ({"count": "2"}, "AM20"),
        ({"count": "x"}, "AM20"),
        ({"control_sum": "100.01"}, "AM17"),
        ({"control_sum": "1e2"}, "AM17"),
        ({"block_id": None}, "CH21"),
        ({"block_id": "B" * 36}, "CH16"),
        ({"method": None}, "CH21"),
        ({"method": "CHK"}, "CH16"),
        ({"day": ""}, "DT01"),
        ({"day": "<Dt>2026-02-30</Dt>"}, "DT01"),
        ({"day": "<Dt>20260131</Dt>"}, "DT01"),
        ({"day": "<DtTm>2026-01-31</DtTm>"}, "DT01"),
        ({"day": "<DtTm>0001-01-01T00:00:00+14:00</DtTm>"}, "DT01"),
        ({"day": "<Dt>2026-01-31</Dt><DtTm>2026-01-31T00:00:00</DtTm>"}, "DT01"),
        ({"day": "<Dt>2026-02-01</Dt>"}, "DT04"),
        ({"day": "<DtTm>2026-01-31T16:00:00Z</DtTm>"}, "DT04"),
        ({"payer": format_number(account_number(1001, 10**7 + 1))}, "AC02"),
        ({"payer": ""}, "AC02"),
        ({"extra": "<PmtMtd>TRF</PmtMtd>"}, "FF01"),
    ],
)
def test_a_wrong_block_is_refused_whole_and_the_others_go_on(
    broken: dict[str, str | None], code: str
) -> None:
    wrong = block(transfer("A1", "40.00"), transfer("A2", "60.00"), **{"count": "2", **broken})
    if "count" in broken:
        wrong = wrong.replace("<NbOfTxs>2</NbOfTxs>", "<NbOfTxs>3</NbOfTxs>")
    good = block(transfer("A3"), block_id="B9")
    data = message(wrong, good)

    found = check(data)
    first, second, third = read(data)

    assert found.blocks[0].refusal.code == code
    assert (found.blocks[0].payable_count, found.payable_fen) == (0, 10_000)
    assert (first.reason.code, first.end_to_end_id) == (code, "A1")
    assert (second.reason.code, second.end_to_end_id) == (code, "A2")
    assert isinstance(third, Payment)


@pytest.mark.parametrize(
    "day",
    [
        "<Dt>2026-01-31</Dt>",
        "<Dt>2026-01-31+08:00</Dt>",
        "<Dt>2025-12-31</Dt>",
        "<DtTm>2026-01-31T23:59:59</DtTm>",
        "<DtTm>2026-01-31T15:59:59.999Z</DtTm>",
    ],
)
def test_a_block_that_is_due_is_taken(day: str) -> None:
    assert check(message(block(transfer(), day=day))).payable_count == 1


def test_an_empty_block_is_refused_and_the_others_go_on() -> None:
    data = message(block(block_id="B0"), block(transfer()))
    assert check(data).blocks[0].refusal.code == "CH21"
    assert len(read(data)) == 1


def test_a_payment_of_a_refused_block_keeps_a_reason_of_its_own() -> None:
    data = message(block(transfer("A1", "0"), transfer("A2"), method="CHK"))
    assert [item.reason.code for item in read(data)] == ["AM01", "CH16"]


def test_the_later_of_two_blocks_with_one_id_is_refused() -> None:
    data = message(block(transfer("A1")), block(transfer("A2")))
    first, second = check(data).blocks
    assert first.refusal is None
    assert second.refusal.code == "DU02"


@pytest.mark.parametrize("limit", ["payments_max", "blocks_max"])
def test_more_than_the_limit_refuses_the_message(limit: str) -> None:
    blocks = [block(transfer(f"A{n}"), block_id=f"B{n}") for n in range(3)]
    check(message(*blocks[:2]), PayrollLimits(**{limit: 2}))
    with pytest.raises(FileTooLarge, match="more than 2"):
        check(message(*blocks), PayrollLimits(**{limit: 2}))


def test_more_bytes_than_the_limit_refuse_the_message() -> None:
    data = payments(transfer())
    check(data, PayrollLimits(file_bytes_max=len(data)))
    with pytest.raises(FileTooLarge):
        check(data, PayrollLimits(file_bytes_max=len(data) - 1))


def test_every_refusal_has_a_code_of_its_own() -> None:
    kinds = PayrollRefused.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds) == 7
