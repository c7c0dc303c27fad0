"""rules.md §G: loads, unloads and logs on their way while operators and registry die by kill -9.

Whatever became of each request, a wallet and its purse hold together what came in less what went
out, and the registry's offline account holds what the purses do.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from jiaozi.protocol import numbers
from jiaozi.protocol.refusals import Refusal, Retry
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.errors import AnswerMalformed, NoAnswer
from jiaozi.wallet.offline import desk, devices
from jiaozi.wallet.offline.device import acknowledge_waiting
from jiaozi.wallet.offline.own import open_purse
from jiaozi.wallet.offline.software import SoftwarePurse
from jiaozi.wallet.offline.unload import unload
from jiaozi.wallet.resume import resume
from jiaozi.wallet.transport import Patience
from jiaozi.wallet.wallet import Wallet, unlock
from tests.cli.conftest import PASSPHRASE
from tests.cli.test_wallet_story import Bank, Holder, _open, make_quick
from tests.system.books import assert_audit
from tests.system.parties import Parties, parties

ONE, TWO = CODES = (1001, 1002)
NOBODY = 1999
MONEY_FEN, GUARANTEE_YUAN = 400_00, "1000"
IMPATIENT = Patience(total_s=3.0, attempt_s=1.0, pause_min_s=0.05, pause_max_s=0.2)
END_MS = 2**47


@dataclass
class Trader:
    """Somebody with a wallet and a purse."""

    wallet: Wallet
    purse: SoftwarePurse
    chance: random.Random

    @property
    def number(self) -> int:
        """The wallet's."""
        return self.wallet.number

    async def at_the_desk(self) -> None:
        """Load, unload, misdirect or synchronise, and leave it when nobody answers."""
        held_fen = self.purse.view().spendable_fen
        match self.chance.choice(("load", "unload", "misdirect", "synchronise")):
            case "load":
                doing: Awaitable[object] = desk.load(self.wallet, self.purse, 10_00)
            case "unload" if held_fen:
                doing = unload(self.wallet, self.purse, self.chance.randint(1, held_fen))
            case "misdirect" if held_fen:
                doing = self.misdirect(self.chance.randint(1, held_fen))
            case _:
                doing = desk.synchronise_own(self.wallet, self.purse)
        with suppress(NoAnswer, AnswerMalformed):
            await _unless_refused_for_now(doing)

    async def misdirect(self, amount_fen: int) -> None:
        """Unload to a wallet that there is not, here or elsewhere: it has to come back."""
        operator = self.chance.choice((*CODES, NOBODY))
        number = numbers.account_number(operator, 10**9 + self.chance.randrange(10**9))
        await desk.bring(self.wallet.client, self.purse.unload(amount_fen, number), SYSTEM_EDGE)

    async def come_home(self) -> None:
        """Finish all that is open, however often it takes."""
        async with asyncio.timeout(60):
            while True:
                with suppress(NoAnswer, AnswerMalformed):
                    await resume(self.wallet, lambda _: None)
                    done = await _unless_refused_for_now(
                        desk.synchronise_own(self.wallet, self.purse)
                    )
                    if done and not self.wallet.journal.open_count():
                        return
                await asyncio.sleep(0.1)

    async def told(self) -> tuple[int, list[dict[str, Any]]]:
        """What the operator tells of the wallet and its devices, asked until there is an answer."""
        async with asyncio.timeout(60):
            while True:
                with suppress(NoAnswer):
                    wallet = await self.wallet.client.ask_own("GET", "")
                    return wallet["balance_fen"], await devices.devices(self.wallet)


async def _unless_refused_for_now(doing: Awaitable[object]) -> bool:
    """Say whether something was done; what is refused for good fails the test."""
    try:
        await doing
    except Refusal as refusal:
        if refusal.entry.retry is Retry.NEVER:
            raise
        return False
    return True


