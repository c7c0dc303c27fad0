"""Issue codes: without one nobody who is not known enrols a device.

Each anonymous device takes a share of the operator's guarantee, and its certificate is what purses
without network believe. So a clerk decides how many there may be. The database has the hash of a
code alone; a code is good once and until a time.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from jiaozi.operator.offline import store
from jiaozi.operator.offline.store import IssueCodeCounts
from jiaozi.protocol.issue_codes import CODE_LENGTH
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Connection, Database

CODES_MAX = 10_000
"""Made at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeIssueCodes:
    """The use case; its dependencies."""

    database: Database
    now_ms: Callable[[], int]

    async def __call__(
        self, count: int, *, expires_ms: int, clerk: str, file_number: str
    ) -> list[bytes]:
        """Make so many codes, at most `CODES_MAX`, and return them: nobody can later."""
        codes = [secrets.token_bytes(CODE_LENGTH) for _ in range(count)]
        async with self.database.transaction() as connection:
            await store.add_issue_codes(
                connection,
                [sha256(each).digest() for each in codes],
                clerk=clerk,
                file_number=file_number,
                now_ms=self.now_ms(),
                expires_ms=expires_ms,
            )
        return codes

    async def counts(self) -> IssueCodeCounts:
        """Return how many codes are open, used and expired."""
        async with self.database.connection() as connection:
            return await store.count_issue_codes(connection, self.now_ms())


async def use_issue_code(
    connection: Connection, code: bytes | None, device: bytes, now_ms: int
) -> None:
    """Use a code up for a device, within the transaction that enrols it.

    Raises:
        Refusal: ``code_wrong``: there is none, or it was used for another device, or is too old.
    """
    digest = None if code is None else sha256(code).digest()
    if digest is None or not await store.use_issue_code(connection, digest, device, now_ms):
        raise refuse(Code.CODE_WRONG)
