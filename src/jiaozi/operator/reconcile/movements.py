"""The vault's movements, out of the feed. Pure."""

from collections.abc import Iterator
from typing import NamedTuple

from jiaozi.protocol import cbor, numbers
from jiaozi.protocol.feed import Entry, FeedBlock
from jiaozi.protocol.orders import parse_view
from jiaozi.protocol.refusals import SETTLED


class Movement(NamedTuple):
    """One settled leg that debits or credits the vault. The columns of the table."""

    height: int
    position: int
    leg: int
    incoming: bool
    counterparty: int
    amount_fen: int
    order_type: int
    order_id: bytes
    time_ms: int


def movements_of(block: FeedBlock, operator: int) -> list[Movement]:
    """Return what a checked feed block says of an operator's vault.

    Raises:
        Refusal: An entry is no order: its legs are not those that were signed.
    """
    vault = int(numbers.vault_of(operator))
    encoded = cbor.encode(vault)
    return [
        movement
        for entry in block.entries
        if entry.outcome == SETTLED and any(leg and encoded in leg for leg in entry.legs)
        for movement in _of_entry(block, entry, vault)
    ]


def _of_entry(block: FeedBlock, entry: Entry, vault: int) -> Iterator[Movement]:
    order, header = parse_view(entry.cose, entry.legs), block.header.header
    places = [index for index, leg in enumerate(entry.legs) if leg is not None]
    for index, leg in zip(places, order.legs, strict=True):
        if vault not in (leg.debit, leg.credit):
            continue
        incoming = leg.credit == vault
        yield Movement(
            header.height, entry.position, index, incoming,
            int(leg.debit if incoming else leg.credit), leg.amount, int(order.type), order.id,
            header.time_ms,
        )  # fmt: skip