@dataclass
class Town:
    """Traders, and what each has received less what each has paid."""

    parties: Parties
    traders: list[Trader] = field(default_factory=list)
    moved_fen: Counter[int] = field(default_factory=Counter)

    def trade(self, chance: random.Random) -> None:
        """One payment from purse to purse, with no network and some messages lost."""
        payer, payee = chance.sample(self.traders, 2)
        held_fen = payer.purse.view().spendable_fen
        with suppress(Refusal):
            amount_fen = chance.randint(1, max(1, held_fen // 2))
            payment = payer.purse.pay(payee.purse.ask(amount_fen, END_MS))
            self.moved_fen[payer.number] -= amount_fen
            self.moved_fen[payee.number] += amount_fen
            said = payee.purse.collect(payment)
            if chance.random() < 0.5:
                acknowledge_waiting(payer.purse, said)

    async def at_work(self, seed: int, over: asyncio.Event) -> None:
        """Trade, and go to the desks, until it is over."""

        async def go(trader: Trader) -> None:
            while not over.is_set():
                self.trade(trader.chance)
                await trader.at_the_desk()

        for number, trader in enumerate(self.traders):
            trader.chance = random.Random(f"{seed} {number}")
        await asyncio.gather(*map(go, self.traders))

    async def compare(self) -> None:
        """Not a fen may be lost or found, nobody accused, and the audit agrees."""
        for _ in range(2):  # what a payee hands in last is the payer's news
            await asyncio.gather(*(each.come_home() for each in self.traders))
        purses_fen = 0
        for each in self.traders:
            held_fen = each.purse.view().balance_fen
            balance_fen, [told] = await each.told()
            assert balance_fen + held_fen == MONEY_FEN + self.moved_fen[each.number]
            assert (told["state"], told["shadow_fen"]) == ("enrolled", held_fen)
            purses_fen += held_fen
        books = await self.parties.supply()
        assert books["offline_fen"] == purses_fen
        assert books["with_public_fen"] + purses_fen == MONEY_FEN * len(self.traders)
        assert books["in_guarantee_fen"] == int(GUARANTEE_YUAN) * 100 * len(CODES)
        await assert_audit(self.parties)


@asynccontextmanager
async def town(path: Path, holders: int) -> AsyncIterator[Town]:
    """Traders at two operators, each with an enrolled purse."""
    async with (
        parties(path / "data", codes=CODES) as it,
        AsyncExitStack() as stack,
        asyncio.timeout(150),
    ):
        bank = Bank(b"", operator_urls={code: it.operator_url(code) for code in CODES})
        found = Town(it)
        for code in CODES:
            await it.fund_guarantee(code, GUARANTEE_YUAN)
            for number in range(holders):
                holder = await _enrolled(bank, path / f"{code}-{number}", code)
                directory = holder.directory
                wallet = await stack.enter_async_context(
                    unlock(directory, PASSPHRASE, patience=IMPATIENT)
                )
                purse = stack.enter_context(open_purse(directory, PASSPHRASE))
                found.traders.append(Trader(wallet, purse, random.Random()))
        for each in found.traders:
            await desk.load(each.wallet, each.purse, 50_00)
        yield found


async def _enrolled(bank: Bank, directory: Path, code: int) -> Holder:
    phone = f"+86138{abs(hash(directory)) % 10**8:08}"
    holder = await _open(bank, directory, code, phone)
    deposit = await bank.fund(code, phone, MONEY_FEN)
    await holder("exchange", str(MONEY_FEN // 100), "--deposit", deposit)
    await holder("offline", "enrol")
    make_quick(directory / "purse-key.json")
    return holder


async def killed_at_work(it: Town, seed: int, kills: int) -> None:
    """Kill parties at times of their own while everybody is at work."""
    chance, over, parties = random.Random(seed), asyncio.Event(), it.parties
    victims: list[Callable[[], Awaitable[None]]] = [
        parties.kill_central_bank,
        lambda: parties.kill_operator(ONE),
        lambda: parties.kill_operator(TWO),
        parties.kill_postgres,
    ]
    working = asyncio.create_task(it.at_work(seed, over))
    try:
        for number in range(kills):
            await asyncio.sleep(0.2 + chance.random() / 2)
            await victims[number % len(victims)]()
            await parties.until_healthy()
        await asyncio.sleep(0.3)
    finally:
        over.set()
        await working
    await it.compare()


@pytest.mark.chaos
@pytest.mark.timeout(180)
@pytest.mark.parametrize(("seed", "kills"), [(1, 2), (2, 8), (3, 8), (4, 8)])
async def test_totals_are_exact_whoever_is_killed_while_purses_are_at_the_desk(
    tmp_path: Path, seed: int, kills: int
) -> None:
    async with town(tmp_path, holders=2) as it:
        await killed_at_work(it, seed, kills)
        assert any(it.moved_fen.values()), "somebody paid"
