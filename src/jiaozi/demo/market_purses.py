"""The purses of the market day: files of this machine, and cards where there are readers."""

import secrets
import sqlite3
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from jiaozi.demo.market_cards import PIN, CardsAtMarket
from jiaozi.demo.market_plan import Trader
from jiaozi.protocol.numbers import operator_of
from jiaozi.protocol.offline.certificate import Anchor, Profile
from jiaozi.protocol.offline.enrolment import Enrolment, sign_enrolment
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.wallet.offline import desk
from jiaozi.wallet.offline.card import CardPurse
from jiaozi.wallet.offline.device import PurseDevice
from jiaozi.wallet.offline.issue import Issue, issue, new_puk
from jiaozi.wallet.offline.software import SoftwarePurse
from jiaozi.wallet.wallet import Wallet

_SEED_LENGTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Purses:
    """Makes them; ``files`` closes those that are files."""

    directory: Path
    anchor: Anchor
    cards: CardsAtMarket
    files: ExitStack
    _signers: dict[str, Ed25519Signer] = field(default_factory=dict)

    async def make(self, trader: Trader, wallet: Wallet) -> PurseDevice:
        """Make a trader's purse and have the wallet's operator certify it.

        Raises:
            Refusal: It does not.
        """
        if trader.name in self.cards.purses:
            return await self._issue(self.cards.purses[trader.name], wallet)
        signer = Ed25519Signer(secrets.token_bytes(_SEED_LENGTH))
        self._signers[trader.name] = signer
        enrolment = Enrolment(
            operator=operator_of(wallet.number),
            profile=Profile.TERMINAL if trader.is_stall else Profile.SOFTWARE,
            wallet=wallet.number,
        )
        chain = await desk.enrol(wallet, sign_enrolment(enrolment, signer, wallet.network))
        path = self._path(trader.name)
        return self.files.enter_context(SoftwarePurse.create(path, chain, signer, self.anchor))

    def copy(self, name: str, copy: str) -> PurseDevice:
        """Clone a card, or copy a purse that is a file, as it is now: the key is the same."""
        if name in self.cards.purses:
            return self.cards.clone(name, copy)
        with (
            closing(sqlite3.connect(self._path(name))) as purse,
            closing(sqlite3.connect(self._path(copy))) as file,
        ):
            purse.backup(file)
        copied = SoftwarePurse(self._path(copy), self._signers[name], self.anchor)
        return self.files.enter_context(copied)

    async def _issue(self, card: CardPurse, wallet: Wallet) -> PurseDevice:
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

    def _path(self, name: str) -> Path:
        return self.directory / f"{name}.sqlite"
