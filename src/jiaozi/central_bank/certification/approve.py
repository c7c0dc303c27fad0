"""Approvals: an order passed around until all who must sign it have signed its very bytes.

::

    approval = [payload: bstr, [leg: bstr, ...]]      ; while nobody has signed
             / [COSE_Sign: bstr, [leg: bstr, ...]]    ; then: a submission as the registry takes it

A signature made here is a signer's part of the order itself. An officer reads the order
(`order_of`) and signs it with a key of their own; an operator does the same with its vault key
where the order table asks for it. Who must sign, and whether two signatures are two persons, is
decided by the registry's writer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from jiaozi.protocol import cbor, cose, orders
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.orders import SUBMISSION_BYTES_MAX, Leg, Order
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Ed25519Signer, Signer

_COSE_SIGN = b"\xd8\x62"
# An order is read only with a signature. Before there is one, this one stands in; it is never sent.
_NOBODY = Ed25519Signer(bytes(32))


@dataclass(kw_only=True, eq=False)
class AlreadySigned(Exception):
    """This key has signed the order before."""

    def __str__(self) -> str:
        return "This key has signed the order already; another person must sign it too."


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """An order with the signatures so far."""

    payload: bytes
    legs: tuple[bytes, ...]
    signatures: tuple[cose.Signature, ...] = ()


def propose(payload: bytes, legs: Sequence[Leg] = ()) -> Approval:
    """Begin with an order that nobody has signed.

    Raises:
        Refusal: It is no order that could be taken, whoever signs.
    """
    approval = Approval(payload=payload, legs=tuple(leg.encoded() for leg in legs))
    order_of(approval)
    return approval


def order_of(approval: Approval) -> Order:
    """Read the order that is to be signed; its signatures mean nothing here.

    Raises:
        Refusal: Any of the shape codes, or ``lifetime_too_long``.
    """
    signatures = approval.signatures or (cose.signature_by(approval.payload, _NOBODY, b""),)
    return orders.parse(_submission(approval, signatures))


def sign_approval(approval: Approval, signer: Signer, network: NetworkId) -> Approval:
    """Add a signature over the very bytes of the order.

    Raises:
        AlreadySigned: This key has signed before.
    """
    if signer.public_key in {each.key for each in approval.signatures}:
        raise AlreadySigned
    aad = external_aad(Domain.ORDER, network)
    signature = cose.signature_by(approval.payload, signer, aad)
    return replace(approval, signatures=(*approval.signatures, signature))


def join_approvals(first: Approval, second: Approval) -> Approval:
    """Put together what two persons signed on copies of their own.

    Raises:
        Refusal: ``malformed`` when they are not of the same order.
    """
    if (first.payload, first.legs) != (second.payload, second.legs):
        raise refuse(Code.MALFORMED, "approval.payload")
    known = {each.key for each in first.signatures}
    added = tuple(each for each in second.signatures if each.key not in known)
    return replace(first, signatures=first.signatures + added)


def submission_of(approval: Approval) -> bytes:
    """Return the signed order as the registry takes it.

    Raises:
        Refusal: ``signer_missing`` when nobody has signed.
    """
    if not approval.signatures:
        raise refuse(Code.SIGNER_MISSING, 1, 0)
    return _submission(approval, approval.signatures)


def encode_approval(approval: Approval) -> bytes:
    """Encode an approval to be passed on; once all have signed it can be sent as it is."""
    if approval.signatures:
        return submission_of(approval)
    return cbor.encode([approval.payload, list(approval.legs)])


def read_approval(data: bytes, network: NetworkId) -> Approval:
    """Read an approval that someone passed on, and check every signature on it.

    Raises:
        Refusal: A shape code, or ``signature_invalid`` when a signature is not over this order in
            this network.
    """
    try:
        value = cbor.decode(data, size_max=SUBMISSION_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "approval") from None
    if type(value) is not list or len(value) != 2 or type(value[0]) is not bytes:
        raise refuse(Code.MALFORMED, "approval")
    head, legs = value
    if type(legs) is not list or any(type(each) is not bytes for each in legs):
        raise refuse(Code.MALFORMED, "approval.legs")
    if not head.startswith(_COSE_SIGN):
        approval = Approval(payload=head, legs=tuple(legs))
        order_of(approval)
        return approval
    message = orders.parse(data).message
    if not cose.verify(message, external_aad(Domain.ORDER, network)):
        raise refuse(Code.SIGNATURE_INVALID)
    return Approval(payload=message.payload, legs=tuple(legs), signatures=message.signatures)


def _submission(approval: Approval, signatures: Sequence[cose.Signature]) -> bytes:
    return cbor.encode([cose.join(approval.payload, signatures), list(approval.legs)])
