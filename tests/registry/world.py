"""A whole registry for a test: a network with all its keys, a clock, a writer on a real database.

::

    async with registry_world(database_dsn) as world:
        await world.provide(1001, 1_000_00)                  # reserve funded, money issued
        payer = await world.open_wallet(1001, balance_fen=50_00)
        payee = await world.open_wallet(1002)
        answer = await world.pay(payer, payee, 20_00)        # an Answer

`world.orders` signs orders without sending them; `world.submit` sends any bytes and returns the
answers; `world.settle` sends orders that must settle. Nothing in it is random or depends on the
time of day: the same calls give the same bytes. Tests that share a database take a `series` each.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from jiaozi.central_bank.registry.batch import Answer
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.registry.control import Control
from jiaozi.central_bank.registry.found import found
from jiaozi.central_bank.registry.intake import Intake
from jiaozi.central_bank.registry.model import Account
from jiaozi.central_bank.registry.store import load_accounts
from jiaozi.central_bank.registry.verifiers import Verifiers
from jiaozi.central_bank.registry.writer import InvariantBroken, Writer
from jiaozi.central_bank.rulebook.model import Rulebook
from jiaozi.protocol.certificates import Certified
from jiaozi.protocol.genesis import Network, read_genesis
from jiaozi.protocol.refusals import SETTLED
from jiaozi.storage.database import Database
from tests.registry.builders import Orders, Wallet, new_wallet
from tests.registry.network import OPERATORS, QUOTA_FEN, UNLIMITED, Clock, Keys, make_genesis

NO_IDLE_BLOCKS_S = 3600.0
"""So that a test knows which order stands at which height."""
_SERIES_WALLETS = 100_000


@dataclass(slots=True)
class RegistryWorld:
    """A running registry with everything that a test needs to use it; see `registry_world`."""

    dsn: str
    database: Database
    keys: Keys
    clock: Clock
    genesis: bytes
    network: Network
    writer: Writer
    intake: Intake
    orders: Orders
    running: "asyncio.Task[None]"
    genesis_control: Control
    idle_block_s: float
    block_signers: BlockSigners
    wallets: list[Wallet] = field(default_factory=list)

    @property
    def control(self) -> Control:
        """The control state after the last block."""
        return self.writer.control

    @property
    def height(self) -> int:
        """The height of the last block."""
        return self.writer.tip.height

    def transport(self, operator: int) -> Certified:
        """The certified key with which an operator brings orders."""
        return self.control.keys[self.keys.transport(operator).public_key].certified

    async def restart(self) -> None:
        """Let the writer end as in a shutdown, and another one take over."""
        await _end(self.running)
        self.writer, self.running = await _lead(
            self.database, self.genesis_control, self.clock, self.idle_block_s, self.block_signers
        )
        self.intake = Intake(self.writer, Verifiers(0), self.network.id)

    async def submit(self, *submissions: bytes, operator: int = OPERATORS[0]) -> list[Answer]:
        """Send orders as one request of an operator and return the answers."""
        return await self.intake.take(b"".join(submissions), self.transport(operator))

    async def settle(self, *submissions: bytes, operator: int = OPERATORS[0]) -> list[Answer]:
        """Send orders that must all settle."""
        answers = await self.submit(*submissions, operator=operator)
        assert all(each.outcome == SETTLED for each in answers), answers
        return answers

    async def provide(self, operator: int, amount_fen: int) -> None:
        """Fund an operator's reserve and issue as much into its vault."""
        await self.fund_reserve(operator, amount_fen)
        await self.issue(operator, amount_fen)

    async def fund_reserve(self, operator: int, amount_fen: int) -> Answer:
        """Fund an operator's reserve."""
        return (await self.settle(self.orders.fund_reserve(operator, amount_fen)))[0]

    async def issue(self, operator: int, amount_fen: int) -> Answer:
        """Issue into an operator's vault."""
        return (await self.settle(self.orders.issue(operator, amount_fen)))[0]

    async def destroy(self, operator: int, amount_fen: int) -> Answer:
        """Destroy from an operator's vault."""
        return (await self.settle(self.orders.destroy(operator, amount_fen)))[0]

    async def open_wallet(
        self, operator: int = OPERATORS[0], *, balance_fen: int = 0, **body: int | bytes | None
    ) -> Wallet:
        """Open a wallet of class II, and exchange a balance into it."""
        return (await self.open_wallets(1, operator, balance_fen=balance_fen, **body))[0]

    async def open_wallets(
        self,
        count: int,
        operator: int = OPERATORS[0],
        *,
        balance_fen: int = 0,
        **body: int | bytes | None,
    ) -> list[Wallet]:
        """Open wallets in one block, and exchange a balance into each in a second one."""
        first = self.orders.series * _SERIES_WALLETS + len(self.wallets)
        opened = [new_wallet(operator, serial) for serial in range(first, first + count)]
        self.wallets += opened
        orders: Iterable[bytes] = (self.orders.open_account(each, **body) for each in opened)
        await self.settle(*orders, operator=operator)
        if balance_fen:
            orders = (self.orders.exchange(each, balance_fen) for each in opened)
            await self.settle(*orders, operator=operator)
        return opened

    async def exchange(self, wallet: Wallet, amount_fen: int) -> Answer:
        """Exchange into a wallet."""
        order = self.orders.exchange(wallet, amount_fen)
        return (await self.settle(order, operator=wallet.operator))[0]

    async def pay(self, payer: Wallet, payee: Wallet, amount_fen: int) -> Answer:
        """Pay; the answer may be a refusal."""
        order = self.orders.payment(payer, payee, amount_fen)
        return (await self.submit(order, operator=payer.operator))[0]

    async def redeem(self, wallet: Wallet, amount_fen: int) -> Answer:
        """Redeem; the answer may be a refusal."""
        order = self.orders.redeem(wallet, amount_fen)
        return (await self.submit(order, operator=wallet.operator))[0]

    async def account(self, number: int) -> Account:
        """Load an account."""
        async with self.database.connection() as connection:
            return (await load_accounts(connection, [number]))[number]

    async def balance_fen(self, wallet: Wallet) -> int:
        """Load the balance of a wallet."""
        return (await self.account(wallet.number)).balance_fen


