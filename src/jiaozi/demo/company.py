"""A company that opens a wallet, exchanges and pays its people, by the command line alone.

Its wallet stays in the data directory, so that it can be used after the story.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from jiaozi.demo.commands import run_command
from jiaozi.demo.errors import DemoFailed
from jiaozi.protocol.money import Fen, format_yuan
from jiaozi.protocol.numbers import AccountNumber, parse_number
from jiaozi.wallet.payroll import Payment, PayrollInstruction, write_pain001

PHONE = "+8619901000000"
NAME = "Demo Works Ltd"

_BUSINESS_ZONE = timezone(timedelta(hours=8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Payroll:
    """What became of the payments of the file."""

    settled: int
    settled_fen: int
    refused: int


@dataclass(slots=True, kw_only=True)
class Company:
    """The company's desk: a directory for its wallet and files."""

    directory: Path
    passphrase_file: Path
    operator_url: str

    @property
    def wallet(self) -> Path:
        """The wallet's directory."""
        return self.directory / "wallet"

    @property
    def payroll_file(self) -> Path:
        """The ISO 20022 message."""
        return self.directory / "payroll.xml"

    async def open_wallet(self, deposit_id: str) -> AccountNumber:
        """Open a corporate wallet of class I."""
        opened = await self.run(
            "open", "--operator", self.operator_url, "--phone", PHONE,
            "--class", "1", "--corporate",
            "--document-type", "business-licence", "--document-number", "DEMO-1024",
            "--name", NAME, "--deposit", deposit_id, "--branch", "Chengdu", "--clerk", "C-1024",
        )  # fmt: skip
        return parse_number(opened["number"])

    async def exchange(self, deposit_id: str, amount_fen: int) -> None:
        """Exchange a deposit."""
        amount = format_yuan(amount_fen).replace(",", "")
        await self.run("exchange", amount, "--deposit", deposit_id)

    def write_payroll(
        self, payer: AccountNumber, salaries: Iterable[tuple[AccountNumber, int]]
    ) -> None:
        """Write the file as an ERP system would."""
        now = datetime.now(UTC).astimezone(_BUSINESS_ZONE).replace(microsecond=0)
        instruction = PayrollInstruction(
            message_id=f"SALARY-{now:%Y%m}", created_at=now, payer=payer,
            payer_name=NAME, requested_on=now.date(),
        )  # fmt: skip
        payments = (
            Payment(
                position=position,
                end_to_end_id=f"EMPLOYEE-{position:05d}",
                amount_fen=Fen(amount_fen),
                payee=payee,
                remittance=f"Salary {now:%Y-%m}",
            )
            for position, (payee, amount_fen) in enumerate(salaries, start=1)
        )
        with self.payroll_file.open("wb") as file:
            write_pain001(file, instruction, payments)

    async def pay_file(self) -> Payroll:
        """Pay the file, and once more, which must pay nobody."""
        first = await self.run("pay-file", str(self.payroll_file), "--yes", may_refuse=True)
        again = await self.run("pay-file", str(self.payroll_file), "--yes", may_refuse=True)
        if again["settled_now"] or again["settled_fen"] != first["settled_fen"]:
            raise DemoFailed(detail=f"A rerun of the payroll paid again: {again}")
        if first["pending"]:
            raise DemoFailed(detail=f"{first['pending']} salaries had no definite answer in time")
        return Payroll(
            settled=first["settled"], settled_fen=first["settled_fen"], refused=first["refused"]
        )

    async def run(self, *arguments: str, may_refuse: bool = False) -> dict[str, Any]:
        """Run a command of `jiaozi wallet` and return what it prints.

        Raises:
            DemoFailed: It failed.
        """
        return await run_command(
            *("wallet", "--dir", str(self.wallet)),
            *arguments,
            environment={"JIAOZI_WALLET_PASSPHRASE_FILE": str(self.passphrase_file)},
            may_refuse=may_refuse,
        )
