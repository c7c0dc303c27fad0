"""A point of sale: a terminal's own purse takes payments of cards, with no network at all.

::

    till = Till(purse, sales)
    sale = till.begin(1250, now_ms)
    with card_in(reader) as card:
        sale = till.take(sale, CardPurse.select(card, pin=ask_for_pin))

Before the card pays, both have exchanged what they know of revoked devices. A card that is pulled
before it has answered may have paid: held to the reader again it says the same payment.
"""

from contextlib import suppress
from dataclasses import replace

from jiaozi.protocol.money import format_yuan
from jiaozi.protocol.offline.limits import check_peer
from jiaozi.protocol.offline.proofs import DoubleSpendFound
from jiaozi.protocol.refusals import Refusal
from jiaozi.wallet.errors import (
    CardDiffers,
    CardPinBlocked,
    CardPinNeeded,
    CardPinWrong,
    CardPulled,
    SaleOpen,
)
from jiaozi.wallet.offline.device import PurseDevice, share_revocations
from jiaozi.wallet.offline.sales import Sale, Sales, SaleState
from jiaozi.wallet.offline.software import SoftwarePurse

REQUEST_LIFETIME_MS = 60 * 60_000
"""Of a request: long enough to find the card that began it."""


class Till:
    """The terminal's purse with its list of sales."""

    def __init__(self, purse: SoftwarePurse, sales: Sales) -> None:
        self._purse, self._sales = purse, sales

    def begin(self, amount_fen: int, now_ms: int) -> Sale:
        """Begin a sale, or go on with the one of this amount that broke off.

        Raises:
            SaleOpen: One of another amount broke off.
            Refusal: The terminal's purse cannot take so much.
        """
        unfinished = self._sales.unfinished()
        if unfinished is None:
            request = self._purse.ask(amount_fen, now_ms + REQUEST_LIFETIME_MS)
            return self._sales.begin(amount_fen, request, now_ms)
        if unfinished.amount_fen != amount_fen:
            amount = format_yuan(unfinished.amount_fen)
            raise SaleOpen(detail=f"Sale {unfinished.number} of {amount} yuan is not finished")
        return unfinished

    def take(self, sale: Sale, card: PurseDevice) -> Sale:
        """Let a card pay for a sale, and collect it.

        Args:
            sale: One that no card has paid yet.
            card: Held to the reader.

        Returns:
            The sale, taken; whether the card has heard of it or not.

        Raises:
            CardDiffers: Another card was asked before.
            CardPulled: The card may have paid: take it again from the same card.
            DoubleSpendFound: The proof is kept with the terminal's purse.
            CardPinNeeded: And its kin: nothing moved.
            Refusal: The card's no: nothing moved; or the terminal's: the sale has ended.
        """
        taken = self.collect(self._paid(sale, card))
        assert taken.payment is not None
        assert taken.acknowledgement is not None
        with suppress(CardPulled):
            card.acknowledge(taken.acknowledgement, taken.payment)
        return taken

    def collect(self, sale: Sale) -> Sale:
        """Collect what a card has paid; this takes no card.

        Raises:
            DoubleSpendFound: The proof is kept with the terminal's purse.
            Refusal: The purse does not take it now; an operator does (`Sales.not_collected`).
        """
        assert sale.payment is not None, "a card has paid"
        try:
            acknowledgement = self._purse.collect(sale.payment)
        except DoubleSpendFound:
            self._sales.end(sale, SaleState.REFUSED)
            raise
        except Refusal:
            self._sales.end(sale, SaleState.ENDED)
            raise
        self._sales.note_taken(sale, acknowledgement)
        return replace(sale, state=SaleState.TAKEN, acknowledgement=acknowledgement)

    def cancel(self) -> Sale | None:
        """Give the sale up that broke off; None if there is none.

        What its card may have paid belongs to this terminal all the same, once it is handed in.
        """
        unfinished = self._sales.unfinished()
        if unfinished is not None:
            self._sales.end(unfinished, SaleState.ENDED)
        return unfinished

    def _paid(self, sale: Sale, card: PurseDevice) -> Sale:
        with suppress(Refusal):  # too far behind for what both know: each goes on with its own
            share_revocations(self._purse, card)
        device = card.view().device
        check_peer(self._purse.purse, device)
        if sale.payer not in (None, device.key):
            raise CardDiffers(detail=f"Another card began sale {sale.number}")
        self._sales.note_payer(sale, device.key)
        try:
            payment = card.pay(sale.request)
        except (Refusal, CardPinNeeded, CardPinWrong, CardPinBlocked):
            # This card said no. If it was not asked before it has not paid, so another one may.
            self._sales.note_payer(sale, sale.payer)
            raise
        self._sales.note_payment(sale, payment)
        return replace(sale, state=SaleState.PAID, payer=device.key, payment=payment)
