"""What the bytes of one block decide: all that is checked without the state before it.

1. The header is signed by the key that it names, for this network.
2. The body is the one whose hash it names, and holds as many orders as it says.
3. Each order is well formed, alive at block time, and every signature on it holds.
4. Each outcome is one that may stand in a block, and a sweep is the one that its payment makes.
5. The Merkle root over orders and outcomes is the one that the header names.

Whether the key may sign blocks, and whether those who signed an order are those who had to, takes
the state (`follow`). Keys travel in the messages: so this part, which is nearly all of the work,
runs on all cores and in any order.

Run as a program with a network's id, this module reads frames of blocks from its standard input
and answers each on its standard output (`checkers`).
"""

import marshal
import sys
from collections.abc import Callable, Sequence
from dataclasses import astuple
from struct import Struct
from typing import Any, BinaryIO

from jiaozi.central_bank.audit.model import CheckedBlock, CheckedHeader, CheckedOrder, Fault, Rule
from jiaozi.protocol import blocks, cbor, cose, merkle
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.blocks import HEADER_BYTES_MAX, ORDERS_MAX, Header
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.offline.certificate import Device
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import SUBMISSION_BYTES_MAX, Inner, Order, check_window, parse_item
from jiaozi.protocol.refusals import SETTLED, Refusal, refusal_of
from jiaozi.protocol.sweeps import sweep_leg, sweep_payload

LENGTH = Struct(">I")
"""What each frame begins with: its length."""

_SETTLED = blocks.encode_outcome(SETTLED)

_Report = Callable[[Rule, str, int | None], None]


def check_block(network: NetworkId, header: bytes, body: bytes) -> CheckedBlock:
    """Check one block."""
    faults: list[Fault] = []

    def report(rule: Rule, detail: str, position: int | None = None) -> None:
        faults.append((rule, detail, position))

    try:
        signed, checked = check_header(network, header)
    except Refusal as refusal:
        report(Rule.BLOCK_SIGNATURE, f"the header cannot be relied on: {refusal}")
        return CheckedBlock(None, [], faults)
    if blocks.body_hash(body) != signed.body_hash:
        report(Rule.BODY, "the body is not the one whose hash the header names")
    orders, leaves = _check_orders(network, signed, body, report)
    if len(leaves) != signed.count:
        report(Rule.BODY, f"the body has {len(leaves)} orders, the header says {signed.count}")
    elif merkle.root(leaves) != signed.orders_root:
        report(Rule.ORDERS_ROOT, "orders and outcomes do not have the root that the header names")
    return CheckedBlock(checked, orders, faults)


def check_header(network: NetworkId, data: bytes) -> tuple[Header, CheckedHeader]:
    """Check a header against the key that it names itself.

    Raises:
        Refusal: A shape code or ``signature_invalid``.
    """
    signature = cose.decode(data, size_max=HEADER_BYTES_MAX).signatures[0]
    keys = BlockKeys.stated(signature.key)
    signed = blocks.read_header(data, block_keys=keys, network=network)
    header = signed.header
    return header, CheckedHeader(
        header.height, header.time_ms, header.previous, signed.identity,
        int(signature.suite), signature.key, header.state,
    )  # fmt: skip


def _check_orders(
    network: NetworkId, header: Header, body: bytes, report: _Report
) -> tuple[list[CheckedOrder], list[bytes]]:
    """Check the orders of a body, which in block 0 is genesis; also return the leaf of each."""
    if header.height == 0:
        return [], []
    aad = external_aad(Domain.ORDER, network)
    checked: list[CheckedOrder] = []
    leaves: list[bytes] = []
    items_max = 2 * min(header.count, ORDERS_MAX)
    items = cbor.decode_sequence(body, items_max=items_max, item_size_max=SUBMISSION_BYTES_MAX)
    position, payment = 0, None
    try:
        for (value, encoded), (outcome_value, encoded_outcome) in zip(items, items, strict=False):
            settled = encoded_outcome == _SETTLED
            if not settled:
                _check_refusal(outcome_value, position, report)
            try:
                order = parse_item((value, encoded))
            except Refusal as refusal:
                report(Rule.ORDER, f"not an order: {refusal}", position)
            else:
                leaves.append(blocks.leaf(order.cose, encoded_outcome))
                plain = _plain(order, position, settled)
                _check_order(order, plain, header.time_ms, aad, report)
                if order.inner is not None:
                    _check_inner(order.inner, network, position, report)
                checked.append(plain)
                if order.type is not OrderType.SWEEP:
                    payment = order
                elif not (settled and payment and _is_sweep_of(order, payment)):
                    report(Rule.ORDER, "no sweep that follows from the order before it", position)
            position += 1
    except cbor.NotCanonical as error:
        report(Rule.BODY, f"the body cannot be read from here on: {error}", position)
    return checked, leaves


