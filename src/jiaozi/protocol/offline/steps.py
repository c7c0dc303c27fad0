"""How purses pay each other, each step a check and then a new purse (rules.md §G).

A payment once made is never taken back, whoever lost it on the way: its payer says it again by any
channel, and it belongs to the payee wherever it is handed in. There is no clock: counts and sums
bind by themselves, and time is what `news` brings.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from jiaozi.protocol.offline.balances import added, balance_hash, spend
from jiaozi.protocol.offline.certificate import Device
from jiaozi.protocol.offline.limits import (
    check_incoming,
    check_outgoing,
    check_peer,
    check_works,
)
from jiaozi.protocol.offline.log import collected_entry, paid_entry, payment_in, received_in
from jiaozi.protocol.offline.messages import (
    Acknowledgement,
    Payment,
    Request,
    challenge_prefix,
    decode_payment,
    read_acknowledgement,
    read_payment,
    read_request,
    sign_acknowledgement,
    sign_payment,
    sign_request,
    with_chain,
)
from jiaozi.protocol.offline.proofs import DoubleSpendFound, double_spend_proof
from jiaozi.protocol.offline.purse import Purse
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer

REQUESTS_MAX = 16
"""Open at a time; an older one is closed, and a payment for it is handed in at an operator."""


def ask(
    purse: Purse, *, amount_fen: int, challenge: bytes, expires_ms: int, signer: Signer
) -> tuple[Purse, bytes]:
    """Ask for a payment.

    Args:
        purse: The payee's.
        amount_fen: What to pay.
        challenge: 16 random bytes, never used before; the checkpoint's number takes the first 8.
        expires_ms: By the device's own clock or its floor; the payer sees it.
        signer: The device's key.

    Raises:
        Refusal: ``amount_out_of_range``, or one that collecting it would meet.
    """
    if amount_fen <= 0:
        raise refuse(Code.AMOUNT_OUT_OF_RANGE)
    check_works(purse)
    check_incoming(purse, amount_fen)
    prefix = challenge_prefix(purse.checkpoint_number)
    challenge = prefix + challenge[len(prefix) :]
    request = Request(
        amount_fen=amount_fen,
        challenge=challenge,
        list_number=purse.revocations.number,
        expires_ms=expires_ms,
    )
    opened = [*purse.requests.items(), (challenge, request)][-REQUESTS_MAX:]
    message = sign_request(request, signer, purse.chain, purse.anchor.network)
    return replace(purse, requests=MappingProxyType(dict(opened))), message


def pay(
    purse: Purse, request_message: bytes, *, salt: bytes, signer: Signer
) -> tuple[Purse, bytes]:
    """Pay what another purse asks for, once.

    Args:
        purse: The payer's.
        request_message: What the payee said.
        salt: 16 random bytes, which hide the balance that the payment commits to.
        signer: The device's key.

    Raises:
        Refusal: A shape code, ``device_uncertified``, ``signature_invalid``, ``other_device``,
            ``request_expired``, ``device_expired``, ``device_revoked``,
            ``purse_not_synchronised``, ``purse_payment_limit``, ``purse_out_limit``,
            ``purse_out_count``, ``purse_funds``, or ``hops_too_many`` for the payee.
    """
    request, payee = read_request(request_message, purse.anchor)
    if payee.key == purse.device.key:
        raise refuse(Code.OTHER_DEVICE)
    place = purse.paid.get(request.challenge)
    if place is not None:
        return purse, _said_before(purse, place, request, payee)
    if request.expires_ms <= purse.floor_ms:
        raise refuse(Code.REQUEST_EXPIRED)
    check_peer(purse, payee)
    check_works(purse)
    check_outgoing(purse, request.amount_fen)
    _, hop = _spent(purse, request.amount_fen)
    if hop > payee.limits.hops:
        raise refuse(Code.HOPS_TOO_MANY, payee.limits.hops)
    usage = replace(
        purse.usage,
        out_fen=purse.usage.out_fen + request.amount_fen,
        out_count=purse.usage.out_count + 1,
    )
    purse = replace(
        purse,
        usage=usage,
        paid=MappingProxyType({**purse.paid, request.challenge: len(purse.entries)}),
    )
    return _spend(
        purse, request.amount_fen, payee=payee.key, challenge=request.challenge, salt=salt,
        signer=signer,
    )  # fmt: skip


def unload(
    purse: Purse, *, amount_fen: int, wallet: int, salt: bytes, signer: Signer
) -> tuple[Purse, bytes]:
    """Pay to a wallet, through an operator: limits of offline payments do not bind.

    Raises:
        Refusal: ``amount_out_of_range`` or ``purse_funds``.
    """
    if amount_fen <= 0:
        raise refuse(Code.AMOUNT_OUT_OF_RANGE)
    return _spend(purse, amount_fen, wallet=wallet, salt=salt, signer=signer)


def collect(purse: Purse, payment_message: bytes, *, signer: Signer) -> tuple[Purse, bytes]:
    """Take a payment that answers an open request.

    Raises:
        DoubleSpendFound: The payer used the counter before, for another payment to this purse.
        Refusal: A shape code, ``device_uncertified``, ``signature_invalid``, ``other_device``,
            ``request_unknown``, ``amount_differs``, ``device_expired``, ``device_revoked``,
            ``purse_payment_limit`` of the payer, ``purse_not_synchronised``, ``hops_too_many``,
            ``purse_in_limit``, ``purse_in_count`` or ``purse_balance_cap``.
    """
    payment, payer, message = read_payment(payment_message, purse.anchor)
    if payment.payee != purse.device.key or payer.key == purse.device.key:
        raise refuse(Code.OTHER_DEVICE)
    place = purse.collected.get((payer.key, payment.counter))
    if place is not None:
        first = received_in(purse.entries[place])
        if read_payment(first, purse.anchor)[2].identity != message.identity:
            raise DoubleSpendFound(proof=double_spend_proof(first, payment_message))
        return purse, _acknowledgement(purse, message.identity, signer)
    request = purse.requests.get(payment.challenge or b"")
    if request is None:
        raise refuse(Code.REQUEST_UNKNOWN)
    if payment.amount_fen != request.amount_fen:
        raise refuse(Code.AMOUNT_DIFFERS)
    check_peer(purse, payer)
    if payment.amount_fen > payer.limits.payment_fen:
        raise refuse(Code.PURSE_PAYMENT_LIMIT, payer.limits.payment_fen)
    check_works(purse)
    if payment.hop > purse.device.limits.hops:
        raise refuse(Code.HOPS_TOO_MANY, purse.device.limits.hops)
    check_incoming(purse, payment.amount_fen)
    collected = purse.logged(
        collected_entry(payment_message),
        balances_fen=added(purse.balances_fen, payment.hop, payment.amount_fen),
        requests=_without(purse.requests, request.challenge),
        collected=MappingProxyType(
            {**purse.collected, (payer.key, payment.counter): len(purse.entries)}
        ),
        usage=replace(
            purse.usage,
            in_fen=purse.usage.in_fen + payment.amount_fen,
            in_count=purse.usage.in_count + 1,
        ),
    )
    return collected, _acknowledgement(purse, message.identity, signer)


def acknowledge(purse: Purse, acknowledgement_message: bytes, payment_message: bytes) -> Purse:
    """Note that the payee has a payment.

    Raises:
        Refusal: A shape code, ``signature_invalid``: not by who was paid; or ``other_device``: it
            is about another payment.
    """
    payment, payer, message = read_payment(payment_message, purse.anchor)
    if payer.key != purse.device.key or payment.payee is None:
        raise refuse(Code.OTHER_DEVICE)
    acknowledged = read_acknowledgement(
        acknowledgement_message, key=payment.payee, network=purse.anchor.network
    )
    if acknowledged.payment != message.identity:
        raise refuse(Code.OTHER_DEVICE)
    return replace(purse, waiting_for=purse.waiting_for - {payment.counter})


def _spend(
    purse: Purse, amount_fen: int, *, salt: bytes, signer: Signer, payee: bytes | None = None,
    challenge: bytes | None = None, wallet: int | None = None,
) -> tuple[Purse, bytes]:  # fmt: skip
    """Lower the balance and make the payment that says so: the one way by which money leaves."""
    balances_fen, hop = _spent(purse, amount_fen)
    payment = Payment(
        counter=purse.counter + 1,
        position=purse.position + 1,
        previous=purse.head,
        amount_fen=amount_fen,
        hop=hop,
        balance_after=balance_hash(balances_fen, salt),
        list_number=purse.revocations.number,
        payee=payee,
        challenge=challenge,
        wallet=wallet,
    )
    encoded = sign_payment(payment, signer, purse.anchor.network)
    after = purse.logged(
        paid_entry(encoded, salt),
        counter=payment.counter,
        balances_fen=balances_fen,
        waiting_for=purse.waiting_for | {payment.counter},
    )
    return after, with_chain(encoded, purse.chain)


def _spent(purse: Purse, amount_fen: int) -> tuple[tuple[int, ...], int]:
    spent = spend(purse.balances_fen, amount_fen)
    if spent is None:
        raise refuse(Code.PURSE_FUNDS, purse.spendable_fen, purse.balances_fen[-1])
    return spent


def _said_before(purse: Purse, place: int, request: Request, payee: Device) -> bytes:
    """Return the payment that was made for a request already."""
    encoded = payment_in(purse.entries[place]) if place >= 0 else None
    if encoded is None:
        raise refuse(Code.REQUEST_EXPIRED)
    payment, _ = decode_payment(encoded)
    if (payment.payee, payment.amount_fen) != (payee.key, request.amount_fen):
        raise refuse(Code.OTHER_DEVICE)
    return with_chain(encoded, purse.chain)


def _acknowledgement(purse: Purse, identity: bytes, signer: Signer) -> bytes:
    said = Acknowledgement(payment=identity, list_number=purse.revocations.number)
    return sign_acknowledgement(said, signer, purse.anchor.network)


def _without(requests: Mapping[bytes, Request], challenge: bytes) -> Mapping[bytes, Request]:
    return MappingProxyType({key: each for key, each in requests.items() if key != challenge})
