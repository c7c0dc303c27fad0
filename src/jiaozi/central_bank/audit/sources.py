"""Where an audit gets blocks from: `from_database` or `from_http`."""

from collections.abc import AsyncIterator
from typing import Protocol

from jiaozi.central_bank.audit.model import AuditStopped, RawBlock

HEADERS_AT_A_TIME = 1_000
BLOCKS_AT_A_TIME = 32


class SourceUnavailable(AuditStopped):
    """Blocks cannot be had now, or not by this key."""


class BlockSource(Protocol):
    """Gives blocks in the order of their heights."""

    async def tip_height(self) -> int:
        """Return the height of the last block.

        Raises:
            SourceUnavailable: There is none.
        """

    def headers(self, first: int, last: int) -> AsyncIterator[bytes]:
        """Yield the signed headers from one height to another."""

    def blocks(self, first: int, last: int) -> AsyncIterator[RawBlock]:
        """Yield the blocks from one height to another; fewer when there are no more."""
