"""The registry against the model of wallets' lives: every outcome with its fields, and all state.

Whatever a run did, the audit rebuilds it from the blocks and hashes it to what the registry does.
"""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from random import Random

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import initialize, rule

from jiaozi.central_bank.audit.audit import AuditOptions, audit_database
from jiaozi.central_bank.registry import store
from jiaozi.central_bank.registry.batch import Answer
from jiaozi.central_bank.registry.state_hash import StateHasher
from jiaozi.central_bank.rulebook.model import ClassLimits, Rulebook
from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.order_types import OWN_LIMITS, Holder, OrderType
from jiaozi.protocol.refusals import SETTLED
from jiaozi.protocol.safeguards import Safeguards
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.registry.builders import Wallet
from tests.registry.life_model import Model
from tests.registry.life_state import DAY_MS, Caps
from tests.registry.life_wishes import (
    AMOUNTS,
    FLAWS,
    THREE,
    TYPES,
    Sent,
    Wish,
    Wisher,
    signers_of,
    wallets,
)
from tests.registry.machines import ServerMachine, run
from tests.registry.network import certified, person
from tests.registry.world import RegistryWorld, registry_world

CLASSES = {1: Caps(), 2: Caps(single=50_000, day=60_000, year=150_000, balance=150_000)}
RULEBOOK = Rulebook(
    hash=b"life".ljust(32),
    name="life",
    limits={
        (Holder.PERSONAL, number): ClassLimits(
            balance_cap_fen=caps.balance, single_fen=caps.single, day_fen=caps.day,
            year_fen=caps.year,
        )
        for number, caps in CLASSES.items()
    },
)  # fmt: skip
PROVIDED_FEN = 10**12
STEPS_MS = (1_000, 1_000, 1_800_000, DAY_MS, 3 * DAY_MS, 31 * DAY_MS)
_INDEX = st.sampled_from(range(5))
_PICK = st.sampled_from(range(60))
WISHES = st.lists(
    st.builds(
        Wish,
        type=st.sampled_from(TYPES),
        wallet=_INDEX,
        other=_INDEX,
        amount=st.sampled_from(AMOUNTS),
        pick=_PICK,
        flaw=st.sampled_from(FLAWS),
    ),
    min_size=10,
    max_size=30,
)


class Life:
    """A registry and its model, side by side."""

    def __init__(self, world: RegistryWorld, owned: Sequence[Wallet]) -> None:
        signers = signers_of(world, owned)
        self.world = world
        self.model = Model(
            classes=CLASSES,
            vaults={each: int(numbers.vault_of(each)) for each in THREE},
            keys={name: signer.public_key for name, signer in signers.items()},
        )
        self.wisher = Wisher(world, self.model, owned, signers)

    async def begin(self) -> None:
        """Give vaults money, and operators the officers who overrule objections."""
        orders = self.world.orders
        for number, operator in enumerate(THREE):
            await self.world.provide(operator, PROVIDED_FEN)
            self.model.vault[operator] = PROVIDED_FEN
            for index, officer in enumerate(self.world.keys.operator_officers(operator)):
                who = person(10 + 2 * number + index)
                what = certified(Use.OPERATOR_OFFICER, officer, operator, person=who)
                await self.world.settle(orders.certify(what))

    async def open(self, indices: Sequence[int]) -> None:
        """Open wallets and exchange money into them."""
        for each in (OrderType.OPEN_ACCOUNT, OrderType.EXCHANGE):
            wishes = [Wish(type=each, wallet=it, amount=60_000, pick=it * 4) for it in indices]
            await self.submit(wishes)

    async def submit(self, wishes: Sequence[Wish]) -> None:
        """Send orders, in one request of each operator; each is answered as foretold."""
        sent = [self.wisher.order(wish) for wish in wishes]
        for operator in THREE:
            request = [each for each in sent if each.asked.caller == operator]
            if request:
                await self._send(operator, request)

    async def _send(self, operator: int, request: Sequence[Sent]) -> None:
        before_ms = self.world.writer.tip.time_ms
        self.model.begin_block(max(before_ms, self.world.clock.now_ms), before_ms)
        foretold = [self.model.take(each.asked) for each in request]
        answers = await self.world.submit(*(each.data for each in request), operator=operator)
        for each, wanted, answer in zip(request, foretold, answers, strict=True):
            assert _given(answer) == wanted, (each.asked, self.model.wallets.get(each.asked.number))

    async def restart(self) -> None:
        """Let another writer take over: it knows nothing of the present second."""
        await self.world.restart()
        self.model.let_through.clear()

    async def compare(self) -> None:
        """Compare every wallet, and have the audit come to the state that the registry names."""
        world, model = self.world, self.model
        await StateHasher(world.writer, world.dsn).hash_now()
        before_ms = world.writer.tip.time_ms
        model.begin_block(max(before_ms, world.clock.now_ms), before_ms)
        await world.settle(world.orders.quota(THREE[0], 10**15))
        async with world.database.connection() as connection:
            accounts = await store.load_accounts(
                connection, [*model.wallets, *model.vaults.values()]
            )
            guarded = await store.load_safeguards(connection, model.wallets)
        for operator, number in model.vaults.items():
            assert accounts[number].balance_fen == model.vault[operator]
        for number, wallet in model.wallets.items():
            account = accounts[number]
            own = {name: getattr(account, name) for name in OWN_LIMITS}
            assert {name: it for name, it in own.items() if it is not None} == wallet.own
            assert (account.key, account.balance_fen, account.closed, account.wallet_class) == (
                wallet.key, wallet.balance, wallet.closed, wallet.wallet_class,
            )  # fmt: skip
            assert account.frozen_fen == wallet.frozen_fen
            assert bool(account.freezes & 2) == wallet.stops_credits
            assert bool(account.freezes) == wallet.stops_debits
            assert account.waterfall == wallet.waterfall
            _compare_safeguards(guarded.get(number, Safeguards()), model, number)
        assert dict(world.control.carriers) == model.carriers
        halts = {name: (it.until_ms, it.orders_per_s) for name, it in world.control.halts.items()}
        assert halts == model.halts
        options = AuditOptions(processes=0, library={RULEBOOK.hash: RULEBOOK})
        report = await audit_database(world.database, options)
        assert report.verdict == "ok"


