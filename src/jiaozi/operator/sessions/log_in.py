"""Log in: a challenge for one wallet, origin and purpose, then a session for whoever signed it."""

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256

from jiaozi.operator.sessions import store
from jiaozi.operator.sessions.model import (
    RANDOM_LENGTH,
    SESSION_LIFETIME_MS,
    Session,
    challenge_expires_ms,
    make_challenge,
)
from jiaozi.operator.wallets import store as wallets
from jiaozi.operator.wallets.model import Wallet, WalletState
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.login import Login, Purpose, check_login, read_login
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.storage.database import Database

_COOKIE_LENGTH = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A session that has begun; the cookie is known to nobody but the browser."""

    session: Session
    cookie: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn:
    """The use case; its dependencies.

    Attributes:
        origin: Of the wallet in the browser; nothing else may log in.
        key: Makes and knows the challenges; the same in every process of the operator.
    """

    operator: int
    network: NetworkId
    origin: str
    database: Database
    key: bytes = field(repr=False)
    now_ms: Callable[[], int]

    def challenge(self, wallet: AccountNumber, purpose: Purpose) -> tuple[Login, int]:
        """Return what a wallet has to sign, and until when; alike for wallets that do not exist."""
        login = Login(
            operator=self.operator,
            wallet=wallet,
            origin=self.origin,
            purpose=purpose,
            challenge=b"",
        )
        made = make_challenge(
            login, self.key, random=secrets.token_bytes(RANDOM_LENGTH), now_ms=self.now_ms()
        )
        return replace(login, challenge=made.value), made.expires_ms

    async def __call__(self, data: bytes) -> Opened:
        """Open a session for a signed login.

        Raises:
            Refusal: A shape code; ``login_invalid``, whatever else is wrong.
        """
        login, now_ms = read_login(data), self.now_ms()
        expires_ms = challenge_expires_ms(login, self.key)
        if (login.operator, login.origin) != (self.operator, self.origin):
            raise refuse(Code.LOGIN_INVALID)
        if expires_ms is None or expires_ms <= now_ms:
            raise refuse(Code.LOGIN_INVALID)
        wallet = await self._signer(login, data)
        cookie = secrets.token_hex(_COOKIE_LENGTH)
        session = Session(
            digest=digest_of(cookie),
            wallet=wallet.number,
            public_key=wallet.public_key,
            expires_ms=now_ms + SESSION_LIFETIME_MS,
        )
        async with self.database.transaction() as connection:
            if not await store.use_login(connection, sha256(login.challenge).digest(), expires_ms):
                raise refuse(Code.LOGIN_INVALID)
            await store.add_session(connection, session)
        return Opened(session=session, cookie=cookie)

    async def _signer(self, login: Login, data: bytes) -> Wallet:
        async with self.database.connection() as connection:
            wallet = await wallets.find_wallet(connection, login.wallet)
        if wallet is None or wallet.state is not WalletState.OPEN:
            raise refuse(Code.LOGIN_INVALID)
        try:
            check_login(data, key=wallet.public_key, network=self.network)
        except Refusal:
            raise refuse(Code.LOGIN_INVALID) from None
        return wallet


def digest_of(cookie: str) -> bytes:
    """Return the 32 bytes by which a session is kept."""
    return sha256(cookie.encode()).digest()


def challenge_key(secret: bytes) -> bytes:
    """Derive the key of challenges from a secret of the operator's."""
    return hmac.digest(secret, b"jiaozi/login-challenge/1", "sha256")
