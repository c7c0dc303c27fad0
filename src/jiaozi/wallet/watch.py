"""Watch a wallet: what comes in and goes out, as soon as its operator knows.

The operator tells only how far the history reaches, over a stream that stays open; what is new is
then read from the history. A stream that ends or breaks is opened again from where the last one
was, so nothing is missed and nothing is told twice.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx

from jiaozi.protocol.refusals import Refusal, Retry
from jiaozi.wallet.answers import take
from jiaozi.wallet.errors import AnswerMalformed, NoAnswer
from jiaozi.wallet.history import read_history
from jiaozi.wallet.wallet import Wallet

PAUSE_S = 1.0
"""Before a stream is opened again."""

_START = "0.0.0"
_ID = "id: "


async def watch(wallet: Wallet) -> AsyncIterator[dict[str, Any]]:
    """Yield the entries that come to the history from now on, oldest first, without end.

    Raises:
        Refusal: The operator opens no stream: too many, or the wallet's key is another one now.
        NoAnswer: It cannot be reached at the beginning.
        AnswerMalformed: It tells something else than cursors.
    """
    told = await _newest(wallet)
    while True:
        try:
            async for line in wallet.client.events(after=told):
                if not line.startswith(_ID) or line == _ID + told:
                    continue
                for entry in await _since(wallet, told):
                    yield entry
                    told = take(entry, "cursor", str)
        except (httpx.HTTPError, NoAnswer):
            pass  # away for a while: the history keeps what happens meanwhile
        except Refusal as refusal:
            if refusal.entry.retry is not Retry.SAME_ORDER:
                raise
        await wallet.edge.sleep(PAUSE_S)


async def _newest(wallet: Wallet) -> str:
    async for entry in read_history(wallet):
        return take(entry, "cursor", str)
    return _START


async def _since(wallet: Wallet, told: str) -> list[dict[str, Any]]:
    """Return what stands in the history after a cursor, oldest first."""
    place, entries = _place(told), []
    async for entry in read_history(wallet):
        if _place(take(entry, "cursor", str)) <= place:
            break
        entries.append(entry)
    return entries[::-1]


def _place(cursor: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, cursor.split(".")))
    except ValueError as error:
        raise AnswerMalformed(detail="The history has a place that is none") from error
