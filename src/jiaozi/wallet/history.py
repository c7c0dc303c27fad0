"""What moved in and out of a wallet, as its operator keeps it, with the holder's own notes."""

from collections.abc import AsyncIterator
from typing import Any

from jiaozi.protocol import orders
from jiaozi.protocol.ids import AHEAD_MAX_MS, id_time_ms
from jiaozi.wallet.answers import standing_of, take
from jiaozi.wallet.errors import AnswerMalformed
from jiaozi.wallet.model import DEAD, OPEN, SignedOrder, Standing
from jiaozi.wallet.wallet import Wallet

PAGE_ENTRIES = 100


async def read_history(
    wallet: Wallet, *, search: str | None = None, **filters: str | int | None
) -> AsyncIterator[dict[str, Any]]:
    """Yield entries, newest first, as the operator has them, with ``note`` where there is one.

    Notes stand in this wallet's journal alone, so that it is searched here.

    Args:
        wallet: Whose.
        search: Only entries with this in note, counterparty, reference or order id.
        filters: ``from_ms``, ``to_ms``, ``type``, ``direction``, ``counterparty``, ``min_fen``,
            ``max_fen``, ``reference``, ``link`` as the operator's route takes them.

    Raises:
        NoAnswer: What was yielded stands.
        AnswerMalformed: Likewise.
    """
    cursor: str | None = None
    while True:
        page = await wallet.client.history(after=cursor, limit=PAGE_ENTRIES, **filters)
        for entry in take(page, "entries", list):
            note = _note(wallet, entry)
            shown = entry if note is None else {**entry, "note": note}
            if search is None or _has(shown, search):
                yield shown
        cursor = page.get("next")
        if cursor is None:
            return


async def find_in_history(wallet: Wallet, order: SignedOrder) -> Standing:
    """Return what the operator's history shows of an expired order.

    History is read from the blocks in their order, newest line first here. So a line from after
    the order's expiry shows that the operator has read that far, and that an order without a line
    never settled. Without such a line nothing is certain, and the order stays open. A line of
    another's order with the same id shows nothing: ids are unique only for the account debited.
    """
    earliest_ms = max(0, id_time_ms(order.order_id) - AHEAD_MAX_MS)
    read_up_to_ms = 0
    async for entry in read_history(wallet, from_ms=earliest_ms):
        read_up_to_ms = max(read_up_to_ms, take(entry, "time_ms", int))
        if _is_of(entry, order):
            return standing_of(
                take(entry, "outcome", list),
                take(entry, "height", int),
                take(entry, "position", int),
            )
    return DEAD if read_up_to_ms > order.expires_ms else OPEN


def _note(wallet: Wallet, entry: dict[str, Any]) -> str | None:
    """Return the holder's own note: of the order, or of the request that was paid by it."""
    journaled = wallet.journal.find(_bytes(entry, "order_id"))
    if journaled and _is_of(entry, journaled.order):
        return None if journaled.order.note is None else journaled.order.note.text
    if entry.get("reference") is None:
        return None
    return wallet.journal.requested_note(_bytes(entry, "reference"))


def _has(entry: dict[str, Any], wanted: str) -> bool:
    names = ("note", "counterparty", "reference", "order_id")
    return any(wanted.casefold() in str(entry.get(name) or "").casefold() for name in names)


def _is_of(entry: dict[str, Any], order: SignedOrder) -> bool:
    """Say whether an entry is of this very order, and not of another with the same id."""
    if _bytes(entry, "order_id") != order.order_id:
        return False
    return _bytes(entry, "identity") == orders.parse(order.submission).identity


def _bytes(entry: dict[str, Any], name: str) -> bytes:
    try:
        return bytes.fromhex(take(entry, name, str))
    except ValueError as error:
        raise AnswerMalformed(detail=f"An entry of the history has no {name}") from error
