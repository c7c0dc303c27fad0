"""The one writer: takes a batch of orders, posts them, commits one block, and only then answers.

Rules of the loop (rules.md §C):

1. The writer holds an advisory lock on the very connection it writes with. A second registry waits
   for it; a writer that lost its connection has lost the lock, and its block would not fit on the
   chain (`append_block` asserts the height before).
2. Block time is the later of the clock and the block before; an idle registry commits an empty
   block every `IDLE_BLOCK_S`.
3. Everything that a batch changes is in one transaction. State in memory is replaced after the
   commit, from what was committed, and loaded again after any fault.
4. A fault before the commit was sent means nothing happened (`unavailable`); after it, that nobody
   knows (`unknown`), until the loop has read the chain again. Both are answered with "send the same
   order again".
5. A broken invariant is no refusal: the loop ends with it and nothing more is written.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from jiaozi.central_bank.registry import device_store, store
from jiaozi.central_bank.registry.batch import (
    Answer,
    answer_again,
    load_ledger,
    post_one,
    totals_after,
)
from jiaozi.central_bank.registry.block import Draft, Sealed
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.registry.control import Control
from jiaozi.central_bank.registry.halts import Paces
from jiaozi.central_bank.registry.ledger import Ledger
from jiaozi.central_bank.registry.requests import Pending, answer_all
from jiaozi.central_bank.registry.waiting import NotLeading, Wait
from jiaozi.protocol import ids
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import SETTLED, Code, refuse
from jiaozi.service.keys import KeyStoreError
from jiaozi.service.traces import span
from jiaozi.storage.database import COMMIT_TIMEOUT_S, Connection, Database, commit, roll_back
from jiaozi.storage.errors import StorageUnavailable

IDLE_BLOCK_S = 10.0
_LOCK_KEY = 0x7265676973747279  # "registry" in ASCII
_RETRY_S = 0.5
_BLOCKS_LOOKED_UP = 64
"""After a batch with repeated orders, ids are looked up in so many: repeats come in swarms."""
_DAYS_REMEMBERED = ids.LIFETIME_MAX_MS // ids.DAY_MS + 2
"""From today to the last day on which an order can expire whose id is as far ahead as allowed."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterLimits:
    """How much the writer takes and how long it waits.

    Attributes:
        batch_max: Orders in one block: more would lengthen the wait of all of them.
        queue_max: Orders that may wait; more are refused as ``busy``.
        commit_timeout_s: A commit without an answer by then is answered as ``unknown``.
    """

    batch_max: int = 2_000
    queue_max: int = 20_000
    commit_timeout_s: float = COMMIT_TIMEOUT_S


class InvariantBroken(Exception):
    """The ledger would no longer add up; nothing was written and the writer has stopped."""


@dataclass(slots=True)
class _Lead:
    """What the leading writer holds in memory, as of the last commit."""

    tip: store.Tip
    control: Control
    days: tuple[range, int]
    """For which days ids have a place, and the day before which they were forgotten."""
    due_ms: int | None
    """When something of a wallet happens by itself."""
    paces: Paces
    lacks_fen: Mapping[int, int]
    """What the devices of each operator lack together."""

    @property
    def has_more_due(self) -> bool:
        """Whether the last block left something undone that was due: the next one comes at once."""
        return self.due_ms is not None and self.due_ms <= self.tip.time_ms


