"""What can keep the parties from running on this machine."""

from dataclasses import dataclass


@dataclass(kw_only=True, eq=False)
class LocalError(Exception):
    """The parties cannot be started here; nothing that was acknowledged is lost.

    Attributes:
        happened: What went wrong, in one sentence.
        remedy: What to do about it.
    """

    happened: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.happened} {self.remedy}"


class DirectoryInUse(LocalError):
    """Another process runs the parties of this directory."""


class DirectoryForeign(LocalError):
    """The directory holds something else, or belongs to someone else."""


class PortTaken(LocalError):
    """Another program listens on one of the ports."""


class ProcessFailed(LocalError):
    """A party did not start."""


class ReadersFailed(LocalError):
    """There are no virtual card readers."""
