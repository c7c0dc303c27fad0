"""Rate limits: how much one wallet, operator or address may ask of a process.

A limit is a token bucket: so many at once, so many a second after that. Each key has a bucket of
its own, so that a flood by one takes nothing from the others. Buckets live in the memory of one
process, as many as `KEYS_MAX` at most, and do not survive it; with several processes behind one
address each of them gives the whole rate.

What is refused is refused with ``busy`` and the time until it would be taken: nothing was done, and
the very same may be sent again.
"""

import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from math import ceil

from jiaozi.protocol.refusals import Code, refuse

KEYS_MAX = 100_000
"""Most buckets of one limit; beyond them the longest untouched are forgotten, which fills them."""

_IPV6_HOST_BITS = 64
_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """How fast, and how much at once.

    Attributes:
        per_s: Taken each second in the long run; above zero.
        burst: Taken at once after a pause.
    """

    per_s: float
    burst: int

    def __post_init__(self) -> None:
        if self.per_s <= 0 or self.burst < 1:
            raise ValueError("a rate lets something pass: per_s above 0, burst 1 or more")


class RateLimit:
    """One limit: a bucket for each key.

    A bucket is one number, the time at which it will be full again (the generic cell rate
    algorithm), and a full one need not be known. So the longer untouched half is dropped whole
    when there are too many, and nothing ever walks through them.
    """

    def __init__(
        self,
        rate: Rate,
        *,
        keys_max: int = KEYS_MAX,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._interval_s = 1 / rate.per_s
        self._burst_s = rate.burst / rate.per_s
        self._half_max = max(1, keys_max // 2)
        self._clock_s = clock_s
        self._full_at: dict[Hashable, float] = {}
        self._older: dict[Hashable, float] = {}

    def take(self, key: Hashable, count: int = 1) -> None:
        """Take so many of a key's tokens, all or none.

        A count above the burst is taken from a full bucket, and paid for by a longer wait.

        Raises:
            Refusal: ``busy``: that many would be too fast.
        """
        now_s = self._clock_s()
        full_at = self._full_at.get(key) or self._older.get(key, now_s)
        if full_at > now_s:
            wait_s = full_at + count * self._interval_s - now_s - self._burst_s
            if wait_s > _ROUNDING_S:
                raise refuse(Code.BUSY, _milliseconds(min(wait_s, full_at - now_s)))
        else:
            full_at = now_s
        self._full_at[key] = full_at + count * self._interval_s
        if len(self._full_at) > self._half_max:
            self._forget()

    def check(self, key: Hashable) -> None:
        """Take nothing, but refuse where not even one could be taken.

        Raises:
            Refusal: ``busy``.
        """
        full_at = self._full_at.get(key) or self._older.get(key)
        if full_at is not None:
            wait_s = full_at + self._interval_s - self._clock_s() - self._burst_s
            if wait_s > _ROUNDING_S:
                raise refuse(Code.BUSY, _milliseconds(wait_s))

    def charge(self, key: Hashable, count: int = 1) -> None:
        """Take tokens for what was done already, of a bucket that has too few as well."""
        now_s = self._clock_s()
        full_at = self._full_at.get(key) or self._older.get(key, now_s)
        self._full_at[key] = max(full_at, now_s) + count * self._interval_s
        if len(self._full_at) > self._half_max:
            self._forget()

    def _forget(self) -> None:
        self._older, self._full_at = self._full_at, {}

    def __len__(self) -> int:
        """How many buckets are known."""
        return len(self._full_at) + len(self._older)


class Allowance:
    """One key's limit, for work whose cost is known only when it is done.

    It begins as long as anything is left, and is paid for afterwards: what costs more than the
    whole burst is done as well, and nothing more until that is paid off.
    """

    def __init__(self, limit: RateLimit | None, key: Hashable) -> None:
        self._limit = limit
        self._key = key

    def check(self) -> None:
        """Refuse what is to begin while nothing is left; without a limit something always is.

        Raises:
            Refusal: ``busy``.
        """
        if self._limit is not None:
            self._limit.check(self._key)

    def charge(self, cost: float) -> None:
        """Pay for what was done, rounded up to whole tokens."""
        if self._limit is not None and cost > 0:
            self._limit.charge(self._key, ceil(cost))


class UnderWay:
    """How much of each key is under way: none may hold more than its share of a queue."""

    def __init__(self, share: int, *, retry_after_ms: int) -> None:
        self._share = share
        self._retry_after_ms = retry_after_ms
        self._counts: dict[Hashable, int] = {}

    @contextmanager
    def hold(self, key: Hashable, count: int) -> Iterator[None]:
        """Count so much for as long as the context lasts; with nothing under way any may begin.

        Raises:
            Refusal: ``busy``: the key's share is under way.
        """
        held = self._counts.get(key, 0)
        if held and held + count > self._share:
            raise refuse(Code.BUSY, self._retry_after_ms)
        self._counts[key] = held + count
        try:
            yield
        finally:
            left = self._counts[key] - count
            if left:
                self._counts[key] = left
            else:
                del self._counts[key]


def source_of(host: str) -> str:
    """Return what counts as one sender: an IPv4 address, the network of an IPv6 one.

    Whoever has one IPv6 address has 2^64 of them.
    """
    return _network_of(host) if ":" in host else host


@lru_cache(maxsize=4096)
def _network_of(host: str) -> str:
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if not isinstance(address, IPv6Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> _IPV6_HOST_BITS << _IPV6_HOST_BITS))


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000 + 0.5))