def _given(answer: Answer) -> tuple[int | str, ...]:
    if answer.refusal is not None:
        return (int(answer.refusal.code), *answer.refusal.fields.values())
    return answer.outcome or SETTLED


def _compare_safeguards(kept: Safeguards, model: Model, number: int) -> None:
    wallet = model.wallets[number]
    freezes = {each: (it.scope, it.amount_fen) for each, it in kept.freezes.items()}
    assert (freezes, kept.waterfall) == (wallet.freezes, wallet.waterfall)
    waiting = {it.case: it.due_ms for it in kept.waiting if it.case is not None}
    assert waiting == wallet.lifts
    [raised] = [it for it in kept.waiting if it.limits is not None] or [None]
    wanted = None
    if wallet.raises is not None:
        wanted = wallet.raises[0], tuple(wallet.raises[1].get(name) for name in OWN_LIMITS)
    assert (raised and (raised.due_ms, raised.limits)) == wanted
    rebind, told = kept.rebind, wallet.rebind
    assert (rebind and (rebind.key, rebind.requested_ms, rebind.objected_ms)) == (
        told and (told.key, told.asked_ms, told.objected_ms)
    )
    assert {key: it.payee for key, it in kept.mandates.items()} == {
        key: it.payee for key, it in wallet.mandates.items()
    }


class LifeMachine(ServerMachine):
    """One registry with five wallets for each run, in a database of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()

    @initialize()
    def begin(self) -> None:
        self.runner.run(self._begin())

    async def _begin(self) -> None:
        dsn = await self.server.create_database("life")
        self.stack.push_async_callback(self.server.drop_database, "life")
        world = registry_world(dsn, rulebooks=[RULEBOOK], operators=THREE)
        self.life = Life(await self.stack.enter_async_context(world), wallets(5))
        await self.life.begin()
        await self.life.open(range(4))

    @rule(wishes=WISHES)
    def submit(self, wishes: list[Wish]) -> None:
        self.runner.run(self.life.submit(wishes))

    @rule(wishes=WISHES)
    def submit_more(self, wishes: list[Wish]) -> None:
        self.runner.run(self.life.submit(wishes))

    @rule(wishes=WISHES, short_ms=st.sampled_from((1, 0)))
    def submit_when_something_is_due(self, wishes: list[Wish], short_ms: int) -> None:
        """Come to the very millisecond at which something happens by itself, or just before."""
        due_ms = self.life.model.next_due_ms()
        if due_ms is not None:
            clock = self.life.world.clock
            clock.now_ms = max(clock.now_ms, due_ms - short_ms)
        self.runner.run(self.life.submit(wishes))

    @rule(step_ms=st.sampled_from(STEPS_MS))
    def time_goes_by(self, step_ms: int) -> None:
        self.life.world.clock.advance(step_ms)

    @rule()
    def restart(self) -> None:
        self.runner.run(self.life.restart())

    def teardown(self) -> None:
        try:
            self.runner.run(self.life.compare())
        finally:
            self.runner.run(self.stack.aclose())
            self.runner.close()


def test_wallets_live_by_the_rules(postgres: EmbeddedPostgres) -> None:
    run(LifeMachine, postgres, examples=4, steps=25, at_length=False)


@pytest.mark.chaos
@pytest.mark.timeout(1800)
def test_wallets_live_by_the_rules_at_length(postgres: EmbeddedPostgres) -> None:
    run(LifeMachine, postgres, examples=200, steps=50, at_length=True)


@pytest.mark.chaos
@pytest.mark.timeout(900)
async def test_ten_thousand_wallets_live_by_the_rules(database_dsn: str) -> None:
    """Five hundred after the other, each with some twenty orders of its own; all may be paid."""
    random, focus = Random(3), 500
    async with registry_world(database_dsn, rulebooks=[RULEBOOK], operators=THREE) as world:
        life = Life(world, wallets(10_000))
        await life.begin()
        firsts = range(0, 10_000, focus)
        for first in firsts:
            await life.open(range(first, first + focus))
        for first in firsts:
            for _ in range(20):
                await life.submit([_random_wish(random, first, focus) for _ in range(focus)])
                due_ms = life.model.next_due_ms()
                if due_ms is not None and random.random() < 0.3:
                    world.clock.now_ms = max(world.clock.now_ms, due_ms - random.choice((1, 0)))
                else:
                    world.clock.advance(random.choice(STEPS_MS[:-1]))
        assert len(life.model.wallets) == 10_000
        await life.compare()


def _random_wish(random: Random, first: int, focus: int) -> Wish:
    return Wish(
        type=random.choice(TYPES),
        wallet=first + random.randrange(focus),
        other=random.randrange(10_000),
        amount=random.choice(AMOUNTS),
        pick=random.randrange(60),
        flaw=random.choice(FLAWS),
    )
