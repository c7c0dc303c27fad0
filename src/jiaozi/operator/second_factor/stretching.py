"""Stretch PINs: Argon2id under a pepper, beside the event loop, a few at a time.

::

    secret = HMAC-SHA-256(pepper, "jiaozi/pin/1" || wallet: 8 bytes || PIN)
    digest = Argon2id(secret, salt; RFC 9106)

The pepper is a secret file of the operator's (operator/keys.py). Without it the database alone does
not tell whether a PIN is right; with both, all PINs of six digits are tried in days, so no backup
may hold the two together.
"""

import asyncio
import hmac
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from argon2.low_level import Type, hash_secret_raw

from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.keys import KdfCost

PIN_COST = KdfCost(memory_kib=64 * 1024, passes=3, lanes=1)
"""RFC 9106's second choice in one lane: about 0.15 s of one core."""
THREADS = 2
PLACES_MAX = 32
"""PINs that are stretched or wait for it; more are refused."""
SALT_LENGTH, DIGEST_LENGTH = 16, 32

_RETRY_AFTER_MS = 1_000
_DOMAIN = b"jiaozi/pin/1"


class PinStretching:
    """Argon2id in threads of its own; lives in one event loop."""

    def __init__(self, pepper: bytes, cost: KdfCost = PIN_COST) -> None:
        self.cost = cost
        self._pepper = pepper
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="pin")
        self._taken = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Take a place in the queue, before anything is counted.

        Raises:
            Refusal: ``busy``.
        """
        if self._taken >= PLACES_MAX:
            raise refuse(Code.BUSY, _RETRY_AFTER_MS)
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1

    async def digest(self, wallet: int, pin: str, salt: bytes, cost: KdfCost) -> bytes:
        """Return the 32 bytes by which a PIN is compared."""
        secret = hmac.digest(
            self._pepper, _DOMAIN + wallet.to_bytes(8, "big") + pin.encode(), "sha256"
        )
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _argon2id, secret, salt, cost)

    def close(self) -> None:
        """Let the threads end; what waits is not begun."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _argon2id(secret: bytes, salt: bytes, cost: KdfCost) -> bytes:
    return hash_secret_raw(
        secret,
        salt,
        time_cost=cost.passes,
        memory_cost=cost.memory_kib,
        parallelism=cost.lanes,
        hash_len=DIGEST_LENGTH,
        type=Type.ID,
    )