def _is_sweep_of(order: Order, payment: Order) -> bool:
    """Say whether the bytes of a sweep are those that follow from a payment."""
    leg = order.legs[0]
    expected = sweep_leg(payment.identity, leg.debit, leg.credit, leg.amount)
    return order.message.payload == sweep_payload(payment, expected)


def _check_refusal(value: object, position: int, report: _Report) -> None:
    try:
        refusal_of(blocks.read_outcome(value))
    except (Refusal, ValueError):
        report(Rule.OUTCOME, "neither settled nor a final refusal of the catalogue", position)


def _check_order(
    order: Order, checked: CheckedOrder, time_ms: int, aad: bytes, report: _Report
) -> None:
    if not cose.verify(order.message, aad):
        report(Rule.ORDER_SIGNATURE, "a signature on the order does not hold", checked.position)
    try:
        check_window(order, time_ms)
    except Refusal as refusal:
        report(Rule.ORDER_TIME, str(refusal), checked.position)
    if order.not_before_ms > time_ms and checked.settled:
        report(Rule.ORDER_TIME, "settled before the order begins", checked.position)


def _check_inner(inner: Inner, network: NetworkId, position: int, report: _Report) -> None:
    if not cose.verify(inner.message, external_aad(inner.domain, network)):
        report(Rule.ORDER_SIGNATURE, "the message in the order is not signed", position)


def _plain(order: Order, position: int, settled: bool) -> CheckedOrder:
    """Take out what the state needs, in types that go from process to process quickly."""
    return CheckedOrder(
        position,
        order.type,
        order.id,
        order.scope,
        tuple((leg.debit, leg.credit, leg.amount) for leg in order.legs),
        tuple((int(each.suite), each.key) for each in order.message.signatures),
        order.body,
        order.reference,
        settled,
        None if order.inner is None else _plain_inner(order.inner),
    )


def _plain_inner(inner: Inner) -> tuple[Any, ...]:
    signature, said = inner.message.signatures[0], inner.said
    if isinstance(said, Device):
        return (
            signature.key, said.operator, said.suite, said.key, int(said.profile), said.generation,
            said.not_before_ms, said.not_after_ms, astuple(said.limits),
        )  # fmt: skip
    return (
        int(signature.suite), signature.key, inner.message.identity, said.counter, said.position,
        said.amount_fen, said.payee, said.wallet,
    )  # fmt: skip


def encode_checked(checked: CheckedBlock) -> tuple[object, ...]:
    """Turn a block into plain values for the way to another process."""
    header, orders, faults = checked
    return (
        None if header is None else tuple(header),
        [(each[0], int(each[1]), *each[2:]) for each in orders],
        [(str(rule), detail, position) for rule, detail, position in faults],
    )


def serve(network: NetworkId, source: BinaryIO, sink: BinaryIO) -> None:
    """Answer frames until the source ends."""
    while head := source.read(LENGTH.size):
        frame: Sequence[tuple[bytes, bytes]] = marshal.loads(  # noqa: S302 - from our own parent
            source.read(LENGTH.unpack(head)[0])
        )
        answer = marshal.dumps([encode_checked(check_block(network, *each)) for each in frame])
        sink.write(LENGTH.pack(len(answer)) + answer)
        sink.flush()


if __name__ == "__main__":
    serve(NetworkId(bytes.fromhex(sys.argv[1])), sys.stdin.buffer, sys.stdout.buffer)
