"""rules.md §A: drills of a halt, a slow-down and a failed operator, with real parties that die.

Not a fen may be lost by them, and no order may settle twice.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from jiaozi.central_bank.issuance.propose import Desk
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.order_types import HaltScope, OrderType
from jiaozi.protocol.refusals import Code
from tests.operator.holders import Holder, send_order
from tests.system.books import assert_books
from tests.system.parties import Parties, kill, now_ms, parties
from tests.system.people import People, insist

FAILED, CARRIER = 1001, 1002
EXCHANGED_FEN = 500_00
HALT_MS = 2_500
LONG_MS = 600_000


@asynccontextmanager
async def town(path: Path, codes: tuple[int, ...], holders: int) -> AsyncIterator[People]:
    """People with money in their wallets."""
    async with parties(path, codes=codes) as it, asyncio.timeout(120):
        people = People(it)
        clients = {code: httpx.AsyncClient(base_url=it.operator_url(code)) for code in codes}
        for code in codes:
            await asyncio.gather(*(people.open(code, clients[code]) for _ in range(holders)))
        await asyncio.gather(*(people.exchange(each, EXCHANGED_FEN) for each in people.holders))
        yield people
        for each in clients.values():
            await each.aclose()


async def pay_around(people: People, payer: Holder, seed: int, over: asyncio.Event) -> None:
    """Pay others small amounts until it is over, each to its outcome."""
    chance = random.Random(seed)
    others = [each for each in people.holders if each is not payer]
    while not over.is_set():
        await people.pay(payer, chance.choice(others), chance.randint(1, 5_00))


@asynccontextmanager
async def everybody_pays(people: People) -> AsyncIterator[None]:
    """Let all holders pay meanwhile; at the end no payment is under way."""
    over = asyncio.Event()
    paying = [
        asyncio.create_task(pay_around(people, each, seed, over))
        for seed, each in enumerate(people.holders)
    ]
    try:
        yield
    finally:
        over.set()
        await asyncio.gather(*paying)


async def halt(it: Parties, lasts_ms: int = HALT_MS, **wanted: int | None) -> None:
    def draw_up(desk: Desk) -> object:
        return desk.halt(
            HaltScope.ORDER_TYPE,
            now_ms() + lasts_ms,
            subject=int(OrderType.PAYMENT),
            **wanted,  # type: ignore[arg-type]
        )

    async with it.desk() as officers:
        await officers.decide(draw_up)  # type: ignore[arg-type]


async def test_a_halt_stops_payments_through_a_kill_and_ends_by_itself(tmp_path: Path) -> None:
    async with town(tmp_path / "data", (CARRIER,), holders=4) as people:
        it = people.parties
        payer, payee = people.holders[:2]
        order = payer.payment(payee.number, 1_00)

        async def code() -> int | None:
            answer = await send_order(payer.http, order)
            return answer[1] if answer[1] in (Code.HALTED, [0]) else None

        await halt(it, lasts_ms=LONG_MS)
        assert await insist(code) == Code.HALTED
        await it.kill_central_bank()
        await it.until_healthy()
        assert await insist(code) == Code.HALTED
        await halt(it)  # in place of the other
        await people.pay(payer, payee, 2_00)
        await people.compare()
        await assert_books(it, people.settled, people.wallets_fen.total())


@pytest.mark.chaos
async def test_a_slow_down_lets_few_through_and_loses_nothing(tmp_path: Path) -> None:
    async with town(tmp_path / "data", (CARRIER,), holders=6) as people:
        it = people.parties
        await halt(it, orders_per_s=3)
        started, count = time.monotonic(), len(people.settled)
        async with everybody_pays(people):
            await asyncio.sleep(HALT_MS / 1000 - 0.5)
            slowed = len(people.settled) - count
            seconds = time.monotonic() - started + 1
            assert slowed <= 3 * (seconds + 1)
            await asyncio.sleep(2)
            assert len(people.settled) - count > slowed
        await people.compare()
        await assert_books(it, people.settled, people.wallets_fen.total())


async def test_holders_of_a_failed_operator_go_on_with_its_carrier(tmp_path: Path) -> None:
    async with town(tmp_path / "data", (FAILED, CARRIER), holders=3) as people:
        await fail_over(people)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(3))
async def test_reassignments_and_halts_amid_kills(seed: int, tmp_path: Path) -> None:
    async with town(tmp_path / "data", (FAILED, CARRIER), holders=8) as people:
        it, chance = people.parties, random.Random(seed)
        kills = [it.kill_central_bank, it.kill_postgres, lambda: it.kill_operator(CARRIER)]
        for each in chance.sample(kills, 3):
            await halt(it, orders_per_s=chance.choice((None, 20)))
            async with everybody_pays(people):
                await asyncio.sleep(chance.random())
                await each()
                await it.until_healthy()
        await fail_over(people)


async def fail_over(people: People) -> None:
    """Let an operator die while its holders pay, and another carry them on."""
    it = people.parties
    carrier = people.holders[-1].http
    left = [each for each in people.holders if each.number // 10**12 == FAILED]
    async with everybody_pays(people):
        await asyncio.sleep(0.5)
        await kill(it.operators[FAILED])
        async with it.desk() as officers:
            await officers.decide(lambda desk: desk.reassign(FAILED, CARRIER))
        count = len(people.settled)
        for each in left:
            each.http = carrier

        async def all_pay_on() -> bool | None:
            return True if len(people.settled) > count + 3 * len(people.holders) else None

        await insist(all_pay_on)
    await assert_books(it, people.settled, people.wallets_fen.total())
    for each in people.holders:
        assert await balance_by_the_registry(it, each) == people.wallets_fen[each.number]


async def balance_by_the_registry(it: Parties, holder: Holder) -> int:
    """Ask as the holder, without any operator."""
    async with httpx.AsyncClient(base_url=it.registry_url) as http:
        asking = Holder(
            http, holder.network, holder.clock, holder.signer, holder.key_id, holder.number, ""
        )
        path = f"/v1/holder/accounts/{format_number(holder.number)}"
        answer = await asking.ask("GET", path)
        assert answer.status_code == 200, answer.text
        return int(answer.json()["balance_fen"])
