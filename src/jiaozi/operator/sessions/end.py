"""End sessions, and with them the event streams that hang on them, in every process."""

from jiaozi.operator.notices import store as notices
from jiaozi.operator.sessions import store
from jiaozi.storage.database import Connection


async def end_sessions(connection: Connection, wallet: int) -> None:
    """End all sessions and streams of a wallet, with the caller's transaction.

    For a freeze, and for a new key. Whoever holds the wallet's key may log in again.
    """
    await store.end_sessions(connection, wallet)
    await notices.tell_wallet_ended(connection, wallet)


async def sign_out(connection: Connection, digest: bytes) -> None:
    """End one session and its streams, with the caller's transaction."""
    await store.end_session(connection, digest)
    await notices.tell_session_ended(connection, digest)
