"""The devices that orders are about, by the key, certificate or payment that an order carries."""

from jiaozi.central_bank.audit.devices import Device, ShownCertificate, SpokenPayment
from jiaozi.central_bank.audit.model import CheckedOrder, Differs, Rule
from jiaozi.central_bank.audit.state import State


def payment_of(order: CheckedOrder) -> SpokenPayment:
    """Return the payment that an order carries."""
    assert order.inner is not None, "its shape asks for a payment"
    return SpokenPayment(*order.inner)


def certificate_of(order: CheckedOrder) -> ShownCertificate:
    """Return the device certificate that an order carries."""
    assert order.inner is not None, "its shape asks for a device certificate"
    return ShownCertificate(*order.inner)


def named_device(order: CheckedOrder, state: State) -> Device:
    """Return the device that an order names.

    Raises:
        Differs: It is not known.
    """
    return known_device(order.body["device"], state)


def known_device(key: bytes, state: State) -> Device:
    """Return the device of a key.

    Raises:
        Differs: It is not known.
    """
    device = state.devices.known.get(key)
    if device is None:
        raise device_differs(key, "is named by an order and was never enrolled")
    return device


def device_differs(key: bytes, detail: str) -> Differs:
    """Say what the registry did to a device and should not have."""
    return Differs(rule=Rule.EFFECT, detail=f"the device {key.hex()[:16]}… {detail}")
