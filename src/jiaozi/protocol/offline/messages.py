"""What two purses say to each other: the bytes, and how hostile bytes become a message.

::

    request  = [COSE by payee's device, operator's certificate, device certificate]
               {1: amount, 2: challenge, 3: list number, 4: expires}
    payment  = [COSE by payer's device, operator's certificate, device certificate]
               {1: counter, 2: position, 3: previous, 4: amount, 5: hop, 6: balance after,
                7: list number, (8: payee, 9: challenge) or 10: wallet}
    acknowledgement = COSE by payee's device    {1: payment, 2: list number}

A payment to a wallet is an unload: the same counter, the same log, no second way to spend. Its
``balance after`` is a salted hash, opened when the log is handed in. A ``challenge`` begins with
the 8-byte number of the payee's checkpoint, so that nothing comes in once more after the next.
``payment`` in an acknowledgement is its identity (`jiaozi.protocol.cose`). Each message has a
domain tag of its own, so that none passes for another.
"""

from dataclasses import dataclass
from typing import Any

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.cose import Message
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.offline.certificate import (
    CHAIN_BYTES_MAX,
    Anchor,
    Chain,
    Device,
    read_chain,
)
from jiaozi.protocol.offline.reading import read_map, read_parts
from jiaozi.protocol.offline.signatures import holds, sign_fields
from jiaozi.protocol.order_types import OFFLINE_PAYMENT_BYTES_MAX, BodyField, FieldKind
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer

COSE_BYTES_MAX = OFFLINE_PAYMENT_BYTES_MAX
MESSAGE_BYTES_MAX = COSE_BYTES_MAX + CHAIN_BYTES_MAX
CHALLENGE_LENGTH = 16

_U, _B32 = FieldKind.UINT, FieldKind.BYTES32
_REQUEST = (
    BodyField(1, "amount_fen", _U),
    BodyField(2, "challenge", FieldKind.BYTES16),
    BodyField(3, "list_number", _U),
    BodyField(4, "expires_ms", _U),
)
_PAYMENT = (
    BodyField(1, "counter", _U),
    BodyField(2, "position", _U),
    BodyField(3, "previous", _B32),
    BodyField(4, "amount_fen", _U),
    BodyField(5, "hop", _U),
    BodyField(6, "balance_after", _B32),
    BodyField(7, "list_number", _U),
    BodyField(8, "payee", FieldKind.KEY, optional=True),
    BodyField(9, "challenge", FieldKind.BYTES16, optional=True),
    BodyField(10, "wallet", FieldKind.WALLET_NUMBER, optional=True),
)
_ACKNOWLEDGEMENT = (BodyField(1, "payment", _B32), BodyField(2, "list_number", _U))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a payee asks for; times in Unix milliseconds by the payee's own clock."""

    amount_fen: int
    challenge: bytes
    list_number: int
    expires_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """What a payer says once its balance is lower: to a purse, or with ``wallet`` an unload.

    Attributes:
        counter: 1 for a device's first payment, and one more for each.
        position: Of its entry in the device's log.
        previous: Head of that log before it.
        hop: How often the money has changed hands without network, this time included.
        balance_after: Salted hash of what is left at each hop.
    """

    counter: int
    position: int
    previous: bytes
    amount_fen: int
    hop: int
    balance_after: bytes
    list_number: int
    payee: bytes | None
    challenge: bytes | None
    wallet: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """A payee has a payment, by the payment's identity."""

    payment: bytes
    list_number: int


def challenge_prefix(checkpoint_number: int) -> bytes:
    """Return what every challenge begins with that a purse gives after a checkpoint."""
    return checkpoint_number.to_bytes(8, "big")


def sign_request(request: Request, signer: Signer, chain: Chain, network: NetworkId) -> bytes:
    """Make a request as it travels."""
    return with_chain(
        sign_fields(request, _REQUEST, signer, Domain.OFFLINE_REQUEST, network), chain
    )


def read_request(data: bytes, anchor: Anchor) -> tuple[Request, Device]:
    """Read a request and check it up to the root.

    Raises:
        Refusal: A shape code, ``device_uncertified`` or ``signature_invalid``.
    """
    message, chain = split_message(data, "request")
    device = _check_signed(message, chain, Domain.OFFLINE_REQUEST, anchor)
    return request_of(message), device


