"""Verification codes of statements: what an operator vouches for, short enough for paper.

::

    code    = base64url of COSE_Sign1 by the operator's certify key,
              domain "jiaozi/wallet-statement/1"
    payload = {1: operator, 2: wallet, 3: from, 4: up to, 5: opening, 6: in, 7: out, 8: closing,
               9: entries, 10: digest, 11: height, 12: issued, ? 13: holder}
    digest  = SHA-256 over the entries' lines of the statement's CSV form, as they stand there
    holder  = SHA-256("jiaozi/statement-holder/1" || digest || name in UTF-8)

Times are Unix milliseconds, amounts fen; the period ends before ``up to``. The code proves the
sums and, beside the CSV form, every entry. The holder's name is proven to whoever can name it: a
code tells none. It says nothing of the time after it was issued.
"""

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.certify_keys import CertifyKeys
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.numbers import OPERATOR_CODE_MAX, AccountNumber, is_wallet_number
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer

CODE_BYTES_MAX = 512
CODE_CHARACTERS_MAX = 4 * CODE_BYTES_MAX // 3 + 4

_HASH_LENGTH = 32
_HOLDER_DOMAIN = b"jiaozi/statement-holder/1"
_NUMBERS = 12
_HOLDER_KEY = 13
_DIGEST_KEY = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementCode:
    """What a statement says in sum.

    Attributes:
        until_ms: The period ends before it.
        height: The last block that is taken into account.
        holder: Hash of the name that the statement bears, None when it bears none.
    """

    operator: int
    wallet: AccountNumber
    from_ms: int
    until_ms: int
    opening_fen: int
    incoming_fen: int
    outgoing_fen: int
    closing_fen: int
    entries: int
    digest: bytes
    height: int
    issued_ms: int
    holder: bytes | None = None

    def names(self, name: str) -> bool:
        """Say whether this is the name that the statement bears."""
        return self.holder == holder_hash(name, self.digest)


def holder_hash(name: str, digest: bytes) -> bytes:
    """Return what stands in a code for the holder's name."""
    return sha256(_HOLDER_DOMAIN + digest + name.encode()).digest()


def sign_code(code: StatementCode, signer: Signer, network: NetworkId) -> str:
    """Make the text of a code."""
    values = (
        code.operator, code.wallet, code.from_ms, code.until_ms, code.opening_fen,
        code.incoming_fen, code.outgoing_fen, code.closing_fen, code.entries, code.digest,
        code.height, code.issued_ms, code.holder,
    )  # fmt: skip
    fields = {key: value for key, value in enumerate(values, start=1) if value is not None}
    message = cose.sign1(
        cbor.encode(fields), signer, external_aad(Domain.WALLET_STATEMENT, network)
    )
    return base64.urlsafe_b64encode(message).decode().rstrip("=")


def signing_key(text: str) -> bytes:
    """Return the key that a code names as its signer's; whether it signed is not checked here.

    Raises:
        Refusal: ``too_large``, ``malformed``, ``not_canonical`` or ``suite_unsupported``.
    """
    return cose.decode(_message(text), size_max=CODE_BYTES_MAX).signatures[0].key


def read_operators_code(text: str, *, keys: CertifyKeys, network: NetworkId) -> StatementCode:
    """Read a code and check that its operator's key of that time signed it.

    Raises:
        Refusal: As `read_code`; ``signature_invalid`` also for a key that was not the operator's
            when the code was issued, or was revoked.
    """
    key = signing_key(text)
    code = read_code(text, key=key, network=network)
    if not keys.may_sign(code.operator, key, code.issued_ms):
        raise refuse(Code.SIGNATURE_INVALID)
    return code


def read_code(text: str, *, key: bytes, network: NetworkId) -> StatementCode:
    """Read a code and check it against an operator's certify key; white space does not count.

    Raises:
        Refusal: ``too_large``, ``malformed``, ``not_canonical``, ``suite_unsupported``, or
            ``signature_invalid``: made by another key, for another network, or changed.
    """
    aad = external_aad(Domain.WALLET_STATEMENT, network)
    message = cose.read1(_message(text), key=key, aad=aad, size_max=CODE_BYTES_MAX)
    try:
        fields = cbor.decode(message.payload, size_max=CODE_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "statement") from None
    return _read_fields(fields)


def _message(text: str) -> bytes:
    if len(text) > 2 * CODE_CHARACTERS_MAX:
        raise refuse(Code.TOO_LARGE, "code", CODE_CHARACTERS_MAX)
    packed = "".join(text.split())
    try:
        return base64.b64decode(packed + "=" * (-len(packed) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise refuse(Code.MALFORMED, "code") from None


def _read_fields(fields: object) -> StatementCode:
    if type(fields) is not dict or not set(range(1, _NUMBERS + 1)) <= fields.keys():
        raise refuse(Code.MALFORMED, "statement")
    if not fields.keys() <= set(range(1, _HOLDER_KEY + 1)):
        raise refuse(Code.MALFORMED, "statement")
    hashes = [fields[key] for key in (_DIGEST_KEY, _HOLDER_KEY) if key in fields]
    if any(type(each) is not bytes or len(each) != _HASH_LENGTH for each in hashes):
        raise refuse(Code.MALFORMED, "statement")
    values = [fields[key] for key in range(1, _NUMBERS + 1) if key != _DIGEST_KEY]
    if any(type(each) is not int or not 0 <= each <= FEN_MAX for each in values):
        raise refuse(Code.MALFORMED, "statement")
    operator, wallet, from_ms, until_ms, opening, incoming, outgoing, closing, entries = values[:9]
    if not 1 <= operator <= OPERATOR_CODE_MAX or not is_wallet_number(wallet):
        raise refuse(Code.MALFORMED, "statement.wallet")
    if opening + incoming - outgoing != closing:
        raise refuse(Code.MALFORMED, "statement.closing")
    return StatementCode(
        operator=operator,
        wallet=AccountNumber(wallet),
        from_ms=from_ms,
        until_ms=until_ms,
        opening_fen=opening,
        incoming_fen=incoming,
        outgoing_fen=outgoing,
        closing_fen=closing,
        entries=entries,
        digest=fields[_DIGEST_KEY],
        height=values[9],
        issued_ms=values[10],
        holder=fields.get(_HOLDER_KEY),
    )
