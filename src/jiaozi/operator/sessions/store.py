"""Sessions in the operator's database: the statements of `queries.sql`."""

from dataclasses import dataclass
from importlib import resources

from jiaozi.operator.sessions.model import Session
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements


@dataclass(frozen=True, slots=True)
class _Statements:
    use_login: str
    add_session: str
    find_session: str
    end_session: str
    end_sessions: str
    forget_sessions: str
    forget_logins: str


_SQL = load_statements(_Statements, resources.files(__package__) / "queries.sql")


async def use_login(connection: Connection, digest: bytes, forget_ms: int) -> bool:
    """Take a login; false if it was taken before."""
    return await connection.fetchval(_SQL.use_login, digest, forget_ms) is not None


async def add_session(connection: Connection, session: Session) -> None:
    """Store a session."""
    await connection.execute(
        _SQL.add_session, session.digest, session.wallet, session.public_key, session.expires_ms
    )


async def find_session(connection: Connection, digest: bytes, now_ms: int) -> Session | None:
    """Return a session that has not expired."""
    row = await connection.fetchrow(_SQL.find_session, digest, now_ms)
    return None if row is None else Session(**row)


async def end_session(connection: Connection, digest: bytes) -> None:
    """End one session."""
    await connection.execute(_SQL.end_session, digest)


async def end_sessions(connection: Connection, wallet: int) -> None:
    """End all sessions of a wallet."""
    await connection.execute(_SQL.end_sessions, wallet)


async def forget(connection: Connection, now_ms: int) -> None:
    """Drop what has expired."""
    await connection.execute(_SQL.forget_sessions, now_ms)
    await connection.execute(_SQL.forget_logins, now_ms)