def request_of(message: Message) -> Request:
    """Read what a request says, its signature apart.

    Raises:
        Refusal: A shape code.
    """
    request = Request(**read_map(message.payload, "request", _REQUEST))
    if not request.amount_fen:
        raise refuse(Code.AMOUNT_OUT_OF_RANGE)
    return request


def sign_payment(payment: Payment, signer: Signer, network: NetworkId) -> bytes:
    """Make the COSE message of a payment."""
    return sign_fields(payment, _PAYMENT, signer, Domain.OFFLINE_PAYMENT, network)


def with_chain(encoded_cose: bytes, chain: Chain) -> bytes:
    """Put a signed message and the certificates of its signer together."""
    return cbor.encode([encoded_cose, *chain.parts])


def taken_apart(travelled: bytes) -> tuple[bytes, Chain]:
    """Return the COSE message and the certificates of a payment that was read before."""
    parts: Any = cbor.decode(travelled, size_max=MESSAGE_BYTES_MAX)
    signed, operator, device = parts
    return signed, Chain(operator=operator, device=device)


def read_payment(data: bytes, anchor: Anchor) -> tuple[Payment, Device, Message]:
    """Read a payment and check it up to the root.

    Raises:
        Refusal: A shape code, ``device_uncertified`` or ``signature_invalid``.
    """
    message, chain = split_message(data, "payment")
    device = _check_signed(message, chain, Domain.OFFLINE_PAYMENT, anchor)
    return payment_of(message), device, message


def payment_of(message: Message) -> Payment:
    """Read what a payment says, its signature apart.

    Raises:
        Refusal: A shape code.
    """
    payment = Payment(**read_map(message.payload, "payment", _PAYMENT))
    if not payment.amount_fen:
        raise refuse(Code.AMOUNT_OUT_OF_RANGE)
    if not payment.counter or not payment.hop:
        raise refuse(Code.MALFORMED, "payment.counter" if not payment.counter else "payment.hop")
    if (payment.payee is None) == (payment.wallet is None):
        raise refuse(Code.MALFORMED, "payment.payee")
    if (payment.payee is None) != (payment.challenge is None):
        raise refuse(Code.MALFORMED, "payment.challenge")
    return payment


def decode_payment(encoded_cose: bytes) -> tuple[Payment, Message]:
    """Read the COSE message of a payment, its signature and its device's standing apart.

    Raises:
        Refusal: A shape code.
    """
    message = _one_signer(cose.decode(encoded_cose, size_max=COSE_BYTES_MAX), "payment")
    return payment_of(message), message


def sign_acknowledgement(
    acknowledgement: Acknowledgement, signer: Signer, network: NetworkId
) -> bytes:
    """Make an acknowledgement; the payer has the payee's certificates from the request."""
    domain = Domain.OFFLINE_ACKNOWLEDGEMENT
    return sign_fields(acknowledgement, _ACKNOWLEDGEMENT, signer, domain, network)


def read_acknowledgement(data: bytes, *, key: bytes, network: NetworkId) -> Acknowledgement:
    """Read an acknowledgement, which must be by the device that was paid.

    Raises:
        Refusal: A shape code or ``signature_invalid``.
    """
    aad = external_aad(Domain.OFFLINE_ACKNOWLEDGEMENT, network)
    message = cose.read1(data, key=key, aad=aad, size_max=COSE_BYTES_MAX)
    values = read_map(message.payload, "acknowledgement", _ACKNOWLEDGEMENT)
    return Acknowledgement(**values)


def split_message(data: bytes, name: str) -> tuple[Message, Chain]:
    """Take a message of a device and its certificates apart; nothing is checked but shape.

    Raises:
        Refusal: A shape code.
    """
    signed, operator, device = read_parts(data, name, size_max=MESSAGE_BYTES_MAX, count=3)
    message = _one_signer(cose.decode(signed, size_max=COSE_BYTES_MAX), name)
    return message, Chain(operator=operator, device=device)


def _check_signed(message: Message, chain: Chain, domain: Domain, anchor: Anchor) -> Device:
    device = read_chain(chain, anchor)
    signature = message.signatures[0]
    if (signature.suite, signature.key) != (device.suite, device.key):
        raise refuse(Code.SIGNATURE_INVALID)
    if not holds(message, external_aad(domain, anchor.network)):
        raise refuse(Code.SIGNATURE_INVALID)
    return device


def _one_signer(message: Message, name: str) -> Message:
    if not message.protected:
        raise refuse(Code.MALFORMED, f"{name}.signatures")
    return message
