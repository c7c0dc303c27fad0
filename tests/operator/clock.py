"""The machine's clock, which a test can put forward."""

import time
from dataclasses import dataclass


@dataclass
class Clock:
    """Unix time in milliseconds for every party of a test."""

    ahead_ms: int = 0

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.ahead_ms

    def advance(self, milliseconds: int) -> None:
        """Let time go by."""
        self.ahead_ms += milliseconds
