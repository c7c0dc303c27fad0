"""Payment requests: what a payee asks for, signed by the payee's wallet key, short enough for a QR.

::

    text    = "jiaozi:" || base64url of COSE_Sign1 by the wallet's key,
              domain "jiaozi/payment-request/1"
    payload = {1: id, 2: payee, ? 3: amount, 4: expires, 5: note, 6: attestation}
    salt    = the first 16 bytes of SHA-256("jiaozi/payment-request/1" || identity of the request)
    reference of the order that pays it = SHA-256("jiaozi/note/1" || salt || note)

The id is a UUIDv7 (`ids`) whose time is when it was made; the expiry is Unix milliseconds; without
amount the payer chooses one. Payer and payee compute the same reference, so the payee finds the
payment in its history, and nobody else learns from the order what it was for.

What a request proves: whoever has the payee's key asked for this (the signature), and that key is
the key of the payee's wallet (the attestation of the payee's operator). It does not prove who the
payee is: the payer compares the number with one learnt otherwise. Money goes to the number,
whatever key signed; so a false request can ask for a wrong amount or note, not send money elsewhere
than to the number that is shown.
"""

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.attestations import ATTESTATION_BYTES_MAX, Attestation, read_attestation
from jiaozi.protocol.certify_keys import CertifyKeys
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.ids import AHEAD_MAX_MS, DAY_MS, OrderId, id_time_ms, is_order_id
from jiaozi.protocol.money import FEN_MAX, Fen
from jiaozi.protocol.notes import NOTE_CHARACTERS_MAX, SALT_LENGTH, note_reference
from jiaozi.protocol.numbers import AccountNumber, is_wallet_number, operator_of
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer

SCHEME = "jiaozi:"
REQUEST_BYTES_MAX = 1536
TEXT_CHARACTERS_MAX = 2100
LIFETIME_MAX_MS = 366 * DAY_MS

_ID, _PAYEE, _AMOUNT, _EXPIRES, _NOTE, _ATTESTATION = range(1, 7)
_KEYS = frozenset(range(_ID, _ATTESTATION + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a payee asks for; ``amount_fen`` None leaves it to the payer."""

    id: OrderId
    payee: AccountNumber
    amount_fen: Fen | None
    expires_ms: int
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentRequest:
    """A request that the attested key has signed; who signed the attestation is still open."""

    terms: Terms
    identity: bytes
    attestation: Attestation

    @property
    def salt(self) -> bytes:
        """What blinds the note in the reference."""
        return sha256(Domain.PAYMENT_REQUEST.value + self.identity).digest()[:SALT_LENGTH]

    @property
    def reference(self) -> bytes:
        """The reference of the order that pays this."""
        return note_reference(self.salt, self.terms.note)

    def is_attested(self, keys: CertifyKeys, network: NetworkId) -> bool:
        """Say whether the payee's operator attests that the signer's key is the payee's.

        Args:
            keys: The certify keys of the network's operators.
            network: That it must be made for.
        """
        attestation = self.attestation
        made_ms = id_time_ms(self.terms.id)
        in_time = attestation.covers(made_ms) or attestation.covers(made_ms + AHEAD_MAX_MS)
        key = attestation.signer_key
        is_operators = keys.may_sign(attestation.operator, key, attestation.issued_ms)
        return in_time and is_operators and attestation.is_signed_by(key, network)


def sign_request(terms: Terms, attestation: bytes, signer: Signer, network: NetworkId) -> str:
    """Make the text of a request."""
    fields: dict[int, object] = {
        _ID: terms.id,
        _PAYEE: terms.payee,
        _AMOUNT: terms.amount_fen,
        _EXPIRES: terms.expires_ms,
        _NOTE: terms.note,
        _ATTESTATION: attestation,
    }
    payload = cbor.encode({key: value for key, value in fields.items() if value is not None})
    message = cose.sign1(payload, signer, external_aad(Domain.PAYMENT_REQUEST, network))
    return SCHEME + base64.urlsafe_b64encode(message).decode().rstrip("=")


def read_request(text: str, network: NetworkId) -> PaymentRequest:
    """Read a request from hostile text; white space does not count.

    Raises:
        Refusal: ``too_large``, ``malformed``, ``not_canonical``, ``suite_unsupported``, or
            ``signature_invalid``: not signed by the key that is attested, or for another network.
    """
    message = cose.decode(_message(text), size_max=REQUEST_BYTES_MAX)
    if not message.protected:
        raise refuse(Code.MALFORMED, "request.signatures")
    try:
        fields = cbor.decode(message.payload, size_max=REQUEST_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "request") from None
    if type(fields) is not dict or not _KEYS - {_AMOUNT} <= fields.keys() <= _KEYS:
        raise refuse(Code.MALFORMED, "request")
    terms = _read_terms(fields)
    attested = fields[_ATTESTATION]
    if type(attested) is not bytes or len(attested) > ATTESTATION_BYTES_MAX:
        raise refuse(Code.MALFORMED, "request.attestation")
    attestation = read_attestation(attested)
    if attestation.wallet != terms.payee or attestation.operator != operator_of(terms.payee):
        raise refuse(Code.MALFORMED, "request.attestation")
    aad = external_aad(Domain.PAYMENT_REQUEST, network)
    if message.signatures[0].key != attestation.key or not cose.verify(message, aad):
        raise refuse(Code.SIGNATURE_INVALID)
    return PaymentRequest(terms=terms, identity=message.identity, attestation=attestation)


def _message(text: str) -> bytes:
    if len(text) > TEXT_CHARACTERS_MAX:
        raise refuse(Code.TOO_LARGE, "request", TEXT_CHARACTERS_MAX)
    packed = "".join(text.split())
    if not packed.lower().startswith(SCHEME):
        raise refuse(Code.MALFORMED, "request")
    encoded = packed[len(SCHEME) :]
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise refuse(Code.MALFORMED, "request") from None


def _read_terms(fields: dict[int, Any]) -> Terms:
    if not is_order_id(fields[_ID]):
        raise refuse(Code.MALFORMED, "request.id")
    payee, amount_fen, note = fields[_PAYEE], fields.get(_AMOUNT), fields[_NOTE]
    if type(payee) is not int or not is_wallet_number(payee):
        raise refuse(Code.MALFORMED, "request.payee")
    if _AMOUNT in fields and (type(amount_fen) is not int or not 0 < amount_fen <= FEN_MAX):
        raise refuse(Code.MALFORMED, "request.amount")
    made_ms = id_time_ms(fields[_ID])
    expires_ms = fields[_EXPIRES]
    if type(expires_ms) is not int or not made_ms < expires_ms <= made_ms + LIFETIME_MAX_MS:
        raise refuse(Code.MALFORMED, "request.expires")
    if type(note) is not str or len(note) > NOTE_CHARACTERS_MAX or not is_shown_whole(note):
        raise refuse(Code.MALFORMED, "request.note")
    return Terms(
        id=fields[_ID],
        payee=AccountNumber(payee),
        amount_fen=amount_fen,
        expires_ms=expires_ms,
        note=note,
    )


def is_shown_whole(note: str) -> bool:
    """Say whether a note reads as it is: no control characters, no marks that turn text around."""
    return all(each.isprintable() for each in note)
