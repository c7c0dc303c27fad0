"""Pay a payroll file: one order of one leg for each payment, signed here, and never twice.

::

    check the whole file          nothing is paid from one that is not whole
    for each batch of payments    claim   an order for each payment that has none; stored
                                  send    what is open, the same bytes as ever
                                  note    what came back
    report                        from the file and the journal alone

The journal knows (message id, payment id) -> order. So a rerun, after a crash at any moment or on
purpose, sends the orders of the first run again and pays nobody twice. A payment gets another order
only when its first one can settle no more: it is dead; or it was refused, and the file says
something else by now or the holder asks for it (``retry_refused``).
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO, NamedTuple

from jiaozi.protocol.ids import OrderId
from jiaozi.wallet.answers import take
from jiaozi.wallet.client import ORDERS_MAX
from jiaozi.wallet.inquire import inquire, registry_time_ms
from jiaozi.wallet.model import (
    JournaledOrder,
    PayrollKey,
    Purpose,
    SignedOrder,
    Standing,
    State,
)
from jiaozi.wallet.pay import PAYROLL_LIFETIME_MS, Payee, sign_payment
from jiaozi.wallet.payroll import Payment, PayrollCheck, RejectedPayment, read_payments
from jiaozi.wallet.second_factor import countersigned, needs_pin
from jiaozi.wallet.submit import submit
from jiaozi.wallet.wallet import Wallet

_Claim = tuple[PayrollKey, SignedOrder, OrderId | None]


async def pay_file(
    wallet: Wallet,
    file: BinaryIO,
    check: PayrollCheck,
    *,
    retry_refused: bool = False,
    pin: str | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Pay what a checked file says and return how many payments settled in this run.

    What became of each payment stands in the journal. When the operator answers nothing at all,
    the rest of the file is left for a rerun.

    Args:
        wallet: The payer's.
        file: The file that was checked.
        check: What `payroll.check_file` returned for it.
        retry_refused: Order anew what was refused before.
        pin: Have the operator sign what is above the wallet's amount for it too, and order anew
            what was refused for want of that.
        on_progress: Told how many more payments of the file are done with.

    Raises:
        Refusal: As `countersigned`; of this batch nothing was stored or sent.
        NoAnswer: The operator did not sign in time; likewise, and a rerun goes on.
        FileChanged: Nothing from the changed bytes on was paid.
        AnswerMalformed: What was sent stays open.
        JournalUnavailable: Likewise.
    """
    await _forget_old_payrolls(wallet)
    second_factor = None if pin is None else _SecondFactor(pin, await _above_fen(wallet))
    run = _Run(wallet, check.header.message_id, retry_refused, second_factor)
    for batch in _batches(read_payments(file, check)):
        is_answered = await run.pay([each for each in batch if isinstance(each, Payment)])
        on_progress(len(batch))
        if not is_answered:
            break
    return run.settled_count


async def _forget_old_payrolls(wallet: Wallet) -> None:
    """Drop what may be forgotten by the registry's clock: one here that is ahead drops nothing."""
    now_ms = await registry_time_ms(wallet)
    if now_ms is not None:
        wallet.journal.forget_payroll(now_ms=now_ms)


async def _above_fen(wallet: Wallet) -> int | None:
    above_fen = take(await wallet.client.wallet(), "limits", dict).get("second_factor_above_fen")
    return above_fen if isinstance(above_fen, int) else None


def payroll_key(message_id: str, payment: Payment) -> PayrollKey:
    """Return what the journal knows a payment by."""
    return PayrollKey(
        message_id=message_id,
        payment_id=payment.end_to_end_id,
        payee=payment.payee,
        amount_fen=payment.amount_fen,
    )


class _SecondFactor(NamedTuple):
    """The PIN, and above which amount it is asked for."""

    pin: str
    above_fen: int | None


class _Run:
    """One run over a file."""

    def __init__(
        self,
        wallet: Wallet,
        message_id: str,
        retry_refused: bool,
        second_factor: _SecondFactor | None,
    ) -> None:
        self._wallet = wallet
        self._message_id = message_id
        self._retry_refused = retry_refused
        self._second_factor = second_factor
        self.settled_count = 0

    async def pay(self, payments: Sequence[Payment]) -> bool:
        """Pay a batch; False when nothing definite came back for any order of it."""
        standings = await self._send(payments)
        if State.DEAD in standings:
            standings = await self._send(payments)
        return not standings or any(state is not State.OPEN for state in standings)

    async def _send(self, payments: Sequence[Payment]) -> list[State]:
        """Claim what has no order, send what is open, and return the states of what was sent."""
        known: list[SignedOrder] = []
        claims: list[_Claim] = []
        for payment in payments:
            wanted = await self._order_for(payment)
            if isinstance(wanted, SignedOrder):
                known.append(wanted)
            elif wanted is not None:
                claims.append(wanted)
        taken = self._wallet.journal.claim_payments(claims)
        new = [order for (_, order, _), stored in zip(claims, taken, strict=True) if stored]
        standings: dict[OrderId, Standing] = {}
        for orders in (known, new):
            if orders:
                standings |= await submit(self._wallet, orders)
        states = [each.state for each in standings.values()]
        self.settled_count += states.count(State.SETTLED)
        return states

    async def _order_for(self, payment: Payment) -> SignedOrder | _Claim | None:
        """Return the open order of a payment, a claim for a new one, or None when it is done."""
        key = payroll_key(self._message_id, payment)
        found = self._wallet.journal.find_payment(self._message_id, payment.end_to_end_id)
        if found is None:
            return key, await self._sign(payment), None
        stored_key, order_id = found
        journaled = self._wallet.journal.find(order_id)
        assert journaled is not None, "the journal's keys point at its orders"
        is_same = stored_key == key
        if is_same and journaled.standing.state is State.OPEN:
            return journaled.order
        if await self._may_be_replaced(journaled, is_same=is_same):
            return key, await self._sign(payment), order_id
        return None

    async def _may_be_replaced(self, journaled: JournaledOrder, *, is_same: bool) -> bool:
        """Say whether an order can settle no more and another one is wanted."""
        match journaled.standing.state:
            case State.DEAD:
                return True
            case State.REFUSED if self._second_factor is not None and needs_pin(journaled):
                return journaled.standing.height is not None
            case State.REFUSED if self._retry_refused or not is_same:
                if journaled.standing.height is not None:
                    return True
                return (await inquire(self._wallet, journaled.order)).state is State.DEAD
            case _:
                return False

    async def _sign(self, payment: Payment) -> SignedOrder:
        order = sign_payment(
            self._wallet,
            [Payee(payment.payee, payment.amount_fen)],
            note=payment.remittance,
            purpose=Purpose.PAYROLL,
            lifetime_ms=PAYROLL_LIFETIME_MS,
        )
        match self._second_factor:
            case _SecondFactor(pin, int(above_fen)) if payment.amount_fen > above_fen:
                return await countersigned(self._wallet, order, pin)
        return order


def _batches(
    items: Iterator[Payment | RejectedPayment],
) -> Iterator[list[Payment | RejectedPayment]]:
    while batch := list(islice(items, ORDERS_MAX)):
        yield batch
