"""One verb of a wallet in a process of its own, that dies by kill -9 at a named point.

What it does tells `Run`. The point is a method of the wallet before or after whose n-th call the
process kills itself: no clean-up of any kind runs.
"""

import asyncio
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx

from jiaozi.wallet import pay_file as pay_file_module
from jiaozi.wallet.client import OperatorClient, WalletClient
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.exchange import exchange
from jiaozi.wallet.pay import Payee, pay
from jiaozi.wallet.redeem import redeem
from jiaozi.wallet.resume import resume
from jiaozi.wallet.store import Journal
from jiaozi.wallet.transport import Patience
from jiaozi.wallet.wallet import Wallet, journal_path, wallet_of
from tests.wallet.conftest import ANNA, keystore_for
from tests.wallet.fake_operator import DEPOSIT, FakeOperator
from tests.wallet.payrolls import paid_file

PATIENCE = Patience(total_s=60.0, attempt_s=20.0, pause_min_s=0.01, pause_max_s=0.1)
_CLASSES: dict[str, type] = {
    "journal": Journal,
    "client": OperatorClient,
    "wallet_client": WalletClient,
}


@dataclass(frozen=True)
class Run:
    """What to do, and where to die.

    Attributes:
        kill_at: ``before`` or ``after``, then class and method, such as ``after journal.store``.
        call: At which call of it, counted from 1.
    """

    verb: str
    directory: str
    url: str
    now_ms: int
    kill_at: str = ""
    call: int = 1
    file: str = ""
    batch: int = 5


def _die(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _arm(run: Run) -> None:
    moment, _, place = run.kill_at.partition(" ")
    class_name, _, method = place.partition(".")
    owner = _CLASSES[class_name]
    real: Callable[..., Any] = getattr(owner, method)
    calls = 0

    def counted(is_before: bool) -> None:
        nonlocal calls
        calls += is_before
        if calls == run.call and (moment == "before") == is_before:
            _die()

    def plain(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        counted(True)
        result = real(*args, **kwargs)
        counted(False)
        return result

    async def coroutine(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        counted(True)
        result = await real(*args, **kwargs)
        counted(False)
        return result

    setattr(owner, method, coroutine if asyncio.iscoroutinefunction(real) else plain)


async def _do(run: Run, wallet: Wallet) -> None:
    match run.verb:
        case "pay":
            await pay(wallet, [Payee(ANNA, 100)])
        case "redeem":
            await redeem(wallet, deposit_id=DEPOSIT, amount_fen=100)
        case "exchange":
            await exchange(wallet, deposit_id=DEPOSIT, amount_fen=100)
        case "resume":
            await resume(wallet, lambda _: None)
        case "pay_file":
            pay_file_module.ORDERS_MAX = run.batch  # type: ignore[attr-defined]
            await paid_file(wallet, Path(run.file))


async def _main(run: Run) -> None:
    edge = replace(SYSTEM_EDGE, now_ms=lambda: run.now_ms)
    fake = FakeOperator(clock=lambda: run.now_ms)
    fake.url = run.url
    with Journal(journal_path(Path(run.directory))) as journal:
        async with httpx.AsyncClient(timeout=None) as http:
            wallet = wallet_of(keystore_for(fake), journal, http, edge=edge, patience=PATIENCE)
            if run.kill_at:
                _arm(run)
            await _do(run, wallet)


def main(run: Run, _: Callable[[str], None]) -> None:
    """Do it; it serves nobody, so that it has no address to tell."""
    asyncio.run(_main(run))
