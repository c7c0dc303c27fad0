"""A card whose power goes at one write."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from jiaozi.card.storage import Storage


class Cut(Enum):
    """Where the power goes in one write."""

    BEFORE = "before writing"
    TORN = "within the file beside"
    PREPARED = "before it takes its place"
    COMMITTED = "after it, before the answer"


class PowerLost(Exception):
    """The card's process is gone at once."""


@dataclass
class Fault:
    """The power goes at one write, counted over the whole story."""

    write: int
    cut: Cut
    seen: int = 0

    @property
    def is_now(self) -> bool:
        return self.seen == self.write


class DyingStorage(Storage):
    """A card's memory whose power goes."""

    def __init__(self, directory: Path, fault: Fault) -> None:
        super().__init__(directory)
        self.fault = fault

    def prepare(self, data: bytes) -> None:
        self.fault.seen += 1
        if self.fault.is_now and self.fault.cut is Cut.BEFORE:
            raise PowerLost
        if self.fault.is_now and self.fault.cut is Cut.TORN:
            super().prepare(data[: len(data) // 2])
            raise PowerLost
        super().prepare(data)

    def commit(self) -> None:
        if self.fault.is_now and self.fault.cut is Cut.PREPARED:
            raise PowerLost
        super().commit()
        if self.fault.is_now and self.fault.cut is Cut.COMMITTED:
            raise PowerLost
