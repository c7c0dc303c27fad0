"""Who calls: the wallet behind a signed request (RFC 9421), and what it may see.

A request names its key by the wallet's number, or, to open one, by the key itself. Its nonce is
taken once; used ones are kept until their request would be refused as too old anyway. A wallet may
read and do what is its own and nothing else; of another one it does not even learn that it exists.

A wallet's requests are counted for it once its signature holds; a key that names itself proves
nothing, so what it signs counts for the address it comes from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib import resources

from starlette.requests import Request

from jiaozi.operator.rates import OperatorLimits
from jiaozi.operator.wallets import store as wallets
from jiaozi.operator.wallets.model import Wallet, WalletState
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.http_signatures import (
    AGE_MAX_S,
    VerifiedRequest,
    claimed_key_id,
    verify_request,
)
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import ED25519_KEY_LENGTH
from jiaozi.service.dispatch import source_in, target_of
from jiaozi.storage.database import Database
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    use_nonce: str
    forget_nonces: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


class Access:
    """Verifies holders' requests."""

    verifies_signatures = True
    """So that the API's description says which routes are signed."""

    def __init__(
        self,
        database: Database,
        network: NetworkId,
        now_ms: Callable[[], int],
        limits: OperatorLimits,
    ) -> None:
        self._database = database
        self._network = network
        self._now_ms = now_ms
        self._limits = limits

    async def of_wallet(self, request: Request) -> Wallet:
        """Return the open wallet whose key signed a request.

        Raises:
            Refusal: What is wrong with the signature; an unknown wallet's is as a false one's;
                ``busy`` when the wallet asks too much.
        """
        key_id = claimed_key_id(request.headers.raw)
        self._limits.wallets.check(key_id)
        wallet = await self._find(key_id)
        await self._verified(request, lambda _: wallet.public_key if wallet else None)
        assert wallet is not None, "a request verifies only with a key"
        self._limits.wallets.take(key_id)
        return wallet

    async def of_wallet_numbered(self, request: Request, number: str) -> Wallet:
        """Return the wallet that signed a request about itself.

        Raises:
            Refusal: As `of_wallet`; ``not_allowed`` for a request about another wallet.
        """
        wallet = await self.of_wallet(request)
        if format_number(wallet.number) != number:
            raise refuse(Code.NOT_ALLOWED)
        return wallet

    async def of_new_key(self, request: Request) -> bytes:
        """Return the key that signed a request and names itself.

        Raises:
            Refusal: What is wrong with the signature; ``busy`` when the address asks too much.
        """
        self._limits.addresses.take(source_in(request.scope))
        return (await self._verified(request, _key_named_by)).key

    async def forget(self) -> None:
        """Drop the nonces that need no longer be known."""
        async with self._database.connection() as connection:
            await connection.execute(_SQL.forget_nonces, self._now_ms())

    async def _find(self, key_id: str) -> Wallet | None:
        if len(key_id) != 16 or not (key_id.isascii() and key_id.isdigit()):
            return None
        async with self._database.connection() as connection:
            wallet = await wallets.find_wallet(connection, int(key_id))
        return wallet if wallet is not None and wallet.state is WalletState.OPEN else None

    async def _verified(
        self, request: Request, key_of: Callable[[str], bytes | None]
    ) -> VerifiedRequest:
        verified = verify_request(
            method=request.method,
            url=target_of(dict(request.scope)),
            headers=request.headers.raw,
            body=await request.body(),
            key_of=key_of,
            now_s=self._now_ms() // 1000,
            network=self._network,
        )
        digest = sha256(verified.key + verified.nonce.encode()).digest()
        forget_ms = (verified.created_s + AGE_MAX_S + 1) * 1000
        async with self._database.connection() as connection:
            if await connection.fetchval(_SQL.use_nonce, digest, forget_ms) is None:
                raise refuse(Code.REQUEST_REPLAYED)
        return verified


def _key_named_by(key_id: str) -> bytes | None:
    try:
        key = bytes.fromhex(key_id)
    except ValueError:
        return None
    return key if len(key) == ED25519_KEY_LENGTH else None
