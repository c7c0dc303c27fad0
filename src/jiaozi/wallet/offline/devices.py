"""A wallet's devices, which need not be within reach: listed, reported lost, claimed.

::

    lost   the operator revokes the device; what it paid before may surface until the claim's time
    claim  CLAIM order of wallet and operator: what the registry has seen on the device -> wallet
"""

from typing import Any

from jiaozi.protocol import cbor, numbers, orders
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.legs import SALT_LENGTH, Leg
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.wallet.answers import take
from jiaozi.wallet.errors import AnswerMalformed, DeviceNotLost, DeviceUnknown, NothingToClaim
from jiaozi.wallet.model import JournaledOrder, Purpose, SignedOrder
from jiaozi.wallet.pay import LIFETIME_MS
from jiaozi.wallet.second_factor import beside
from jiaozi.wallet.submit import submit
from jiaozi.wallet.wallet import Wallet


def sign_about(
    wallet: Wallet, order_type: OrderType, leg: Leg, **body: int | bytes | None
) -> SignedOrder:
    """Sign an order about a device by the wallet's key."""
    now_ms = wallet.edge.now_ms()
    head = OrderHead(
        id=new_order_id(now_ms, wallet.edge.random(10)),
        type=order_type,
        expires_ms=now_ms + LIFETIME_MS,
    )
    submission = orders.sign_order(head, [wallet.signer], wallet.network, legs=[leg], **body)
    return SignedOrder(
        order_id=head.id, purpose=Purpose.LIFE, submission=submission, expires_ms=head.expires_ms
    )


async def devices(wallet: Wallet) -> list[dict[str, Any]]:
    """Return the devices of this wallet, as the operator tells of them."""
    listed = take(await wallet.client.ask_own("GET", "/devices"), "devices", list)
    if any(type(each) is not dict for each in listed):
        raise AnswerMalformed(detail="The list of devices cannot be read")
    return [_device(each) for each in listed]


async def report_lost(wallet: Wallet, key: bytes) -> dict[str, Any]:
    """Have a device revoked: no purse that learns of it pays or believes it any more.

    Raises:
        DeviceUnknown: The wallet has no such device.
        Refusal: The operator does not revoke it.
        NoAnswer: Report it again.
    """
    return await _ask(wallet, "POST", f"/devices/{key.hex()}/revocation")


async def claim(wallet: Wallet, key: bytes) -> JournaledOrder:
    """Take back what is left of a lost device, once what it paid must have surfaced.

    Raises:
        DeviceUnknown: The wallet has no such device.
        DeviceNotLost: It was not reported lost.
        NothingToClaim: Nothing is left on it.
        Refusal: The operator does not sign it.
        NoAnswer: What was stored stays open.
        AnswerMalformed: The operator tells no amount, or its signature is none.
    """
    device = await _ask(wallet, "GET", f"/devices/{key.hex()}")
    amount_fen = int(device["shadow_fen"])
    if device["state"] not in ("revoked", "convicted"):
        raise DeviceNotLost(detail="The device is in use")
    if amount_fen <= 0:
        raise NothingToClaim(detail="Nothing is left on the device that the registry has seen")
    leg = Leg(numbers.OFFLINE, wallet.number, amount_fen, wallet.edge.random(SALT_LENGTH))
    order = sign_about(wallet, OrderType.CLAIM, leg, number=wallet.number, device=key)
    draft = orders.parse(order.submission)
    body = cbor.encode([draft.message.payload, [leg.encoded() for leg in draft.legs]])
    countersignature = await wallet.client.ask_own_bytes(
        "POST", f"/devices/{key.hex()}/claims", body, content_type="application/cbor"
    )
    order = beside(wallet, order, countersignature)
    wallet.journal.store([order])
    standing = (await submit(wallet, [order]))[order.order_id]
    return JournaledOrder(order=order, standing=standing)


async def _ask(wallet: Wallet, method: str, path: str) -> dict[str, Any]:
    """Ask something about one device."""
    try:
        return _device(await wallet.client.ask_own(method, path))
    except Refusal as refusal:
        if refusal.code is Code.NOT_FOUND:
            raise DeviceUnknown(detail="This wallet has no such device") from refusal
        raise


def _device(document: dict[str, Any]) -> dict[str, Any]:
    """Return what an operator tells of a device, once it is seen to tell all of it."""
    for name in ("device", "profile", "state"):
        take(document, name, str)
    take(document, "shadow_fen", int)
    if document.get("claim_from_ms") is not None:
        take(document, "claim_from_ms", int)
    return document
