"""The feed: what one operator learns of each block, with proof that nothing was left out.

::

    feed block   = bstr of a CBOR sequence: proof, entry, entry, ...
    proof        = [header: bstr, first sequence number, index, size, [hash, ...]]
    entry        = [position, order: bstr, legs: [bstr or null, ...], outcome, cause or null]
    running hash = SHA-256("jiaozi/feed/1" || running hash before || height (8) || digest || ...)
    digest       = position (4) || leaf (32) || mask of visible legs (4) || cause (1)
    feeds leaf   = CBOR [operator, entries so far, running hash]

An operator's entries are numbered from 1 without gaps. Their running hash is a leaf of the tree
whose root stands in every header; the leaf is shown with its path to that operator alone. The
hash takes in the height, because a later header proves the same head as long as nothing is added.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from struct import Struct
from types import NoneType
from typing import NamedTuple

from jiaozi.protocol import blocks, cbor, merkle
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.blocks import SignedHeader
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.order_types import LEGS_MAX
from jiaozi.protocol.orders import SUBMISSION_BYTES_MAX
from jiaozi.protocol.refusals import Code, Outcome, PayeeCause, refuse

_DOMAIN = b"jiaozi/feed/1"
_DIGEST = Struct(">I32sIB")
FEED_BLOCK_BYTES_MAX = 64 << 20
ENTRY_BYTES_MAX = SUBMISSION_BYTES_MAX + 128
"""An order, its legs, and some room for position, outcome and proof."""


class Head(NamedTuple):
    """Where an operator's feed stands: entries so far and their running hash."""

    sequence: int
    running_hash: bytes


START = Head(0, bytes(32))


class Entry(NamedTuple):
    """One order as an operator sees it; legs that are not its own are None."""

    position: int
    cose: bytes
    legs: list[bytes | None]
    outcome: Outcome
    cause: PayeeCause | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedBlock:
    """One block of a feed, checked: its header, its entries, and where the feed stands after."""

    header: SignedHeader
    entries: tuple[Entry, ...]
    head: Head


def digest(position: int, leaf: bytes, visible: int, cause: int) -> bytes:
    """Return what the running hash takes in for one entry; ``visible`` is a bit mask of legs."""
    return _DIGEST.pack(position, leaf, visible, cause)


def advance(head: Head, height: int, digests: Sequence[bytes]) -> Head:
    """Return the head after a block's entries; the same head when there are none."""
    if not digests:
        return head
    block = height.to_bytes(8, "big") + b"".join(digests)
    running = sha256(_DOMAIN + head.running_hash + block).digest()
    return Head(head.sequence + len(digests), running)


def head_leaf(operator: int, head: Head) -> bytes:
    """Return the leaf hash for an operator's head in a header's feeds tree."""
    return merkle.leaf_hash(cbor.encode([operator, head.sequence, head.running_hash]))


def encode_block(
    header: bytes,
    first_sequence: int,
    entries: Sequence[Entry],
    proof: tuple[int, int, list[bytes]],
) -> bytes:
    """Encode one block of a feed; ``proof`` is index, size and path of the operator's leaf."""
    items = [cbor.encode([header, first_sequence, *proof])]
    items += [
        cbor.encode([each.position, each.cose, each.legs, list(each.outcome), each.cause])
        for each in entries
    ]
    return cbor.encode(b"".join(items))


def read_block(
    data: bytes, *, operator: int, before: Head, block_keys: BlockKeys, network: NetworkId
) -> FeedBlock:
    """Check one block of a feed against the head that the operator holds.

    The legs that are shown are checked by whoever reads the order (`orders.parse_view`).

    Raises:
        Refusal: ``malformed`` for other bytes; ``signature_invalid`` when the header is not the
            registry's or entries were left out, changed or reordered.
    """
    items = _items(data)
    header_bytes, first, index, size, path = _read_proof(next(items, None))
    header = blocks.read_header(header_bytes, block_keys=block_keys, network=network)
    entries = tuple(map(_read_entry, items))
    if any(one.position >= next_one.position for one, next_one in pairwise(entries)):
        raise refuse(Code.MALFORMED, "feed.position")
    head = advance(before, header.header.height, [_digest_of(entry) for entry in entries])
    root = merkle.root_from_proof(head_leaf(operator, head), index, size, path)
    if first != before.sequence + 1 or root != header.header.feeds_root:
        raise refuse(Code.SIGNATURE_INVALID)
    return FeedBlock(header=header, entries=entries, head=head)


def visible_mask(legs: Sequence[object | None]) -> int:
    """Return the bit mask of the legs that are shown: bit i for leg i."""
    return sum(1 << index for index, leg in enumerate(legs) if leg is not None)


def _digest_of(entry: Entry) -> bytes:
    leaf = blocks.leaf(entry.cose, blocks.encode_outcome(entry.outcome))
    return digest(entry.position, leaf, visible_mask(entry.legs), entry.cause or 0)


def _items(data: bytes) -> Iterator[object]:
    """Yield what a feed block holds: its header with the proof, then the entries."""
    try:
        [(held, _)] = cbor.decode_sequence(data, items_max=1, item_size_max=FEED_BLOCK_BYTES_MAX)
        if type(held) is not bytes:
            raise refuse(Code.MALFORMED, "feed")
        for value, _ in cbor.decode_sequence(
            held, items_max=1 + blocks.ORDERS_MAX, item_size_max=ENTRY_BYTES_MAX
        ):
            yield value
    except ValueError:
        raise refuse(Code.MALFORMED, "feed") from None


def _read_proof(value: object) -> tuple[bytes, int, int, int, list[bytes]]:
    if type(value) is not list or len(value) != 5:
        raise refuse(Code.MALFORMED, "feed")
    header, first, index, size, path = value
    if type(header) is not bytes or any(type(each) is not int for each in (first, index, size)):
        raise refuse(Code.MALFORMED, "feed")
    if type(path) is not list or any(type(each) is not bytes for each in path):
        raise refuse(Code.MALFORMED, "feed.path")
    return header, first, index, size, path


def _read_entry(row: object) -> Entry:
    if type(row) is not list or len(row) != 5:
        raise refuse(Code.MALFORMED, "feed.entry")
    position, order, legs, outcome, cause = row
    if type(position) is not int or not 0 <= position < blocks.ORDERS_MAX:
        raise refuse(Code.MALFORMED, "feed.position")
    if type(order) is not bytes or type(legs) is not list or len(legs) > LEGS_MAX:
        raise refuse(Code.MALFORMED, "feed.entry")
    if any(type(leg) not in (bytes, NoneType) for leg in legs):
        raise refuse(Code.MALFORMED, "feed.legs")
    if cause is not None and (type(cause) is not int or cause not in _CAUSES):
        raise refuse(Code.MALFORMED, "feed.cause")
    read = blocks.read_outcome(outcome)
    return Entry(position, order, legs, read, None if cause is None else PayeeCause(cause))


_CAUSES = frozenset(PayeeCause)
