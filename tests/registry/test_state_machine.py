"""The registry against the reference: every outcome, balance and sum, whatever is sent."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import date

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import initialize, rule

from jiaozi.central_bank.registry import store
from jiaozi.central_bank.rulebook.model import ClassLimits, Rulebook
from jiaozi.protocol import blocks, cose, numbers
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.order_types import Holder, OrderType
from jiaozi.protocol.orders import ORDER_BYTES_MAX
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.registry.feeds import follow
from tests.registry.machines import ServerMachine, run
from tests.registry.network import OPERATORS
from tests.registry.reference import DAY_MS, Caps, Reference, in_year, paid
from tests.registry.wishes import WISHES, Sent, Wish, Wisher
from tests.registry.world import RegistryWorld, registry_world

CLASSES = {1: Caps(), 2: Caps(single=50_000, day=100_000, year=120_000, balance=200_000)}
RULEBOOK = Rulebook(
    hash=b"state machine".ljust(32),
    name="state machine",
    limits={
        (Holder.PERSONAL, number): ClassLimits(
            balance_cap_fen=caps.balance, single_fen=caps.single, day_fen=caps.day,
            year_fen=caps.year,
        )
        for number, caps in CLASSES.items()
    },
)  # fmt: skip
QUOTA_FEN = 10_000_000
HOUR_MS = 3_600_000
_EPOCH = date(1970, 1, 1).toordinal()
BEGINNING = [
    Wish(
        type=each, payer=payer, payees=[payer], amount=amount, past=int(payer > 1),
        wallet_class=1 if payer < 2 else 2,
    )
    for each, amount in (
        (OrderType.FUND_RESERVE, 5_000_000),
        (OrderType.ISSUE, 2_000_000),
        (OrderType.OPEN_ACCOUNT, 0),
        (OrderType.EXCHANGE, 90_000),
    )
    for payer in range(6)
]  # fmt: skip
"""Three wallets at each operator, with money: one of a class without caps, two of one holder."""


class RegistryMachine(ServerMachine):
    """One registry for each run, in a database of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.reference = Reference(classes=CLASSES, quota=dict.fromkeys(OPERATORS, QUOTA_FEN))

    @initialize()
    def begin(self) -> None:
        self.runner.run(self._begin())

    async def _begin(self) -> None:
        dsn = await self.server.create_database("state_machine")
        self.stack.push_async_callback(self.server.drop_database, "state_machine")
        world = registry_world(dsn, rulebooks=[RULEBOOK], quota_fen=QUOTA_FEN)
        self.world: RegistryWorld = await self.stack.enter_async_context(world)
        self.wisher = Wisher(self.world)
        await self._submit(BEGINNING)

    @rule(wishes=WISHES)
    def submit(self, wishes: list[Wish]) -> None:
        self.runner.run(self._submit(wishes))

    @rule(wishes=WISHES)
    def submit_more(self, wishes: list[Wish]) -> None:
        self.runner.run(self._submit(wishes))

    @rule(step_ms=st.sampled_from((1000, HOUR_MS, 13 * HOUR_MS, DAY_MS, 8 * DAY_MS, 250 * DAY_MS)))
    def time_goes_by(self, step_ms: int) -> None:
        self.world.clock.advance(step_ms)

    @rule(step_ms=st.sampled_from((1000, HOUR_MS, 2 * DAY_MS)))
    def clock_steps_back(self, step_ms: int) -> None:
        self.world.clock.advance(-step_ms)

    @rule()
    def restart(self) -> None:
        self.runner.run(self.world.restart())

    def teardown(self) -> None:
        try:
            self.runner.run(self._compare_blocks())
        finally:
            self.runner.run(self.stack.aclose())
            self.runner.close()

    async def _submit(self, wishes: Sequence[Wish]) -> None:
        """Send orders, in one request of each operator."""
        sent = [self.wisher.order(wish) for wish in wishes]
        for operator in OPERATORS:
            request = [each for each in sent if each.asked.caller == operator]
            if request:
                await self._send(request)
        await self._compare_money()

    async def _send(self, request: list[Sent]) -> None:
        before_ms = self.world.writer.tip.time_ms
        now_ms = max(before_ms, self.world.clock.now_ms)
        self.reference.forget(before_ms)
        expected = [self.reference.take(each.asked, now_ms) for each in request]
        answers = await self.world.submit(
            *(each.data for each in request), operator=request[0].asked.caller
        )
        given = [int(each.refusal.code) if each.refusal else each.outcome[0] for each in answers]
        assert given == expected, [each.asked for each in request]
        after_ms = self.world.writer.tip.time_ms
        has_new_outcome = any(each.height == self.world.height for each in answers)
        assert after_ms == now_ms if has_new_outcome else after_ms in (before_ms, now_ms)

    async def _compare_money(self) -> None:
        reference = self.reference
        expected = {numbers.ISSUANCE: reference.destroyed - reference.issued}
        expected[numbers.SETTLEMENT] = -reference.reserve.total()
        for operator in OPERATORS:
            expected[numbers.vault_of(operator)] = reference.vault[operator]
            expected[numbers.reserve_of(operator)] = reference.reserve[operator]
        wallets = {number: each.balance for number, each in reference.wallets.items()}
        async with self.world.database.connection() as connection:
            accounts = await store.load_accounts(connection, [*expected, *wallets])
        for number, balance in (expected | wallets).items():
            assert accounts[number].balance_fen == balance
        for number, wallet in reference.wallets.items():
            account, held = accounts[number], reference.held(number)
            head = accounts[account.head]
            assert head.group_balance_fen == sum(each.balance for each in held)
            for spent_on, day_fen, year_fen, payers in (
                (account.spent_on, account.day_spent_fen, account.year_spent_fen, [wallet]),
                (head.group_spent_on, head.group_day_spent_fen, head.group_year_spent_fen, held),
            ):
                last = date.fromordinal(_EPOCH + spent_on)
                assert day_fen == paid(payers, last.__eq__)
                assert year_fen == paid(payers, in_year(last))
        totals = self.world.writer.tip.totals
        assert (totals.issued_fen, totals.destroyed_fen) == (reference.issued, reference.destroyed)
        assert totals.wallet_fen == sum(wallets.values())
        assert totals.vault_fen == reference.vault.total()
        assert totals.outstanding_fen == totals.wallet_fen + totals.vault_fen

    async def _compare_blocks(self) -> None:
        """Find every final outcome in the blocks exactly once, in order, and follow the feeds."""
        async with self.world.database.connection() as connection:
            rows = await connection.fetch(store.SQL.blocks, 1, 10_000)
        journal, previous = [], None
        for row in rows:
            signed = blocks.read_header(
                row["header"],
                block_keys=BlockKeys.stated(self.world.keys.block.public_key),
                network=self.world.network.id,
            )
            assert blocks.body_hash(row["body"]) == signed.header.body_hash
            assert previous in (None, signed.header.previous)
            previous = signed.identity
            for item in blocks.read_body(row["body"], signed.header.count):
                order = cose.decode(item.cose, size_max=ORDER_BYTES_MAX)
                journal.append((order.identity, item.outcome[0]))
        assert journal == self.reference.journal
        for operator in OPERATORS:
            await follow(self.world, operator)


def test_registry_agrees_with_the_reference(postgres: EmbeddedPostgres) -> None:
    run(RegistryMachine, postgres, examples=20, steps=25, at_length=False)


@pytest.mark.chaos
def test_registry_agrees_with_the_reference_at_length(postgres: EmbeddedPostgres) -> None:
    run(RegistryMachine, postgres, examples=300, steps=60, at_length=True)
