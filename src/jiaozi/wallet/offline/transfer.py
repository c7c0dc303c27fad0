"""Pay from one purse within reach to another: once, however often it is begun again.

::

    both  -> each other   revoked devices that one of them does not know
    payee -> payer        request
    payer -> payee        payment
    payee -> payer        acknowledgement

Begun again there is another request, so that a payment that broke off is looked for first: it waits
at the payer, and belongs to the payee from the moment it was spoken. Once it is collected all is
done, whether the payer hears of it or not.
"""

from contextlib import suppress

from jiaozi.protocol.offline.messages import payment_of, split_message
from jiaozi.protocol.offline.proofs import ProofFound
from jiaozi.protocol.refusals import Refusal
from jiaozi.wallet.errors import PaymentWaits, WalletError
from jiaozi.wallet.offline.device import PurseDevice, share_revocations


def transfer(payer: PurseDevice, payee: PurseDevice, amount_fen: int, expires_ms: int) -> bool:
    """Pay an amount, or finish the payment of this amount that broke off: never both.

    Args:
        payer: Within reach.
        payee: Within reach.
        amount_fen: To pay.
        expires_ms: When a new request ends, in Unix milliseconds.

    Returns:
        Whether something new was paid.

    Raises:
        PaymentWaits: One of this amount broke off, and the payee takes it no more from here.
        Refusal: A purse does not do its part: nothing moved, or what the payer has paid waits.
        WalletError: A device went out of reach before the payee had the money: begin again.
    """
    share_revocations(payer, payee)
    if payer.view().waiting:
        payee_key = payee.view().device.key
        for payment in payer.waiting():
            said = payment_of(split_message(payment, "payment")[0])
            if (said.payee, said.amount_fen) == (payee_key, amount_fen):
                _finish(payer, payee, payment)
                return False
    payment = payer.pay(payee.ask(amount_fen, expires_ms))
    _acknowledge(payer, payee.collect(payment), payment)
    return True


def _finish(payer: PurseDevice, payee: PurseDevice, payment: bytes) -> None:
    try:
        acknowledgement = payee.collect(payment)
    except ProofFound:
        raise
    except Refusal as refusal:
        raise PaymentWaits(detail="A payment of this amount broke off before") from refusal
    _acknowledge(payer, acknowledgement, payment)


def _acknowledge(payer: PurseDevice, acknowledgement: bytes, payment: bytes) -> None:
    with suppress(WalletError):
        payer.acknowledge(acknowledgement, payment)
