"""News between the processes of an operator, and how far histories reach."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from jiaozi.operator.history.model import Cursor
from jiaozi.operator.wallets.model import Wallet
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements

CHANNEL = "jiaozi_notices"
HISTORY, WALLET, SESSION = "history", "wallet", "session"
"""What a message begins with: news in the history, the end of a wallet's or a session's streams."""


@dataclass(frozen=True, slots=True)
class _Statements:
    tell: str
    may_read: str
    newest: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


async def tell_history(connection: Connection) -> None:
    """Tell that histories have grown; whoever has streams looks whose."""
    await connection.execute(_SQL.tell, HISTORY)


async def tell_wallet_ended(connection: Connection, wallet: int) -> None:
    """Tell that all streams of a wallet are to end."""
    await connection.execute(_SQL.tell, f"{WALLET} {wallet}")


async def tell_session_ended(connection: Connection, digest: bytes) -> None:
    """Tell that all streams of a session are to end."""
    await connection.execute(_SQL.tell, f"{SESSION} {digest.hex()}")


async def may_read(connection: Connection, wallet: Wallet, session: bytes | None) -> bool:
    """Say whether a wallet's key and a session are still what they were when they were checked."""
    may: bool = await connection.fetchval(_SQL.may_read, wallet.number, wallet.public_key, session)
    return may


async def newest(connection: Connection, wallets: Sequence[int]) -> dict[int, Cursor]:
    """Return how far the histories of wallets reach, without those that are empty."""
    rows = await connection.fetch(_SQL.newest, list(wallets))
    return {row["wallet"]: Cursor(row["height"], row["position"], row["leg"]) for row in rows}
