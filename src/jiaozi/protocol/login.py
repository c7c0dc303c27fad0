"""Logins: a wallet's key says, once, that a browser may read for it (rules.md §F.3).

::

    operator -> wallet    challenge = [expires: uint, random: bstr 16, tag: bstr 32]
    wallet -> operator    login = COSE_Sign1 by the wallet key, domain "jiaozi/login/1"
    payload               {1: operator, 2: wallet, 3: origin, 4: purpose, 5: challenge: bstr}

The origin is the one that the holder sees in the address bar, as browsers write it
(``https://a.wallet.localhost``). A wallet signs only what names its own operator, the origin that
it runs under and what the holder asked for, so that a login cannot be passed on to elsewhere. The
challenge means nothing but to the operator that made it: it takes one once and for 60 s.
"""

from dataclasses import dataclass
from enum import IntEnum

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.numbers import OPERATOR_CODE_MAX, AccountNumber, is_wallet_number
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer

LOGIN_BYTES_MAX = 1024
ORIGIN_LENGTH_MAX = 255
CHALLENGE_LENGTH_MAX = 128

_OPERATOR, _WALLET, _ORIGIN, _PURPOSE, _CHALLENGE = range(1, 6)


class Purpose(IntEnum):
    """What a login is for."""

    READ = 1
    """A session that reads what is the wallet's own, and changes nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a wallet signs to log in."""

    operator: int
    wallet: AccountNumber
    origin: str
    purpose: Purpose
    challenge: bytes

    @property
    def payload(self) -> bytes:
        """The bytes that are signed."""
        return cbor.encode(
            {
                _OPERATOR: self.operator,
                _WALLET: int(self.wallet),
                _ORIGIN: self.origin,
                _PURPOSE: int(self.purpose),
                _CHALLENGE: self.challenge,
            }
        )


def sign_login(login: Login, signer: Signer, network: NetworkId) -> bytes:
    """Sign a login with the wallet's key."""
    return cose.sign1(login.payload, signer, external_aad(Domain.LOGIN, network))


def read_login(data: bytes) -> Login:
    """Read what a login says, from hostile bytes; whose it is has to be checked with its key.

    Raises:
        Refusal: A shape code.
    """
    payload = cose.decode(data, size_max=LOGIN_BYTES_MAX).payload
    try:
        fields = cbor.decode(payload, size_max=LOGIN_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "login") from None
    if type(fields) is not dict or list(fields) != [
        _OPERATOR, _WALLET, _ORIGIN, _PURPOSE, _CHALLENGE,
    ]:  # fmt: skip
        raise refuse(Code.MALFORMED, "login")
    operator, wallet, origin, purpose, challenge = fields.values()
    if type(operator) is not int or not 1 <= operator <= OPERATOR_CODE_MAX:
        raise refuse(Code.MALFORMED, "login.operator")
    if type(wallet) is not int or not 0 <= wallet <= FEN_MAX or not is_wallet_number(wallet):
        raise refuse(Code.MALFORMED, "login.wallet")
    if type(origin) is not str or not 1 <= len(origin) <= ORIGIN_LENGTH_MAX:
        raise refuse(Code.MALFORMED, "login.origin")
    if type(purpose) is not int or purpose not in tuple(Purpose):
        raise refuse(Code.MALFORMED, "login.purpose")
    if type(challenge) is not bytes or not 1 <= len(challenge) <= CHALLENGE_LENGTH_MAX:
        raise refuse(Code.MALFORMED, "login.challenge")
    return Login(
        operator=operator,
        wallet=AccountNumber(wallet),
        origin=origin,
        purpose=Purpose(purpose),
        challenge=challenge,
    )


def check_login(data: bytes, *, key: bytes, network: NetworkId) -> None:
    """Check that a login was signed by the wallet's key.

    Raises:
        Refusal: A shape code, or ``signature_invalid``.
    """
    aad = external_aad(Domain.LOGIN, network)
    cose.read1(data, key=key, aad=aad, size_max=LOGIN_BYTES_MAX)
