"""rules.md §A, design.md §6.3: what takes effect by itself does so once, whatever ends meanwhile.

Wallets wait for raised limits, for a freeze to thaw and for a rebind to lapse, all within a second,
and registries are killed about the block that carries it out. The short form runs in `make test`,
the long one in `make chaos`.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from jiaozi.central_bank.audit.audit import AuditOptions, audit_database
from jiaozi.central_bank.registry import store
from jiaozi.protocol.order_types import OrderType
from jiaozi.storage.database import Database
from tests.registry.builders import Wallet
from tests.registry.limited import HASTY, LIMITED
from tests.registry.network import OPERATORS, QUOTA_FEN, key
from tests.registry.process import RegistryProcess, callers_of, registry_process
from tests.registry.served import Served, clock_ms, until_healthy
from tests.registry.test_chaos import postgres_of_its_own, refuses_to_write
from tests.registry.waiting import until

ONE, _ = OPERATORS
CASE = bytes(16)
OPTIONS = AuditOptions(processes=0, library={each.hash: each for each in (LIMITED, HASTY)})


@dataclass
class Waits:
    """Wallets in three parts: limits that rise, freezes that thaw, rebinds that lapse."""

    served: Served
    dsn: str
    wallets: list[Wallet] = field(default_factory=list)
    limit_fen: int = 1
    """The single limit that the first part has or waits for."""

    async def prepare(self, wallets: int) -> None:
        """Open wallets, and put a rulebook in force under which nothing takes long."""
        orders = self.served.orders
        self.wallets = await self.served.open_wallets(wallets, ONE)
        await self.served.officer.settle(orders.rulebook(HASTY.hash, clock_ms() + 100))
        await asyncio.sleep(0.1)

    async def ask(self) -> None:
        """Have every wallet wait for something."""
        self.limit_fen += 1
        raising, thawing, lapsing = (self.wallets[part::3] for part in range(3))
        asked = [order for each in raising for order in self._raise(each)]
        asked += [order for each in thawing for order in self._thaw(each)]
        asked += [self._rebind(each) for each in lapsing]
        await self.served.operator(ONE).settle(*asked)

    def _raise(self, wallet: Wallet) -> list[bytes]:
        orders, lower, higher = self.served.orders, self.limit_fen - 1, self.limit_fen
        return [
            orders.by_holder(OrderType.LOWER_LIMITS, wallet, single_limit_fen=lower),
            orders.by_holder(
                OrderType.RAISE_LIMITS, wallet, countersigned_by=ONE, single_limit_fen=higher
            ),
        ]

    def _thaw(self, wallet: Wallet) -> list[bytes]:
        orders = self.served.orders
        return [
            orders.by_holder(OrderType.HOLDER_FREEZE, wallet, case=CASE, scope=1),
            orders.by_holder(OrderType.HOLDER_UNFREEZE, wallet, countersigned_by=ONE, case=CASE),
        ]

    def _rebind(self, wallet: Wallet) -> bytes:
        new = key(f"new {wallet.number}")
        request = OrderType.REBIND_REQUEST
        return self.served.orders.by_operator(request, wallet, suite=new.suite, key=new.public_key)

    async def make_blocks(self) -> None:
        """Send orders without end, so that blocks are under way whatever happens."""
        while True:
            with suppress(httpx.TransportError, AssertionError):
                await self.served.officer.submit(self.served.orders.quota(ONE, QUOTA_FEN))
            await asyncio.sleep(0.01)

    async def reckon(self) -> None:
        """All that waited happens as it was asked for, and the blocks tell the same."""
        async with await Database.open(self.dsn) as database:
            await until(lambda: self._is_over(database), timeout_s=20, pause_s=0.05)
            report = await audit_database(database, OPTIONS)
        assert report.verdict == "ok", report.differences

    async def _is_over(self, database: Database) -> bool:
        numbers = [each.number for each in self.wallets]
        async with database.connection() as connection:
            waiting = await store.load_safeguards(connection, numbers)
            accounts = await store.load_accounts(connection, numbers)
        if waiting:
            return False
        raised = self.wallets[::3]
        assert {accounts[each.number].single_limit_fen for each in raised} == {self.limit_fen}
        assert not any(each.freezes for each in accounts.values())
        assert all(accounts[each.number].key == each.signer.public_key for each in self.wallets)
        return True


@asynccontextmanager
async def waiting(directory: Path, wallets: int) -> AsyncIterator[tuple[RegistryProcess, Waits]]:
    async with postgres_of_its_own() as server:
        dsn = await server.create_database("central_bank")
        async with (
            registry_process(dsn, directory) as process,
            callers_of(process, directory) as served,
        ):
            waits = Waits(served, dsn)
            await waits.prepare(wallets)
            making = asyncio.create_task(waits.make_blocks())
            yield process, waits
            making.cancel()


async def kill_when_due(process: RegistryProcess, waits: Waits, chance: random.Random) -> None:
    await waits.ask()
    await asyncio.sleep(HASTY.delays.raise_s + chance.uniform(-0.2, 0.1))
    await process.kill()


async def kill_and_start(seed: int, rounds: int, wallets: int, directory: Path) -> None:
    chance = random.Random(seed)
    async with waiting(directory, wallets) as (process, waits):
        for _ in range(rounds):
            await kill_when_due(process, waits, chance)
            await process.start()
            await until_healthy(waits.served.http)
            await waits.reckon()


@pytest.mark.chaos
async def test_what_is_due_happens_once_when_the_registry_is_killed(tmp_path: Path) -> None:
    await kill_and_start(0, 1, 90, tmp_path)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(1, 4))
async def test_what_is_due_happens_once_in_many_kills(seed: int, tmp_path: Path) -> None:
    await kill_and_start(seed, 15, 600, tmp_path)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(1, 4))
async def test_what_is_due_happens_once_with_two_registries(seed: int, tmp_path: Path) -> None:
    """The one that leads is killed, the other carries on, and the first comes back behind it."""
    chance = random.Random(seed)
    async with (
        waiting(tmp_path, 600) as (first, waits),
        registry_process(waits.dsn, tmp_path, name="two") as second,
        httpx.AsyncClient(base_url=first.url, timeout=30) as to_first,
        httpx.AsyncClient(base_url=second.url, timeout=30) as to_second,
    ):
        pairs = [(first, to_second), (second, to_first)]
        for leads, to_follower in pairs * 5:
            await kill_when_due(leads, waits, chance)
            await until_healthy(to_follower)
            waits.served.http = to_follower
            await leads.start()
            await refuses_to_write(leads, waits.served)
            await waits.reckon()
