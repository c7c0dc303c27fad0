"""design.md §6: real operators, a real central bank, a network and a power supply that fail.

Deposits, wallets and vaults hold at the end what was put in, to the fen, and every order stands in
one block. The short form runs in `make test`, the long one in `make chaos`.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.operator.holders import Holder
from tests.system.books import assert_books
from tests.system.parties import Parties, parties
from tests.system.people import People
from tests.system.proxy import Fault

Kill = Callable[[Parties], Awaitable[None]]
KILLS: dict[str, Kill] = {
    "operator": lambda it: it.kill_operator(1001),
    "central bank": Parties.kill_central_bank,
    "postgresql": Parties.kill_postgres,
}


class Storm:
    """Faults for some requests, for as long as it lasts."""

    def __init__(self, seed: int, share: float) -> None:
        self._chance = random.Random(seed)
        self._share = share
        self.is_over = False

    def __call__(self, first_line: bytes) -> Fault | None:
        is_order = first_line.startswith(b"POST /v1/orders")
        share = self._share if is_order else self._share / 3
        if self.is_over or self._chance.random() >= share:
            return None
        return self._chance.choice(list(Fault))


@asynccontextmanager
async def town(path: Path, *, codes: tuple[int, ...], holders: int) -> AsyncIterator[People]:
    """People with deposits and wallets, at operators behind proxies."""
    async with parties(path, codes=codes, behind_proxies=True) as it, AsyncExitStack() as stack:
        people = People(it)
        for code in codes:
            client = httpx.AsyncClient(base_url=it.operator_url(code), timeout=20, trust_env=False)
            http = await stack.enter_async_context(client)
            await asyncio.gather(*(people.open(code, http) for _ in range(holders // len(codes))))
        yield people


async def live(
    people: People, holder: Holder, seed: int, steps: int, all_killed: asyncio.Event
) -> None:
    """Exchange, pay and redeem in some order, for some steps and until the last kill is over."""
    chance = random.Random(seed)
    await people.exchange(holder, 500_00)
    while steps > 0 or not all_killed.is_set():
        steps -= 1
        amount_fen = chance.randint(1, 300_00)
        match chance.choice(("exchange", "pay", "pay", "redeem")):
            case "exchange":
                await people.exchange(holder, amount_fen)
            case "redeem":
                await people.redeem(holder, amount_fen)
            case _:
                payee = chance.choice([each for each in people.holders if each is not holder])
                await people.pay(holder, payee, amount_fen)


async def play(people: People, storm: Storm, kills: list[Kill], steps: int) -> None:
    """Let people live through a storm and kills, and reckon."""
    it = people.parties
    for proxy in it.proxies.values():
        proxy.weather = storm
    all_killed = asyncio.Event()
    lives = [
        asyncio.create_task(live(people, each, seed, steps, all_killed))
        for seed, each in enumerate(people.holders)
    ]
    for each in kills:
        await asyncio.sleep(0.4)
        await each(it)
    all_killed.set()
    await asyncio.gather(*lives)
    storm.is_over = True
    await it.until_healthy()
    await people.compare()
    await assert_books(it, people.settled, people.wallets_fen.total())


async def test_nothing_is_lost_or_doubled_by_a_bad_network_and_kills(tmp_path: Path) -> None:
    async with town(tmp_path / "data", codes=(1001,), holders=6) as people:
        await play(people, Storm(1, share=0.4), list(KILLS.values()), steps=8)
        assert set(people.parties.proxies[1001].befallen) == set(Fault)
        assert len(people.settled) > len(people.holders)


@pytest.mark.chaos
@pytest.mark.parametrize("seed", range(3))
async def test_nothing_is_lost_or_doubled_in_a_long_storm(seed: int, tmp_path: Path) -> None:
    kills = [*KILLS.values(), lambda it: it.kill_operator(1002)]
    async with town(tmp_path / "data", codes=(1001, 1002), holders=24) as people:
        chosen = random.Random(seed).choices(kills, k=25)
        await play(people, Storm(seed, share=0.2), chosen, steps=60)