class Writer:
    """Queue and loop; `run` is to be a task of its own."""

    def __init__(
        self,
        database: Database,
        *,
        genesis: Control,
        block_signers: BlockSigners,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        idle_block_s: float = IDLE_BLOCK_S,
        limits: WriterLimits | None = None,
    ) -> None:
        self._database = database
        self._genesis = genesis
        self._signers = block_signers
        self._clock_ms = clock_ms
        self._idle_block_s = idle_block_s
        self._limits = limits or WriterLimits()
        self._queue: deque[Pending] = deque()
        self._arrived = asyncio.Event()
        self._lead: _Lead | None = None
        self._committing = False
        self._look_up_to = 0
        self._committed = asyncio.Event()
        self._state_hash: tuple[int, bytes] | None = None
        self.broken: InvariantBroken | None = None
        self.waits_for: Wait | None = Wait.STARTING
        self.batches = 0
        self.batch_seconds = 0.0
        self.settled = 0
        self.refused = 0

    @property
    def lead(self) -> _Lead:
        """What the writer holds.

        Raises:
            Refusal: ``unavailable`` while this registry does not lead.
        """
        if self._lead is None:
            raise refuse(Code.UNAVAILABLE)
        return self._lead

    @property
    def tip(self) -> store.Tip:
        """Where the chain stands; refused while this registry does not lead."""
        return self.lead.tip

    @property
    def control(self) -> Control:
        """The control state after the last block; refused while this registry does not lead."""
        return self.lead.control

    @property
    def network(self) -> NetworkId:
        """The network that genesis set up."""
        return self._genesis.network.id

    @property
    def leads(self) -> bool:
        """Whether this registry writes."""
        return self._lead is not None

    @property
    def waiting(self) -> int:
        """How many orders wait."""
        return len(self._queue)

    @property
    def queue_max(self) -> int:
        """How many orders may wait."""
        return self._limits.queue_max

    def check_room(self, count: int) -> None:
        """Check that so many orders would be queued, before work is spent on them.

        Raises:
            Refusal: ``unavailable`` or ``busy``.
        """
        if self._lead is None:
            raise refuse(Code.UNAVAILABLE)
        if len(self._queue) + count > self._limits.queue_max:
            raise refuse(Code.BUSY, 1000)

    def submit(self, pending: Sequence[Pending]) -> None:
        """Queue orders whose signatures hold.

        Raises:
            Refusal: ``unavailable`` or ``busy``; nothing was queued.
        """
        self.check_room(len(pending))
        self._queue.extend(pending)
        self._arrived.set()

    def publish_state_hash(self, height: int, state_hash: bytes) -> None:
        """Name the hash of a whole state in the next header."""
        self._state_hash = (height, state_hash)

    async def next_block(self, timeout_s: float, *, above: int | None = None) -> None:
        """Wait until the time is over, or for a commit: the next, or one above a height."""
        if above is not None and self._lead is not None and self._lead.tip.height > above:
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._committed.wait()
        except TimeoutError:
            return

    async def run(self) -> None:
        """Lead whenever the lock can be had; return only by cancellation or a broken invariant.

        Raises:
            InvariantBroken: What was found wrong.
        """
        while True:
            try:
                async with self._database.connection() as connection:
                    await self._lead_with(connection)
            except (StorageUnavailable, KeyStoreError, NotLeading) as error:
                self.waits_for = _wait_of(error)
                _log.warning("writer_waits", wait=self.waits_for.value, reason=str(error))
            except Exception as error:
                # Whatever it is, it was not foreseen, so nothing more may be written.
                self.broken = InvariantBroken(str(error))
                self.waits_for = Wait.INVARIANT
                _log.critical("invariant_broken", reason=str(error), exc_info=error)
                raise self.broken from error
            finally:
                self._lead = None
                self._refuse_waiting()
            await asyncio.sleep(_RETRY_S)

    async def _lead_with(self, connection: Connection) -> None:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _LOCK_KEY):
            raise await _lock_held(connection)
        await _make_durable(connection, self._limits.commit_timeout_s)
        tip = await store.load_tip(connection)
        if tip is None:
            raise NotLeading("this database has no genesis", Wait.GENESIS)
        control = await store.load_control(connection, self._genesis)
        _check_library(control)
        self._signers.at(control, max(tip.time_ms, self._clock_ms()))
        await connection.execute(store.SQL.prepare_changes)
        await connection.execute(store.SQL.plan_by_key)
        due_ms = await connection.fetchval(store.SQL.next_due)
        lacks_fen = await device_store.load_lacks(connection)
        self._lead = _Lead(tip, control, (range(0), 0), due_ms, Paces(), lacks_fen)
        self.waits_for = None
        _log.info("writer_leads", height=tip.height)
        while True:
            if not self._lead.has_more_due:
                await self._wait_for_orders()
            count = min(len(self._queue), self._limits.batch_max)
            batch = [self._queue.popleft() for _ in range(count)]
            if not self._queue:
                self._arrived.clear()
            started = time.monotonic()
            try:
                with span("post batch", orders=len(batch)):
                    await self._commit(connection, self._lead, batch)
            except BaseException:  # at the end of the process too, all are answered
                code = Code.UNKNOWN if self._committing else Code.UNAVAILABLE
                answer_all(batch, refuse(code))
                raise
            finally:
                self._committing = False
                self.batches += 1
                self.batch_seconds += time.monotonic() - started

    async def _wait_for_orders(self) -> None:
        try:
            async with asyncio.timeout(self._idle_block_s):
                await self._arrived.wait()
        except TimeoutError:
            return

    async def _commit(self, connection: Connection, lead: _Lead, batch: list[Pending]) -> None:
        """Post a batch and commit it as the next block; answer when it is durable.

        Hardly any order comes twice, so ids are not looked up beforehand: the database refuses one
        that is used up, and then the batch is posted again with all of them looked up. In a
        slow-down they are looked up at once: an order that came before takes no share of it.
        """
        time_ms = max(lead.tip.time_ms, self._clock_ms())
        await self._remember_days(connection, lead, time_ms)
        is_slowed = lead.control.slows_down_at(time_ms)
        look_up = is_slowed or lead.tip.height < self._look_up_to
        try:
            answers = await self._attempt(connection, lead, batch, time_ms, look_up=look_up)
        except store.IdsRepeated:
            self._look_up_to = lead.tip.height + _BLOCKS_LOOKED_UP
            answers = await self._attempt(connection, lead, batch, time_ms, look_up=True)
        for pending, answer in zip(batch, answers, strict=True):
            pending.request.answer(pending.place, answer)
            if answer.refusal is None:
                self.settled += answer.outcome == SETTLED
                self.refused += answer.outcome != SETTLED

    async def _attempt(
        self, connection: Connection, lead: _Lead, batch: list[Pending], time_ms: int, *,
        look_up: bool,
    ) -> list[Answer]:  # fmt: skip
        """Post a batch in one transaction and commit it.

        Raises:
            IdsRepeated: Nothing was written, for ids that were not looked up are used up.
        """
        transaction = connection.transaction()
        await transaction.start()
        try:
            orders = [each.order for each in batch]
            is_due = lead.due_ms is not None and lead.due_ms <= time_ms
            due = await store.due_wallets(connection, time_ms) if is_due else ()
            ledger = await load_ledger(
                connection, orders, lead.tip.totals, lead.control, time_ms, due=due,
                lacks_fen=lead.lacks_fen,
            )  # fmt: skip
            used = await store.load_used(connection, orders) if look_up else {}
            loaded = {each.number: each.balance_fen for each in ledger.accounts.values()}
            signer = self._signers.at(lead.control, time_ms)
            draft, paces = Draft(lead.tip.height + 1, signer), lead.paces.copy()
            answers = [
                post_one(each.order, each.caller, ledger, draft, used, paces) for each in batch
            ]
            if not look_up:
                await _answer_repeated(connection, orders, answers)
            must_stand = due or self._must_stand(lead, time_ms, batch, answers)
            if batch and not len(draft) and not must_stand:
                await transaction.rollback()
                lead.paces = paces
                return answers
            sealed = await self._write(connection, lead, ledger, draft, loaded)
            due_ms = lead.due_ms
            if ledger.guarded:
                due_ms = await connection.fetchval(store.SQL.next_due)
            self._committing = True
            await commit(connection, transaction, timeout_s=self._limits.commit_timeout_s)
            lead.due_ms, lead.paces = due_ms, paces
            self._adopt(lead, ledger, sealed)
        except BaseException:  # cancelled too: no transaction stays open on the connection
            if not self._committing:
                await roll_back(connection, transaction)
            raise
        return answers

    def _must_stand(
        self, lead: _Lead, time_ms: int, batch: Sequence[Pending], answers: Sequence[Answer]
    ) -> bool:
        """Say whether a block is due although no order is in it.

        Whoever was told that an order has expired relies on it, so the time at which it had must
        not come again; and orders that are refused without effect must not keep time from passing.
        """
        if time_ms - lead.tip.time_ms >= self._idle_block_s * 1000:
            return True
        return any(
            answer.refusal is not None
            and answer.refusal.code is Code.EXPIRED
            and each.order.expires_ms > lead.tip.time_ms
            for each, answer in zip(batch, answers, strict=True)
        )

    async def _write(
        self, connection: Connection, lead: _Lead, ledger: Ledger, draft: Draft,
        loaded: dict[int, int],
    ) -> Sealed:  # fmt: skip
        """Write all that a block changes."""
        ledger.totals = totals_after(ledger, loaded)
        await store.write_used(connection, draft.used)
        opened = {each.number for each in ledger.opened}
        changed = [ledger.accounts[number] for number in sorted(ledger.changed - opened)]
        await store.write_accounts(connection, changed, ledger.opened)
        retermed = [ledger.accounts[number] for number in sorted(ledger.retermed - opened)]
        await store.write_terms(connection, retermed)
        guarded = [(number, ledger.safeguards[number]) for number in sorted(ledger.guarded)]
        await store.write_safeguards(connection, guarded)
        await device_store.write(connection, ledger.devices, draft.height)
        if ledger.control is not lead.control:
            await store.write_control(connection, lead.control, ledger.control)
        network = ledger.control.network.id
        sealed = draft.seal(
            lead.tip, ledger.time_ms, ledger.control.quotas_fen, network, self._state_hash
        )
        if not await store.append_block(connection, sealed.signed, sealed.body, ledger.totals):
            raise NotLeading("another registry has written", Wait.OTHER_WRITER)
        await store.append_feeds(connection, draft.height, sealed.feeds)
        return sealed

    def _adopt(self, lead: _Lead, ledger: Ledger, sealed: Sealed) -> None:
        """Take over what was committed."""
        header = sealed.signed.header
        heads = {each.operator: each.head for each in sealed.feeds}
        lead.tip = store.Tip(
            height=header.height,
            time_ms=header.time_ms,
            identity=sealed.signed.identity,
            header=sealed.signed.encoded,
            totals=ledger.totals,
            feeds={**lead.tip.feeds, **heads},
        )
        lead.control, lead.lacks_fen = ledger.control, ledger.devices.lacks_fen
        if header.state is not None:
            self._state_hash = None
        self._committed.set()
        self._committed = asyncio.Event()

    async def _remember_days(self, connection: Connection, lead: _Lead, time_ms: int) -> None:
        """Make places for the ids of a batch, and forget those that expired at the last block.

        By the last block, not by the clock: the block of this time may never be written. And a day
        late: whoever is just told that an id is absent is told so as of an earlier header.
        """
        first = time_ms // ids.DAY_MS
        days = range(first, first + _DAYS_REMEMBERED), lead.tip.time_ms // ids.DAY_MS - 1
        if days != lead.days:
            async with connection.transaction():
                await store.remember_days(connection, days[0])
            await store.forget_days(connection, days[1])
            lead.days = days

    def _refuse_waiting(self) -> None:
        answer_all(self._queue, refuse(Code.UNAVAILABLE))
        self._queue.clear()
        self._arrived.clear()


