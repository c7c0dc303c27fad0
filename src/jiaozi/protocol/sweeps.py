"""Sweeps: what a payment lifts a wallet above its cap, redeemed by the registry in the same block.

A holder consents by an order (waterfall). A payment that would then be one too many settles in
full, and directly after it stands, for each wallet that is above its cap::

    sweep   = order of type SWEEP, COSE_Sign1 by the registry's block key
    id      = the payment's time, and bytes 0-9 of the digest
    expires = when the payment does
    link    = identity of the payment
    leg     = [wallet, vault of its carrier, excess, bytes 10-25 of the digest]
    digest  = SHA-256("jiaozi/sweep/1" || link || wallet: 8 bytes)

So all but the amount follows from the payment, and a reader of the block makes it again. A sweep is
told from others by its link and wallet; its id is none that the wallet uses up, for a payee who
knew it beforehand could use it up first.
"""

from hashlib import sha256

from jiaozi.protocol import cose
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.ids import id_time_ms, new_order_id
from jiaozi.protocol.legs import SALT_LENGTH, Leg
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import Order, OrderHead, parse, payload, submission
from jiaozi.protocol.suites import Signer

_DOMAIN = b"jiaozi/sweep/1"
_ID_LENGTH = 10


def sweep_leg(payment: bytes, wallet: int, vault: int, amount_fen: int) -> Leg:
    """Return the leg that redeems an excess; ``payment`` is the identity of the order before."""
    salt = _digest(payment, wallet)[_ID_LENGTH : _ID_LENGTH + SALT_LENGTH]
    return Leg(AccountNumber(wallet), AccountNumber(vault), amount_fen, salt)


def sweep_payload(payment: Order, leg: Leg) -> bytes:
    """Return the bytes that the registry signs, of a leg that `sweep_leg` made."""
    random = _digest(payment.identity, leg.debit)[:_ID_LENGTH]
    head = OrderHead(
        id=new_order_id(id_time_ms(payment.id), random),
        type=OrderType.SWEEP,
        expires_ms=payment.expires_ms,
        link=payment.identity,
    )
    return payload(head, [leg])


def sign_sweep(payment: Order, leg: Leg, signer: Signer, network: NetworkId) -> Order:
    """Make the order that stands in the block after a payment."""
    message = cose.sign1(sweep_payload(payment, leg), signer, external_aad(Domain.ORDER, network))
    return parse(submission(message, [leg]))


def _digest(payment: bytes, wallet: int) -> bytes:
    return sha256(_DOMAIN + payment + wallet.to_bytes(8, "big")).digest()
