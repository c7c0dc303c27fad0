"""A market where no network is: purses of both operators pay each other, and one was cloned.

::

    morning   operators fund their guarantees; buyers and stalls enrol purses; buyers load
    day       no network: purses hand each other requests, payments, acknowledgements
    evening   every purse is synchronised at its operator, stalls unload what they earned
    night     the operator writes the proof of what was spent twice; anyone verifies it

Stalls are terminals; buyers have software purses, which are files, and cards, where there are
readers for them. The memory of a card is copied, as of a chip that was broken open; where there is
no card it is a file. During the day nothing here talks to anybody but the two purses.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from jiaozi.demo.commands import run_command
from jiaozi.demo.errors import DemoFailed
from jiaozi.demo.market_cards import cards_at_market
from jiaozi.demo.market_plan import (
    CARDHOLDERS,
    COPIED,
    GUARANTEE_FEN,
    LOADED_FEN,
    SALES,
    STALLS,
    TRADERS,
    Market,
    Trader,
    held_fen,
)
from jiaozi.demo.market_purses import Purses
from jiaozi.demo.people import People
from jiaozi.local.network import LocalNetwork
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.numbers import operator_of
from jiaozi.protocol.offline.certificate import Anchor
from jiaozi.protocol.offline.messages import payment_of, split_message
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.service.files import make_directory
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.model import State
from jiaozi.wallet.offline import desk
from jiaozi.wallet.offline.desk import HandedState
from jiaozi.wallet.offline.device import PurseDevice
from jiaozi.wallet.offline.devices import devices as list_devices
from jiaozi.wallet.offline.unload import unload
from jiaozi.wallet.wallet import Wallet

_REQUEST_LIFETIME_MS = 10 * 60_000
_TRIED_FEN = 1_00
_PROOF_TIMEOUT_S = 30.0
_COPY = "copy"
_LAST = STALLS[-1].name
_HONEST = tuple(each for each in TRADERS if each.name not in (COPIED, _LAST))

Step: TypeAlias = Callable[[str, int, int | None], AbstractContextManager[Callable[[], None]]]
"""Shows a part: told its name, of how many it consists, how much is moved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the evening brought to light.

    Attributes:
        settled: How many of the sales the registry has, the copy's too.
        covered_fen: Paid from the guarantee of the operator that certified the copied purse.
        shadow_fen: What the registry says that all purses hold together.
        proofs: Verified from the file and genesis alone.
        refused: How a stall refused the copied purse on the next morning.
        cards_left_out: Why nobody had a card; empty when somebody had.
    """

    settled: int
    covered_fen: int
    shadow_fen: int
    proofs: int
    refused: Code
    cards_left_out: str

    def differences(self, market: Market) -> list[str]:
        """Compare with what was planned; an empty list when all is as expected."""
        told = []
        if (self.settled, self.proofs) != (len(SALES), 1):
            told.append(f"{self.settled} payments without network settled, {self.proofs} proofs")
        if (self.shadow_fen, self.covered_fen) != (market.offline_fen, market.covered_fen):
            told.append(f"purses hold {self.shadow_fen} fen, {self.covered_fen} were covered")
        return told


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stand:
    """A trader with wallet and purse."""

    trader: Trader
    wallet: Wallet
    purse: PurseDevice


@dataclass(slots=True, kw_only=True)
class MarketDay:
    """The day, made by `market_day`; `play` goes through its parts in order."""

    network: LocalNetwork
    people: People
    market: Market
    directory: Path
    purses: Purses
    _stands: dict[str, _Stand] = field(default_factory=dict)
    _spoken: list[bytes] = field(default_factory=list)

    async def play(self, step: Step) -> Found:
        """Play the whole day, each part shown as a step.

        Raises:
            DemoFailed: Something did not happen as it must.
            Refusal: A party or a purse refused what it must not.
        """
        market, codes = self.market, self.network.operators
        with step("guarantees funded", len(codes), GUARANTEE_FEN * len(codes)) as advance:
            await self._fund_guarantees(advance)
        with step("purses enrolled, loaded", len(TRADERS), market.loaded_fen) as advance:
            await self._open_purses(advance)
        with step("paid without network", len(SALES), market.paid_fen) as advance:
            self._trade(advance)
        with step("synchronised, unloaded", len(TRADERS), market.unloaded_fen) as advance:
            await self._come_home(advance)
        with step("proof of money spent twice", 1, market.covered_fen) as advance:
            found = await self._find()
            advance()
        return found

    async def _fund_guarantees(self, advance: Callable[[], None]) -> None:
        """Have every operator set money of its vault aside, by its own command."""

        async def fund(operator: int) -> None:
            amount = str(GUARANTEE_FEN // 100)
            await run_command("operator", "guarantee", "fund", amount, *self._office(operator))
            advance()

        await asyncio.gather(*map(fund, self.network.operators))

    async def _open_purses(self, advance: Callable[[], None]) -> None:
        """Enrol a purse for everybody, and load those of the buyers; copy one of them."""

        async def come(trader: Trader) -> None:
            stand = await self._enrol(trader)
            if not trader.is_stall:
                loaded = await desk.load(stand.wallet, stand.purse, LOADED_FEN)
                if loaded.standing.state is not State.SETTLED:
                    raise DemoFailed(detail=f"A load did not settle: {loaded.standing.refusal}")
            self._stands[trader.name] = stand
            advance()

        await asyncio.gather(*map(come, TRADERS))
        copy = self.purses.copy(COPIED, _COPY)
        self._stands[_COPY] = replace(self._stands[COPIED], purse=copy)

    def _trade(self, advance: Callable[[], None]) -> None:
        """Let everybody pay, with no network: each sale is two purses that exchange bytes."""
        for sale in SALES:
            payer = self._stands[_COPY if sale.is_copy else sale.payer].purse
            payment = _pay(payer, self._stands[sale.payee].purse, sale.amount_fen)
            hops = payment_of(split_message(payment, "payment")[0]).hop
            if hops != sale.hops:
                raise DemoFailed(detail=f"Money changed hands {hops} times, not {sale.hops}")
            self._spoken.append(payment)
            advance()

    async def _come_home(self, advance: Callable[[], None]) -> None:
        """Synchronise all purses, each at its operator; stalls unload all that they hold."""

        async def come(stand: _Stand) -> None:
            client, name = stand.wallet.client, stand.trader.name
            await desk.synchronise(client, stand.purse, stand.wallet.edge)
            if stand.purse.view().balance_fen != held_fen(name):
                raise DemoFailed(detail=f"The purse of {name} does not hold what it must")
            if stand.trader.is_stall:
                unloaded = await unload(stand.wallet, stand.purse, held_fen(name))
                if unloaded.state is not HandedState.SETTLED:
                    told = unloaded.state.name.lower()
                    raise DemoFailed(detail=f"{name} could not unload: {told}")
            advance()

        last = self._stands[_LAST]
        await asyncio.gather(*map(come, (self._stands[each.name] for each in _HONEST)))
        await come(last)  # knows from then on what came to light
        copied = self._stands[COPIED]
        try:
            await desk.synchronise(copied.wallet.client, copied.purse, copied.wallet.edge)
        except Refusal as refusal:
            if refusal.code is not Code.DEVICE_ENDED:
                raise
        else:
            raise DemoFailed(detail="A purse that spent twice was synchronised")
        advance()

    async def _find(self) -> Found:
        """Have the proof written and verified, and add up what purses hold."""
        key = self._stands[COPIED].purse.view().device.key.hex()
        stands = [self._stands[each.name] for each in TRADERS]
        devices = [device for each in stands for device in await list_devices(each.wallet)]
        convicted = [each["device"] for each in devices if each["state"] == "convicted"]
        if convicted != [key]:
            raise DemoFailed(detail=f"Convicted are {convicted}, not {key}")
        covered_fen, files = await self._write_proofs(key)
        for each in files:
            proof = await self._verify(each)
            if (proof["kind"], proof["device"]) != ("double_spend", key):
                raise DemoFailed(detail="A proof is against somebody else")
        return Found(
            settled=await self._count_settled(),
            covered_fen=covered_fen,
            shadow_fen=sum(each["shadow_fen"] for each in devices),
            proofs=len(files),
            refused=self._refuse_copy(),
            cards_left_out=self.purses.cards.left_out,
        )

    async def _enrol(self, trader: Trader) -> _Stand:
        wallet = self.people.customers[self.market.people[trader.name]].wallet
        return _Stand(trader=trader, wallet=wallet, purse=await self.purses.make(trader, wallet))

    async def _write_proofs(self, device: str) -> tuple[int, list[Path]]:
        """Let the operator that certified a device write what convicts it.

        Returns:
            What its guarantee paid, and the files.
        """
        operator = operator_of(self._stands[COPIED].wallet.number)
        proofs = self.directory / "proofs"
        async with asyncio.timeout(_PROOF_TIMEOUT_S):
            while True:
                words = ("operator", "offline", "cases", "--output", str(proofs))
                told = await run_command(*words, *self._office(operator))
                if told["cases"]:  # the other operator's part comes by the feed
                    break
        return told["covered_fen"][device], [proofs / each["file"] for each in told["cases"]]

    async def _verify(self, proof: Path) -> dict[str, Any]:
        """Verify a proof as anyone can: by a command that takes the file and genesis alone."""
        genesis = str(self.network.directory.network.genesis)
        return await run_command("offline", "verify-proof", str(proof), "--genesis", genesis)

    async def _count_settled(self) -> int:
        """Hand all payments in once more, at a stall's operator, which changes nothing."""
        handed = await desk.say_again(self._stands[_LAST].wallet.client, self._spoken)
        return sum(each.state is HandedState.SETTLED for each in handed)

    def _refuse_copy(self) -> Code:
        """Try to pay from the copied purse the next morning, and return why a stall says no."""
        copy, stall = self._stands[_COPY].purse, self._stands[_LAST].purse
        try:
            _pay(copy, stall, _TRIED_FEN)
        except Refusal as refusal:
            return refusal.code
        raise DemoFailed(detail="A purse that spent twice pays on")

    def _office(self, operator: int) -> tuple[str, ...]:
        """Return what the commands of an operator's clerks need."""
        network = self.network
        return (
            *("--code", f"{operator:04d}", "--dsn", network.operator_dsns[operator]),
            *("--registry", network.central_bank_url),
            *("--keys", str(network.directory.operator(operator))),
            *("--passphrase-file", str(network.directory.passphrase)),
        )


@contextmanager
def market_day(
    network: LocalNetwork, people: People, market: Market, directory: Path
) -> Iterator[MarketDay]:
    """Open a market whose purses and cards are in a directory, which is made."""
    make_directory(directory)
    known = read_genesis(network.directory.network.genesis.read_bytes())
    anchor = Anchor(network=known.id, root_key=known.root_key)
    with cards_at_market(directory / "cards", CARDHOLDERS) as cards, ExitStack() as files:
        purses = Purses(directory=directory, anchor=anchor, cards=cards, files=files)
        yield MarketDay(
            network=network, people=people, market=market, directory=directory, purses=purses
        )


def _pay(payer: PurseDevice, payee: PurseDevice, amount_fen: int) -> bytes:
    """Let a purse pay another one, with nobody else to ask; returns what it said."""
    request = payee.ask(amount_fen, SYSTEM_EDGE.now_ms() + _REQUEST_LIFETIME_MS)
    payment = payer.pay(request)
    payer.acknowledge(payee.collect(payment), payment)
    return payment
