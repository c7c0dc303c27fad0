"""Receipts: proof that an order is in a block, checkable with no one's help.

::

    receipt = [order: bstr, legs: [bstr or null, ...], outcome, position, [hash, ...], header: bstr]

A receipt shows its reader the legs that are the reader's; the hashes of the others are in the
order. To check one takes the network's id and the keys that sign blocks: genesis, and beside the
receipt the certificate of its block key where that is a later one.
"""

from dataclasses import dataclass
from types import NoneType

from jiaozi.protocol import blocks, cbor, cose, merkle
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.blocks import Header
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.orders import Order, parse_view
from jiaozi.protocol.refusals import Code, Outcome, refuse

RECEIPT_BYTES_MAX = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """A receipt that was checked: the order with the visible legs, its outcome, its block."""

    order: Order
    outcome: Outcome
    position: int
    header: Header
    block_key: bytes
    """The key that signed the header."""


def encode_receipt(
    item: blocks.BlockItem,
    legs: list[bytes | None],
    position: int,
    path: list[bytes],
    header: bytes,
) -> bytes:
    """Put a receipt together; ``legs`` are those the reader may see, None for the others."""
    return cbor.encode([item.cose, legs, list(item.outcome), position, path, header])


def verify_receipt(data: bytes, *, block_keys: BlockKeys, network: NetworkId) -> Receipt:
    """Check a receipt.

    1. The bytes are a receipt.
    2. The header is signed by a block key of the registry.
    3. Order and outcome are the leaf that the inclusion proof leads from to the header's root.
    4. The visible legs are those the order names.
    5. The order's own signatures hold.

    Raises:
        Refusal: ``malformed`` or ``not_canonical`` at 1, ``signature_invalid`` at 2, 3 and 5,
            ``leg_hash_differs`` at 4.
    """
    try:
        value = cbor.decode(data, size_max=RECEIPT_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "receipt") from None
    order_bytes, legs, outcome_value, position, path, header_bytes = _fields(value)
    signed = blocks.read_header(header_bytes, block_keys=block_keys, network=network)
    outcome = blocks.read_outcome(outcome_value)
    leaf = blocks.leaf(order_bytes, blocks.encode_outcome(outcome))
    root = merkle.root_from_proof(leaf, position, signed.header.count, path)
    if root != signed.header.orders_root:
        raise refuse(Code.SIGNATURE_INVALID)
    order = parse_view(order_bytes, legs)
    if not cose.verify(order.message, external_aad(Domain.ORDER, network)):
        raise refuse(Code.SIGNATURE_INVALID)
    return Receipt(
        order=order,
        outcome=outcome,
        position=position,
        header=signed.header,
        block_key=signed.key,
    )


def _fields(value: object) -> tuple[bytes, list[bytes | None], object, int, list[bytes], bytes]:
    if type(value) is not list or len(value) != 6:
        raise refuse(Code.MALFORMED, "receipt")
    order, legs, outcome, position, path, header = value
    if type(order) is not bytes or type(header) is not bytes or type(position) is not int:
        raise refuse(Code.MALFORMED, "receipt")
    if type(legs) is not list or any(type(leg) not in (bytes, NoneType) for leg in legs):
        raise refuse(Code.MALFORMED, "receipt.legs")
    if type(path) is not list or any(type(each) is not bytes for each in path):
        raise refuse(Code.MALFORMED, "receipt.path")
    return order, legs, outcome, position, path, header
