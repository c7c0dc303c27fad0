"""What a purse takes from anyone, since it is signed: the time, and which keys are revoked.

A purse has no clock: its time is a `floor.Floor` under headers that the registry signed.
"""

from dataclasses import replace
from types import MappingProxyType

from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.blocks import read_header
from jiaozi.protocol.offline.purse import Purse
from jiaozi.protocol.offline.reading import read_parts
from jiaozi.protocol.refusals import Code, refuse

_TIME_BYTES_MAX = 2048


def raise_floor(purse: Purse, time_message: bytes) -> Purse:
    """Learn the time from a header of the registry: ``[header, block key's certificate]``.

    A header once more changes nothing, and an earlier one lowers nothing.

    Raises:
        Refusal: A shape code, or ``signature_invalid``: not the registry's, or its key revoked.
    """
    header, certificate = read_parts(time_message, "time", size_max=_TIME_BYTES_MAX, count=2)
    anchor = purse.anchor
    keys = BlockKeys(MappingProxyType({})).with_certificates(
        [certificate], root_key=anchor.root_key, network=anchor.network
    )
    signed = read_header(header, block_keys=keys, network=anchor.network)
    if signed.key in purse.revocations.revoked:
        raise refuse(Code.SIGNATURE_INVALID)
    floor = purse.floor.told(signed.key, signed.header.time_ms)
    return purse if floor == purse.floor else replace(purse, floor=floor)


def learn_revocations(purse: Purse, frame: bytes) -> Purse:
    """Take a frame of the revocation list, from whomever; the floor may rest on a key in it.

    Raises:
        Refusal: As `Revocations.extended`.
    """
    extended = purse.revocations.extended(frame, purse.anchor, purse.floor_ms)
    if extended is purse.revocations:
        return purse
    floor = purse.floor.without(extended.revoked, extended.time_ms)
    return replace(
        purse,
        revocations=extended,
        floor=floor,
        synchronised_ms=min(purse.synchronised_ms, floor.time_ms),
    )
