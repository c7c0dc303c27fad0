"""Where time and chance enter a wallet: everything else takes them as arguments."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The clocks, the source of randomness and the way to wait.

    Attributes:
        now_ms: Unix time in milliseconds; goes into ids and expiries.
        monotonic_s: Seconds that never step back; deadlines are counted on it.
        random: Returns that many unpredictable bytes.
        sleep: Waits for that many seconds.
    """

    now_ms: Callable[[], int]
    monotonic_s: Callable[[], float]
    random: Callable[[int], bytes]
    sleep: Callable[[float], Awaitable[None]]


SYSTEM_EDGE = Edge(
    now_ms=lambda: time.time_ns() // 1_000_000,
    monotonic_s=time.monotonic,
    random=secrets.token_bytes,
    sleep=asyncio.sleep,
)
"""The machine's own clocks and randomness."""
