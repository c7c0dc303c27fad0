"""Why a registry does not write, in one word each: for health, figures and alerts."""

from dataclasses import dataclass
from enum import StrEnum


class Wait(StrEnum):
    """What the writer waits for; `invariant` alone does not pass by itself."""

    STARTING = "starting"
    DATABASE = "database"
    STANDBY = "standby"
    OTHER_WRITER = "other_writer"
    GENESIS = "genesis"
    RULEBOOK = "rulebook"
    BLOCK_KEY = "block_key"
    INVARIANT = "invariant"


@dataclass(eq=False)
class NotLeading(Exception):
    """This registry does not write now.

    Attributes:
        reason: In a sentence.
        wait: In a word.
    """

    reason: str
    wait: Wait

    def __str__(self) -> str:
        return self.reason
