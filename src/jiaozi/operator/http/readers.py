"""Who reads: a wallet by its signature, or a browser by a session that the wallet's key opened.

A session is a cookie, which a browser sends by itself. So it is taken for reading only, from the
wallet's own pages only, and never beside a signature.
"""

from collections.abc import Callable
from typing import NamedTuple

from starlette.requests import Request

from jiaozi.operator.http.access import Access
from jiaozi.operator.rates import OperatorLimits
from jiaozi.operator.sessions import store as sessions
from jiaozi.operator.sessions.log_in import digest_of
from jiaozi.operator.sessions.model import Session
from jiaozi.operator.wallets import store as wallets
from jiaozi.operator.wallets.model import Wallet
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database

COOKIE = "__Host-jiaozi-session"
_READING = frozenset(("GET", "HEAD"))
_SAME_ORIGIN = "same-origin"


class WalletOrigin:
    """Where browsers show the wallet; what comes from elsewhere has no part in its sessions."""

    def __init__(self, origin: str) -> None:
        self._origin = origin

    def check(self, request: Request) -> None:
        """Check that a request to begin or end a session comes from the wallet's own pages.

        Raises:
            Refusal: ``origin_foreign``, also for a request that names no origin.
        """
        if request.headers.get("origin") != self._origin:
            raise refuse(Code.ORIGIN_FOREIGN)

    def check_reading(self, request: Request) -> None:
        """Check a reading request, whose origin browsers name only where it is another one.

        Raises:
            Refusal: ``origin_foreign``.
        """
        origin = request.headers.get("origin", self._origin)
        site = request.headers.get("sec-fetch-site", _SAME_ORIGIN)
        if origin != self._origin or site != _SAME_ORIGIN:
            raise refuse(Code.ORIGIN_FOREIGN)


class Reader(NamedTuple):
    """Who reads, and by which session, if by one."""

    wallet: Wallet
    session: Session | None


class Readers(Access):
    """Verifies holders' requests; for reading, sessions too."""

    def __init__(
        self,
        database: Database,
        network: NetworkId,
        now_ms: Callable[[], int],
        limits: OperatorLimits,
        *,
        origin: WalletOrigin,
    ) -> None:
        super().__init__(database, network, now_ms, limits)
        self._origin = origin

    async def of_wallet(self, request: Request) -> Wallet:
        """Return the wallet whose key signed a request or opened its session.

        Raises:
            Refusal: As `Access.of_wallet`; ``origin_foreign`` or ``session_ended``.
        """
        return (await self._reader(request)).wallet

    async def reader_numbered(self, request: Request, number: str) -> Reader:
        """Return who reads about a wallet: itself, or its session.

        Raises:
            Refusal: As `of_wallet`; ``not_allowed`` for another wallet.
        """
        reader = await self._reader(request)
        if format_number(reader.wallet.number) != number:
            raise refuse(Code.NOT_ALLOWED)
        return reader

    async def _reader(self, request: Request) -> Reader:
        cookie = request.cookies.get(COOKIE)
        if cookie is None or "signature" in request.headers or request.method not in _READING:
            return Reader(await super().of_wallet(request), None)
        self._origin.check_reading(request)
        async with self._database.connection() as connection:
            session = await sessions.find_session(connection, digest_of(cookie), self._now_ms())
            if session is None:
                raise refuse(Code.SESSION_ENDED)
            wallet = await wallets.find_wallet(connection, session.wallet)
        if wallet is None or not session.is_of(wallet):
            raise refuse(Code.SESSION_ENDED)
        self._limits.wallets.take(format_number(wallet.number))
        return Reader(wallet, session)
