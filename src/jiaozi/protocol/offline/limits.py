"""What a purse may do by itself: limits of its certificate, standing of devices, days alone.

Counts and sums bind without any clock; days count between times that the registry signed.
"""

from jiaozi.protocol.certificates import Certified
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.offline.certificate import Device
from jiaozi.protocol.offline.purse import Purse
from jiaozi.protocol.refusals import Code, refuse


def check_peer(purse: Purse, device: Device) -> None:
    """Check that a device may be paid and believed, as far as is known here.

    Raises:
        Refusal: ``device_expired`` or ``device_revoked``.
    """
    if device.not_after_ms <= purse.floor_ms:
        raise refuse(Code.DEVICE_EXPIRED, device.not_after_ms)
    if not purse.revocations.accept(device):
        raise refuse(Code.DEVICE_REVOKED)


def check_certifier(purse: Purse, certifier: Certified) -> None:
    """Check that what an operator signed may be believed, as far as is known here.

    Raises:
        Refusal: ``certificate_revoked``: the key may be a thief's.
    """
    if certifier.key in purse.revocations.revoked:
        raise refuse(Code.CERTIFICATE_REVOKED)


def check_works(purse: Purse) -> None:
    """Check that this purse may still pay and be paid without network.

    Raises:
        Refusal: As `check_peer`, or ``purse_not_synchronised``.
    """
    check_peer(purse, purse.device)
    days = purse.device.limits.days
    if purse.floor_ms - purse.synchronised_ms > days * DAY_MS:
        raise refuse(Code.PURSE_NOT_SYNCHRONISED, days)


def check_outgoing(purse: Purse, amount_fen: int) -> None:
    """Check a payment that would leave against the device's limits.

    Raises:
        Refusal: ``purse_payment_limit``, ``purse_out_count`` or ``purse_out_limit``.
    """
    limits, usage = purse.device.limits, purse.usage
    if amount_fen > limits.payment_fen:
        raise refuse(Code.PURSE_PAYMENT_LIMIT, limits.payment_fen)
    if usage.out_count >= limits.out_count:
        raise refuse(Code.PURSE_OUT_COUNT, limits.out_count)
    if usage.out_fen + amount_fen > limits.out_fen:
        raise refuse(Code.PURSE_OUT_LIMIT, limits.out_fen, limits.out_fen - usage.out_fen)


def check_incoming(purse: Purse, amount_fen: int) -> None:
    """Check a payment that would come in against the device's limits.

    Raises:
        Refusal: ``purse_in_count``, ``purse_in_limit`` or ``purse_balance_cap``.
    """
    limits, usage = purse.device.limits, purse.usage
    if usage.in_count >= limits.in_count:
        raise refuse(Code.PURSE_IN_COUNT, limits.in_count)
    if usage.in_fen + amount_fen > limits.in_fen:
        raise refuse(Code.PURSE_IN_LIMIT, limits.in_fen, limits.in_fen - usage.in_fen)
    check_room(purse, amount_fen)


def check_room(purse: Purse, amount_fen: int) -> None:
    """Check that the purse may hold an amount more.

    Raises:
        Refusal: ``purse_balance_cap``.
    """
    cap = purse.device.limits.balance_fen
    if purse.balance_fen + amount_fen > cap:
        raise refuse(Code.PURSE_BALANCE_CAP, cap, max(cap - purse.balance_fen, 0))
