"""kill -9 of the wallet at every step: nothing is lost, nothing is paid twice."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from jiaozi.wallet.model import State
from jiaozi.wallet.wallet import Wallet
from tests.processes import ServingProcess
from tests.wallet import run_wallet
from tests.wallet.conftest import ANNA, resumed
from tests.wallet.fake_operator import FakeOperator
from tests.wallet.payrolls import expected_pay, paid_file, wage, write_payroll
from tests.wallet.run_wallet import Run

NEVER_SENT = ["before journal.store", "after journal._insert"]
MAYBE_SENT = ["after journal.store", "before client.send_orders"]
SENT = ["after client.send_orders", "before journal.record", "after journal.record"]
WAGES = 12


def _start(run: Run) -> ServingProcess:
    return ServingProcess(run_wallet.main, run)


async def _killed(run: Run) -> None:
    assert await _start(run).wait() == -signal.SIGKILL


@pytest.fixture
def run_of(operator: FakeOperator, tmp_path: Path) -> Callable[..., Run]:
    """Make runs of the test wallet."""

    def make(verb: str, **fields: object) -> Run:
        return Run(
            verb=verb,
            directory=str(tmp_path),
            url=operator.url,
            now_ms=operator.clock(),
            **fields,  # type: ignore[arg-type]
        )

    return make


@pytest.mark.parametrize("kill_at", NEVER_SENT + MAYBE_SENT + SENT)
async def test_a_payment_is_paid_once_or_never_wherever_its_process_dies(
    run_of: Callable[..., Run], wallet: Wallet, operator: FakeOperator, kill_at: str
) -> None:
    await _killed(run_of("pay", kill_at=kill_at))
    assert operator.paid == ({ANNA: 100} if kill_at in SENT else {})

    states = await resumed(wallet)

    is_noted = kill_at == "after journal.record"
    assert states == ([] if kill_at in NEVER_SENT or is_noted else [State.SETTLED])
    assert operator.paid == ({} if kill_at in NEVER_SENT else {ANNA: 100})
    assert wallet.journal.open_count() == 0


@pytest.mark.parametrize("moment", ["on_posted", "on_answered"])
async def test_a_payment_is_paid_once_when_its_process_dies_while_it_waits(
    run_of: Callable[..., Run], wallet: Wallet, operator: FakeOperator, moment: str
) -> None:
    """Before the other side looked at the order, and after, before the answer went out."""
    processes: list[ServingProcess] = []

    def kill(_: str) -> None:
        os.kill(processes[0].pid, signal.SIGKILL)

    setattr(operator, moment, kill)
    processes.append(_start(run_of("pay")))
    assert await processes[0].wait() == -signal.SIGKILL
    setattr(operator, moment, lambda _: None)

    assert await resumed(wallet) == [State.SETTLED]
    assert operator.paid == {ANNA: 100}


@pytest.mark.parametrize("kill_at", ["after client.send_orders", "before journal.record"])
async def test_resuming_may_die_too(
    run_of: Callable[..., Run], wallet: Wallet, operator: FakeOperator, kill_at: str
) -> None:
    await _killed(run_of("pay", kill_at="after journal.store"))
    await _killed(run_of("resume", kill_at=kill_at))

    assert await resumed(wallet) == [State.SETTLED]
    assert operator.paid == {ANNA: 100}


@pytest.mark.parametrize(
    ("kill_at", "is_sent"),
    [("after journal.store_exchange", False), ("before journal.record_exchange", True)],
)
async def test_an_exchange_happens_once_wherever_its_process_dies(
    run_of: Callable[..., Run],
    wallet: Wallet,
    operator: FakeOperator,
    kill_at: str,
    is_sent: bool,
) -> None:
    await _killed(run_of("exchange", kill_at=kill_at))
    assert operator.deposit_fen == 1_000_000 - 100 * is_sent

    assert await resumed(wallet) == [State.SETTLED]
    assert operator.deposit_fen == 1_000_000 - 100


@pytest.mark.parametrize("kill_at", ["after journal.store", "before journal.record"])
async def test_a_redemption_is_credited_once_wherever_its_process_dies(
    run_of: Callable[..., Run], wallet: Wallet, operator: FakeOperator, kill_at: str
) -> None:
    await _killed(run_of("redeem", kill_at=kill_at))

    assert await resumed(wallet) == [State.SETTLED]
    assert operator.deposit_fen == 1_000_000 + 100


async def test_two_runs_of_a_payroll_at_once_pay_nobody_twice(
    run_of: Callable[..., Run], operator: FakeOperator, tmp_path: Path
) -> None:
    path = write_payroll(tmp_path / "payroll.xml", [wage(index) for index in range(WAGES)])

    runs = [_start(run_of("pay_file", file=str(path), batch=1)) for _ in range(3)]
    endings = [await each.wait() for each in runs]

    assert endings == [0, 0, 0]
    assert operator.paid == expected_pay(WAGES)
    assert set(operator.settled_ids.values()) == {1}


@pytest.mark.parametrize(
    ("kill_at", "call"),
    [
        ("before journal.claim_payments", 1),
        ("after journal._insert", 7),
        ("after journal.claim_payments", 2),
        ("after client.send_orders", 1),
        ("after client.send_orders", 3),
        ("before journal.record", 2),
        ("after journal.record", 2),
    ],
)
async def test_a_rerun_of_a_payroll_pays_nobody_twice_wherever_it_died(
    run_of: Callable[..., Run],
    wallet: Wallet,
    operator: FakeOperator,
    tmp_path: Path,
    kill_at: str,
    call: int,
) -> None:
    path = write_payroll(tmp_path / "payroll.xml", [wage(index) for index in range(WAGES)])

    await _killed(run_of("pay_file", file=str(path), kill_at=kill_at, call=call))
    assert operator.paid.items() <= expected_pay(WAGES).items()
    await _killed(run_of("pay_file", file=str(path), kill_at="before journal.record"))

    await paid_file(wallet, path)
    assert operator.paid == expected_pay(WAGES)
    assert set(operator.settled_ids.values()) == {1}