async def _lock_held(connection: Connection) -> NotLeading:
    """Tell who holds the lock: another registry, or a commit that its writer has given up."""
    if await connection.fetchval(store.SQL.waits_for_standby):
        return NotLeading("a commit waits for the synchronous standby", Wait.STANDBY)
    return NotLeading("another registry writes", Wait.OTHER_WRITER)


async def _make_durable(connection: Connection, timeout_s: float) -> None:
    """Let nobody rely on a block before it is where commits have to be, on a standby too.

    A block that a lost primary wrote, or whose wait was cancelled, can be seen before it is there;
    whoever sent its orders again would be told that they settled.
    """
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(store.SQL.write_barrier)
    await commit(connection, transaction, timeout_s=timeout_s)


def _wait_of(error: StorageUnavailable | KeyStoreError | NotLeading) -> Wait:
    match error:
        case NotLeading(wait=wait):
            return wait
        case KeyStoreError():
            return Wait.BLOCK_KEY
        case _:
            return Wait.DATABASE


async def _answer_repeated(
    connection: Connection, orders: Sequence[Order], answers: list[Answer]
) -> None:
    """Give orders that were refused without effect their first outcome, if they came before."""
    refused = [index for index, answer in enumerate(answers) if answer.refusal is not None]
    if not refused:
        return
    used = await store.load_used(connection, [orders[index] for index in refused])
    for index in refused:
        first = used.get((orders[index].id, orders[index].scope))
        if first is not None:
            answers[index] = answer_again(orders[index], first)


def _check_library(control: Control) -> None:
    """Make sure that every rulebook that is or will be in force is at hand."""
    for _, rulebook_hash in control.schedule:
        if rulebook_hash not in control.library:
            raise NotLeading(
                f"officers put the rulebook {rulebook_hash.hex()} in force and no file has that "
                "hash: put it into the directory of rulebooks and start again",
                Wait.RULEBOOK,
            )
