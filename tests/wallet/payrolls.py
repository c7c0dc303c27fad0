"""Payroll files for tests, as a company's system would export them."""

from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from jiaozi.protocol import numbers
from jiaozi.protocol.money import Fen
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.wallet.pay_file import pay_file
from jiaozi.wallet.payroll import (
    Payment,
    PayrollCheck,
    PayrollInstruction,
    check_file,
    write_pain001,
)
from jiaozi.wallet.wallet import Wallet
from tests.wallet.conftest import NUMBER
from tests.wallet.fake_operator import OPERATOR

CREATED_AT = datetime(2026, 9, 21, 9, 0, tzinfo=UTC)


def payee(index: int) -> AccountNumber:
    """The wallet of an employee."""
    return numbers.account_number(OPERATOR, 7 * 10**6 + index)


def wage(index: int, *, amount_fen: int | None = None) -> Payment:
    """What an employee gets: 1000 fen and their index."""
    return Payment(
        position=index + 1,
        end_to_end_id=f"WAGE-{index}",
        amount_fen=Fen(1000 + index if amount_fen is None else amount_fen),
        payee=payee(index),
        payee_name=f"Employee {index}",
        remittance=f"wage of employee {index}" if index % 2 else None,
    )


def write_payroll(
    path: Path, payments: Sequence[Payment], *, message_id: str = "MSG-1", payer: int = NUMBER
) -> Path:
    """Write a payroll that a wallet is to pay, the test wallet unless told otherwise."""
    instruction = PayrollInstruction(
        message_id=message_id,
        created_at=CREATED_AT,
        payer=AccountNumber(payer),
        payer_name="Company A",
        requested_on=CREATED_AT.date(),
    )
    with path.open("wb") as file:
        write_pain001(file, instruction, payments)
    return path


def expected_pay(count: int) -> dict[int, int]:
    """What each of so many employees must have got, no more and no less."""
    return {payee(index): 1000 + index for index in range(count)}


def checked(file: BinaryIO) -> PayrollCheck:
    """What is found in a payroll that the test wallet is to pay."""
    return check_file(file, payer=NUMBER, today=CREATED_AT.date())


async def paid_file(wallet: Wallet, path: Path, *, retry_refused: bool = False) -> int:
    """Pay a payroll file and return how many payments settled in this run."""
    with BytesIO(path.read_bytes()) as file:
        return await pay_file(wallet, file, checked(file), retry_refused=retry_refused)
