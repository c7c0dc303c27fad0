"""Checks, reads and reports on a payroll file in a process of its own; prints what it cost.

Arguments: the payroll file, and where to write the report.
"""

import json
import resource
import sys
from pathlib import Path

from jiaozi.wallet.payroll import (
    Payment,
    PaymentOutcome,
    PaymentStatus,
    ReportId,
    check_file,
    read_payments,
    write_status_report,
)
from tests.wallet.payroll.builders import PAYER, TODAY


def main(payroll_path: Path, report_path: Path) -> None:
    with payroll_path.open("rb") as payroll, report_path.open("wb") as report:
        check = check_file(payroll, payer=PAYER, today=TODAY)
        outcomes = (
            PaymentOutcome(item, PaymentStatus.SETTLED, reference=f"{item.position:032x}")
            if isinstance(item, Payment)
            else item
            for item in read_payments(payroll, check)
        )
        write_status_report(report, ReportId("R1", check.header.created_at), check, outcomes)
    used = resource.getrusage(resource.RUSAGE_SELF)
    cost = {
        "payable": check.payable_count,
        "refused": check.refused_count,
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "rss_mb": _peak_memory_mb(),
    }
    print(json.dumps(cost))


def _peak_memory_mb() -> int:
    """Read this program's own peak: getrusage counts what the parent had when it forked."""
    status = Path("/proc/self/status").read_text("ascii")
    line = next(each for each in status.splitlines() if each.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