@asynccontextmanager
async def registry_world(
    dsn: str,
    *,
    operators: Sequence[int] = OPERATORS,
    rulebooks: Sequence[Rulebook] = (UNLIMITED,),
    quota_fen: int = QUOTA_FEN,
    officers: int = 3,
    series: int = 0,
    idle_block_s: float = NO_IDLE_BLOCKS_S,
    block_signers: BlockSigners | None = None,
) -> AsyncIterator[RegistryWorld]:
    """Run a registry, founded in an empty database; the first rulebook is in force."""
    keys, clock = Keys(officers), Clock()
    genesis = make_genesis(keys, operators=operators, rulebook=rulebooks[0], quota_fen=quota_fen)
    library: Mapping[bytes, Rulebook] = {each.hash: each for each in rulebooks}
    network = read_genesis(genesis)
    async with await Database.open(dsn, pool_size=4) as database:
        signers = block_signers or BlockSigners([keys.block])
        control = await found(database, genesis, block_signers=signers, library=library)
        writer, running = await _lead(database, control, clock, idle_block_s, signers)
        clock.now_ms = max(clock.now_ms, writer.tip.time_ms)
        world = RegistryWorld(
            dsn=dsn,
            database=database,
            keys=keys,
            clock=clock,
            genesis=genesis,
            network=network,
            writer=writer,
            intake=Intake(writer, Verifiers(0), network.id),
            orders=Orders(keys, network.id, clock, series),
            running=running,
            genesis_control=control,
            idle_block_s=idle_block_s,
            block_signers=signers,
        )
        try:
            yield world
        finally:
            await _end(world.running)


async def _lead(
    database: Database,
    control: Control,
    clock: Clock,
    idle_block_s: float,
    block_signers: BlockSigners,
) -> tuple[Writer, "asyncio.Task[None]"]:
    writer = Writer(
        database,
        genesis=control,
        block_signers=block_signers,
        clock_ms=clock,
        idle_block_s=idle_block_s,
    )
    running = asyncio.create_task(writer.run())
    while not writer.leads:
        assert not running.done(), running.exception()
        await asyncio.sleep(0.002)
    return writer, running


async def _end(running: "asyncio.Task[None]") -> None:
    running.cancel()
    with suppress(asyncio.CancelledError, InvariantBroken):
        await running
