"""Ask a sub-wallet to be paid, by the token that a platform knows it by.

::

    platform -> the payer's operator    token, and its request (protocol/payment_request.py)
    operator                            finds the sub-wallet that this payee means by the token
    the sub-wallet's key -> operator    lists what it is asked for, and pays it like any request

The platform learns no number, and nothing of what becomes of it but the payment itself. A request
that waits here bears no note: an operator keeps no text of others about its customers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources

from jiaozi.operator.registry.block_keys import RegistryKeys
from jiaozi.operator.wallets.platforms import Platforms
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.payment_request import read_request
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Database
from jiaozi.storage.queries import load_statements

DEMANDS_MAX = 20
"""Requests that wait for one sub-wallet."""


@dataclass(frozen=True, slots=True)
class _Statements:
    drop_expired: str
    put_demand: str
    demands: str


_SQL = load_statements(_Statements, resources.files(__package__) / "demands.sql")


@dataclass(frozen=True, slots=True, kw_only=True)
class Demands:
    """The use cases; their dependencies."""

    network: NetworkId
    database: Database
    platforms: Platforms
    keys: RegistryKeys
    now_ms: Callable[[], int]

    async def put(self, token: bytes, text: str) -> None:
        """Let a request wait for the sub-wallet that its payee means by a token; twice is once.

        Raises:
            Refusal: As `read_request`; ``malformed`` when it bears a note; ``signature_invalid``
                when no operator attests it; ``expired``; ``wallet_unknown`` for a token that is not
                the payee's; ``too_large`` beyond `DEMANDS_MAX`.
        """
        request = read_request(text, self.network)
        if request.terms.note:
            raise refuse(Code.MALFORMED, "body.request")
        if not request.is_attested(self.keys.certify, self.network):
            raise refuse(Code.SIGNATURE_INVALID)
        now_ms = self.now_ms()
        if request.terms.expires_ms <= now_ms:
            raise refuse(Code.EXPIRED, request.terms.expires_ms)
        sub_wallet = await self.platforms.resolve(token, request.terms.payee)
        async with self.database.transaction() as connection:
            await connection.execute(_SQL.drop_expired, sub_wallet, now_ms)
            waits = await connection.fetchval(
                _SQL.put_demand, sub_wallet, request.identity, "".join(text.split()),
                request.terms.expires_ms, DEMANDS_MAX,
            )  # fmt: skip
        if not waits:
            raise refuse(Code.TOO_LARGE, "demands", DEMANDS_MAX)

    async def listed(self, wallet: int) -> list[str]:
        """Return the requests that wait for a wallet, those that expire first first."""
        async with self.database.connection() as connection:
            rows = await connection.fetch(_SQL.demands, wallet, self.now_ms())
        return [row["request"] for row in rows]
