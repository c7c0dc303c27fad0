"""A market where no network is: purses of both operators pay each other, and one was copied.

::

    morning   operators fund their guarantees; buyers and stalls enrol purses; buyers load
    day       no network: purses hand each other requests, payments, acknowledgements
    evening   every purse is synchronised at its operator, stalls unload what they earned
    night     the operator writes the proof of what was spent twice; anyone verifies it

Stalls are terminals, buyers have software purses: files, and a file can be copied. One has a card,
where there is a reader for it. During the day
nothing here talks to anybody but the two purses.
"""

import asyncio
import secrets
import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from jiaozi.demo.commands import run_command
from jiaozi.demo.errors import DemoFailed
from jiaozi.demo.market_card import PIN, CardAtMarket
from jiaozi.demo.market_plan import (
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
from jiaozi.demo.people import People
from jiaozi.local.network import LocalNetwork
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.numbers import operator_of
from jiaozi.protocol.offline.certificate import Anchor, Profile
from jiaozi.protocol.offline.enrolment import Enrolment, sign_enrolment
from jiaozi.protocol.offline.messages import payment_of, split_message
from jiaozi.protocol.offline.proofs import ProofKind, verify_proof
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.model import State
from jiaozi.wallet.offline import desk
from jiaozi.wallet.offline.card import CardPurse
from jiaozi.wallet.offline.desk import HandedState
from jiaozi.wallet.offline.device import PurseDevice
from jiaozi.wallet.offline.devices import devices as list_devices
from jiaozi.wallet.offline.issue import Issue, issue, new_puk
from jiaozi.wallet.offline.software import SoftwarePurse
from jiaozi.wallet.wallet import Wallet

_REQUEST_LIFETIME_MS = 10 * 60_000
_SEED_LENGTH = 32
_TRIED_FEN = 1_00
_PROOF_TIMEOUT_S = 30.0
_COPY = "copy"
_LAST = STALLS[-1].name
_HONEST = tuple(each for each in TRADERS if each.name not in (COPIED, _LAST))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the evening brought to light.

    Attributes:
        settled: How many of the sales the registry has, the copy's too.
        covered_fen: Paid from the guarantee of the operator that certified the copied purse.
        shadow_fen: What the registry says that all purses hold together.
        proofs: Verified by genesis alone.
        refused: How a stall refused the copied purse on the next morning.
        card_left_out: Why nobody had a card; empty when somebody had.
    """

    settled: int
    covered_fen: int
    shadow_fen: int
    proofs: int
    refused: Code
    card_left_out: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stand:
    """A trader with wallet and purse."""

    trader: Trader
    wallet: Wallet
    purse: PurseDevice


@dataclass(slots=True, kw_only=True)
class MarketDay:
    """Plays it; its parts in order are its public methods."""

    network: LocalNetwork
    people: People
    market: Market
    directory: Path
    anchor: Anchor
    card: CardAtMarket
    _files: ExitStack = field(default_factory=ExitStack)
    _signers: dict[str, Ed25519Signer] = field(default_factory=dict)
    _stands: dict[str, _Stand] = field(default_factory=dict)
    _spoken: list[bytes] = field(default_factory=list)

    async def fund_guarantees(self, advance: Callable[[], None]) -> None:
        """Have every operator set money of its vault aside, by its own command.

        Raises:
            DemoFailed: One could not.
        """

        async def fund(operator: int) -> None:
            amount = str(GUARANTEE_FEN // 100)
            await run_command("operator", "guarantee", "fund", amount, *self._office(operator))
            advance()

        await asyncio.gather(*map(fund, self.network.operators))

    async def open_purses(self, advance: Callable[[], None]) -> None:
        """Enrol a purse for everybody, and load those of the buyers; copy one of them.

        Raises:
            DemoFailed: A load did not settle.
            Refusal: An operator said no.
        """

        async def come(trader: Trader) -> None:
            stand = await self._enrol(trader)
            if not trader.is_stall:
                loaded = await desk.load(stand.wallet, stand.purse, LOADED_FEN)
                if loaded.standing.state is not State.SETTLED:
                    raise DemoFailed(detail=f"A load did not settle: {loaded.standing.refusal}")
            self._stands[trader.name] = stand
            advance()

        await asyncio.gather(*map(come, TRADERS))
        self._copy_purse()

    def trade(self, advance: Callable[[], None]) -> None:
        """Let everybody pay, with no network: each sale is two purses that exchange bytes.

        Raises:
            DemoFailed: Money went through more or fewer hands than it should.
            Refusal: A purse said no.
        """
        for sale in SALES:
            payer = self._stands[_COPY if sale.is_copy else sale.payer].purse
            payment = _pay(payer, self._stands[sale.payee].purse, sale.amount_fen)
            hops = payment_of(split_message(payment, "payment")[0]).hop
            if hops != sale.hops:
                raise DemoFailed(detail=f"Money changed hands {hops} times, not {sale.hops}")
            self._spoken.append(payment)
            advance()

    async def come_home(self, advance: Callable[[], None]) -> None:
        """Synchronise all purses, each at its operator; stalls unload all that they hold.

        Raises:
            DemoFailed: An honest purse does not hold what it must, or the copied one goes on.
        """

        async def come(stand: _Stand) -> None:
            client, name = stand.wallet.client, stand.trader.name
            await desk.synchronise(client, stand.purse, stand.wallet.edge)
            if stand.purse.view().balance_fen != held_fen(name):
                raise DemoFailed(detail=f"The purse of {name} does not hold what it must")
            if stand.trader.is_stall:
                state = await desk.unload(stand.wallet, stand.purse, held_fen(name))
                if state is not HandedState.SETTLED:
                    raise DemoFailed(detail=f"{name} could not unload: {state.name.lower()}")
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

    async def find(self) -> Found:
        """Have the proof written, verify it by genesis alone, and add up what purses hold.

        Raises:
            DemoFailed: There is no proof, or it is against somebody else.
        """
        key = self._stands[COPIED].purse.view().device.key.hex()
        stands = [self._stands[each.name] for each in TRADERS]
        devices = [device for each in stands for device in await list_devices(each.wallet)]
        convicted = [each["device"] for each in devices if each["state"] == "convicted"]
        if convicted != [key]:
            raise DemoFailed(detail=f"Convicted are {convicted}, not {key}")
        covered_fen, files = await self._write_proofs(key)
        for each in files:
            proof = verify_proof(each.read_bytes(), self.anchor)
            if (proof.kind, proof.device.hex()) != (ProofKind.DOUBLE_SPEND, key):
                raise DemoFailed(detail="A proof is against somebody else")
        return Found(
            settled=await self._count_settled(),
            covered_fen=covered_fen,
            shadow_fen=sum(each["shadow_fen"] for each in devices),
            proofs=len(files),
            refused=self._refuse_copy(),
            card_left_out=self.card.left_out,
        )

    def close(self) -> None:
        """Close all purses that are files."""
        self._files.close()

    async def _enrol(self, trader: Trader) -> _Stand:
        wallet = self.people.customers[self.market.people[trader.name]].wallet
        purse = await (
            self._issue_card(self.card.purse, wallet)
            if trader.has_card and self.card.purse is not None
            else self._make_file(trader, wallet)
        )
        return _Stand(trader=trader, wallet=wallet, purse=purse)

    async def _make_file(self, trader: Trader, wallet: Wallet) -> PurseDevice:
        signer = Ed25519Signer(secrets.token_bytes(_SEED_LENGTH))
        self._signers[trader.name] = signer
        enrolment = Enrolment(
            operator=operator_of(wallet.number),
            profile=Profile.TERMINAL if trader.is_stall else Profile.SOFTWARE,
            wallet=wallet.number,
        )
        chain = await desk.enrol(wallet, sign_enrolment(enrolment, signer, wallet.network))
        path = self._path(trader.name)
        return self._files.enter_context(SoftwarePurse.create(path, chain, signer, self.anchor))

    async def _issue_card(self, card: CardPurse, wallet: Wallet) -> PurseDevice:
        wanted = Issue(
            anchor=self.anchor,
            operator=operator_of(wallet.number),
            wallet=wallet.number,
            limits={},
            pin=PIN,
            puk=new_puk(secrets.token_bytes),
        )
        await issue(card, wanted, lambda enrolment: desk.enrol(wallet, enrolment))
        return card

    def _copy_purse(self) -> None:
        """Copy a purse as its file is now, key and all."""
        with (
            closing(sqlite3.connect(self._path(COPIED))) as purse,
            closing(sqlite3.connect(self._path(_COPY))) as copy,
        ):
            purse.backup(copy)
        copied = SoftwarePurse(self._path(_COPY), self._signers[COPIED], self.anchor)
        self._stands[_COPY] = replace(self._stands[COPIED], purse=self._files.enter_context(copied))

    def _path(self, name: str) -> Path:
        return self.directory / f"{name}.sqlite"

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


def market_day(
    network: LocalNetwork, people: People, market: Market, directory: Path, card: CardAtMarket
) -> MarketDay:
    """Return a market day whose purses are files in a directory that is there, and one card."""
    known = read_genesis(network.directory.network.genesis.read_bytes())
    anchor = Anchor(network=known.id, root_key=known.root_key)
    return MarketDay(
        network=network, people=people, market=market, directory=directory, anchor=anchor, card=card
    )


def _pay(payer: PurseDevice, payee: PurseDevice, amount_fen: int) -> bytes:
    """Let a purse pay another one, with nobody else to ask; returns what it said."""
    request = payee.ask(amount_fen, SYSTEM_EDGE.now_ms() + _REQUEST_LIFETIME_MS)
    payment = payer.pay(request)
    payer.acknowledge(payee.collect(payment), payment)
    return payment
