"""Attestations: an operator's word that a key is the key of one of its wallets.

::

    attestation = COSE_Sign1 by the operator's certify key, domain "jiaozi/attestation/1"
    payload     = {1: operator, 2: wallet, 3: key, 4: issued, 5: expires}

Times are Unix milliseconds. It says nothing of who holds the wallet, and nothing of a key that was
changed since: so it is short-lived and renewed for each use.
"""

from dataclasses import dataclass

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.cose import Message
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.numbers import OPERATOR_CODE_MAX, AccountNumber, is_wallet_number
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import KEY_LENGTH_MAX, Signer

ATTESTATION_BYTES_MAX = 512
LIFETIME_MS = 3_600_000
_TIME_MAX_MS = 2**48 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Attestation:
    """What an operator says; ``message`` is whose signature `is_signed_by` checks."""

    operator: int
    wallet: AccountNumber
    key: bytes
    issued_ms: int
    expires_ms: int
    message: Message

    @property
    def signer_key(self) -> bytes:
        """The key that it names as its signer's; whether it signed is not checked here."""
        return self.message.signatures[0].key

    def is_signed_by(self, key: bytes, network: NetworkId) -> bool:
        """Say whether an operator's certify key made it, for this network."""
        aad = external_aad(Domain.ATTESTATION, network)
        return self.signer_key == key and cose.verify(self.message, aad)

    def covers(self, time_ms: int) -> bool:
        """Say whether it holds at a time."""
        return self.issued_ms <= time_ms < self.expires_ms


def sign_attestation(
    *, operator: int, wallet: int, key: bytes, now_ms: int, signer: Signer, network: NetworkId
) -> bytes:
    """Attest a wallet's key from now on for `LIFETIME_MS`."""
    fields = {1: operator, 2: wallet, 3: key, 4: now_ms, 5: now_ms + LIFETIME_MS}
    return cose.sign1(cbor.encode(fields), signer, external_aad(Domain.ATTESTATION, network))


def read_attestation(data: bytes) -> Attestation:
    """Read an attestation; its signature is not checked here.

    Raises:
        Refusal: ``too_large``, ``malformed``, ``not_canonical`` or ``suite_unsupported``.
    """
    message = cose.decode(data, size_max=ATTESTATION_BYTES_MAX)
    if not message.protected:
        raise refuse(Code.MALFORMED, "attestation.signatures")
    try:
        fields = cbor.decode(message.payload, size_max=ATTESTATION_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "attestation") from None
    if type(fields) is not dict or fields.keys() != {1, 2, 3, 4, 5}:
        raise refuse(Code.MALFORMED, "attestation")
    operator, wallet, key, issued_ms, expires_ms = fields.values()
    if type(operator) is not int or not 1 <= operator <= OPERATOR_CODE_MAX:
        raise refuse(Code.MALFORMED, "attestation.operator")
    if type(wallet) is not int or not is_wallet_number(wallet):
        raise refuse(Code.MALFORMED, "attestation.wallet")
    if type(key) is not bytes or not 1 <= len(key) <= KEY_LENGTH_MAX:
        raise refuse(Code.MALFORMED, "attestation.key")
    times = (issued_ms, expires_ms)
    if any(type(each) is not int or not 0 <= each <= _TIME_MAX_MS for each in times):
        raise refuse(Code.MALFORMED, "attestation.times")
    return Attestation(
        operator=operator,
        wallet=AccountNumber(wallet),
        key=key,
        issued_ms=issued_ms,
        expires_ms=expires_ms,
        message=message,
    )
