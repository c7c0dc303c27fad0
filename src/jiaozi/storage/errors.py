"""What storage reports when it cannot do its work.

Every error says what happened, whether anything was lost, and what to do. Which refusal a client
sees for it is decided by the parties.
"""

from dataclasses import dataclass

__all__ = [
    "BackupUnusable",
    "CommitUnknown",
    "EmbeddedServerError",
    "MigrationError",
    "ProgramFailed",
    "QueryFileError",
    "StorageError",
    "StorageUnavailable",
]

NOTHING_LOST = "Nothing that was acknowledged is lost."


@dataclass(kw_only=True, eq=False)
class StorageError(Exception):
    """The root of all storage errors.

    Attributes:
        happened: What went wrong, in one sentence.
        remedy: What the person who runs the service can do about it.
    """

    happened: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.happened} {self.remedy}"


class StorageUnavailable(StorageError):
    """The database cannot be used now: unreachable, stopped, full or too slow.

    The transaction in which it was raised has had no effect. The same work may be tried again.
    """

    def __str__(self) -> str:
        return f"{self.happened} {NOTHING_LOST} {self.remedy}"


class CommitUnknown(StorageUnavailable):
    """The database went away during a commit, so the transaction may or may not have had effect.

    The only way on is to look: read back what it would have written.
    """


class EmbeddedServerError(StorageError):
    """The embedded PostgreSQL did not start, or stopped on its own."""

    def __str__(self) -> str:
        return f"{self.happened} {NOTHING_LOST} {self.remedy}"


class MigrationError(StorageError):
    """The migrations of this program and those of the database do not fit together."""


class QueryFileError(StorageError):
    """A file of named statements is malformed, or does not fit its class."""


class ProgramFailed(StorageError):
    """A client program of PostgreSQL ended with an error."""


class BackupUnusable(StorageError):
    """A backup cannot be made there, or cannot be put back there; nothing was changed."""
