"""A payroll of 100,000: under 10 s and 100 MB for checking, reading and reporting."""

import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from jiaozi.protocol.money import Fen
from jiaozi.protocol.numbers import account_number
from jiaozi.wallet.payroll import Payment, PayrollInstruction, write_pain001
from jiaozi.wallet.payroll.values import BUSINESS_ZONE
from tests.wallet.payroll.builders import PAYER, TODAY

PAYMENTS = 100_000
ROOT = Path(__file__).parents[3]


def _salaries() -> Iterator[Payment]:
    """Every id in use, and one payment in a hundred a duplicate."""
    for position in range(1, PAYMENTS + 1):
        number = position - 1 if position % 100 == 0 else position
        yield Payment(
            position=position,
            end_to_end_id=f"SALARY-2026-01-{number:06d}",
            amount_fen=Fen(800_000 + position),
            payee=account_number(1001 + position % 2, 10**6 + position),
            payee_name=f"王小明 {position}",
            remittance="Salary of January 2026",
            instruction_id=f"I-{position:08d}",
            uetr=f"{position:08x}-0000-4000-8000-000000000000",
        )


@pytest.mark.chaos
@pytest.mark.slow
def test_a_payroll_of_100_000_stays_under_its_bounds(tmp_path: Path) -> None:
    payroll_path, report_path = tmp_path / "payroll.xml", tmp_path / "report.xml"
    created_at = datetime(2026, 1, 31, 9, tzinfo=BUSINESS_ZONE)
    instruction = PayrollInstruction("SALARY-2026-01", created_at, PAYER, "Acme", TODAY)
    with payroll_path.open("wb") as file:
        write_pain001(file, instruction, _salaries())

    command = [sys.executable, "-m", "tests.wallet.payroll.run_payroll", payroll_path, report_path]
    cost = json.loads(subprocess.check_output(command, cwd=ROOT, text=True))

    assert (cost["payable"], cost["refused"]) == (99_000, 1_000)
    assert cost["cpu_s"] < 10  # CPU time: other tests run beside this one
    assert cost["rss_mb"] < 100
    report = report_path.read_bytes()
    assert report.count(b"<TxSts>ACSC<") == 99_000
    assert report.count(b"<Cd>DU04<") == 1_000
