"""The revocation list: what no purse pays or believes any more (rules.md §G.4).

::

    entry  = [key, not after] or [oldest accepted generation]
    hash 0 = 32 zero bytes;  hash n = SHA-256("jiaozi/revocation/1" || hash n-1 || entry n)
    head   = COSE_Sign1 by a list-signing key, domain "jiaozi/revocation-list/1"
             {1: number, 2: hash, 3: time}
    frame  = [head, certificate of its key, number before the first entry, [entry, ...]]

The list only grows; its number is how many entries it ever had. A frame of at most 4 kB brings a
purse that is anywhere inside it up to its head, whoever hands it over: so the list spreads from
device to device. An entry is forgotten once what it names has ended, by the purse's time and by the
list's own: so no header, whoever signed it, makes a purse forget. Its key is a device's; or one
that signs headers, and what it signs is no time any more; or an operator's certify key, and no
device is paid or believed that it certified, until another key has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.certificates import Use, read_certificate
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.offline.certificate import (
    TIME_MAX_MS,
    VALIDITY_MAX_MS,
    Anchor,
    Device,
)
from jiaozi.protocol.offline.reading import read_map, write_map
from jiaozi.protocol.order_types import BodyField, FieldKind
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import KEY_LENGTH_MAX, Signer

FRAME_BYTES_MAX = 4096
ENTRIES_MAX = 40
"""Of one frame: they fit with head and certificate, whatever their suite."""
FRAMES_KEPT = 16
NO_ENTRIES = bytes(32)

_TAG = b"jiaozi/revocation/1"
_HEAD_BYTES_MAX = 256
_HEAD = (
    BodyField(1, "number", FieldKind.UINT),
    BodyField(2, "hash", FieldKind.BYTES32),
    BodyField(3, "time_ms", FieldKind.UINT),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListHead:
    """How long the list is, and the hash of all its entries in order."""

    number: int
    hash: bytes
    time_ms: int


def revocation_entry(key: bytes, not_after_ms: int) -> bytes:
    """Encode the revocation of a device until its certificate ends."""
    return cbor.encode([key, not_after_ms])


def certifier_entry(key: bytes, not_after_ms: int) -> bytes:
    """Encode the revocation of a certify key, until the last device that it may have made ends."""
    return revocation_entry(key, min(not_after_ms + VALIDITY_MAX_MS, TIME_MAX_MS))


def generation_entry(oldest: int) -> bytes:
    """Encode that older generations are no longer accepted."""
    return cbor.encode([oldest])


def extend_hash(before: bytes, entries: Sequence[bytes]) -> bytes:
    """Return the hash of a list with these entries more."""
    for entry in entries:
        before = sha256(_TAG + before + entry).digest()
    return before


def sign_frame(
    head: ListHead, entries: Sequence[bytes], signer: Signer, certificate: bytes, network: NetworkId
) -> bytes:
    """Make the frame of the last entries before a head, `ENTRIES_MAX` at most."""
    payload = write_map(_HEAD, {"number": head.number, "hash": head.hash, "time_ms": head.time_ms})
    signed = cose.sign1(payload, signer, external_aad(Domain.REVOCATION_LIST, network))
    return cbor.encode([signed, certificate, head.number - len(entries), list(entries)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocations:
    """The list as one reader has it, and the latest frames, to be passed on."""

    number: int = 0
    hash: bytes = NO_ENTRIES
    time_ms: int = 0
    """Of the latest head."""
    oldest_generation: int = 0
    revoked: Mapping[bytes, int] = field(default_factory=lambda: MappingProxyType({}))
    """When the certificate of a revoked key ends, in Unix milliseconds."""
    frames: tuple[tuple[int, bytes], ...] = ()
    """With the number that each leads to."""

    def accept(self, device: Device) -> bool:
        """Say whether a device may be paid and believed, as far as this list goes."""
        if device.key in self.revoked or device.certified_by in self.revoked:
            return False
        return device.generation >= self.oldest_generation

    def frames_after(self, number: int) -> list[bytes]:
        """Return the frames that bring a reader at a number further; it may be too far behind."""
        return [frame for leads_to, frame in self.frames if leads_to > number]

    def extended(self, frame: bytes, anchor: Anchor, floor_ms: int) -> "Revocations":
        """Take a frame; one that brings nothing new changes nothing.

        Raises:
            Refusal: A shape code, ``signature_invalid``, or ``list_unfit``: it begins after what
                is known, or does not continue it.
        """
        head, first, entries = _read_frame(frame, anchor)
        if head.number <= self.number:
            return self
        if first > self.number:
            raise refuse(Code.LIST_UNFIT, self.number)
        new = entries[self.number - first :]
        if extend_hash(self.hash, new) != head.hash:
            raise refuse(Code.LIST_UNFIT, self.number)
        oldest, revoked = self.oldest_generation, dict(self.revoked)
        for entry in new:
            generation, key, not_after_ms = _read_entry(entry)
            oldest = max(oldest, generation)
            if key:
                revoked[key] = not_after_ms
        return Revocations(
            number=head.number,
            hash=head.hash,
            time_ms=head.time_ms,
            oldest_generation=oldest,
            revoked=_live(revoked, min(floor_ms, head.time_ms)),
            frames=(*self.frames, (head.number, frame))[-FRAMES_KEPT:],
        )

    def at(self, floor_ms: int) -> "Revocations":
        """Return the list without the devices whose certificates have ended."""
        return replace(self, revoked=_live(self.revoked, min(floor_ms, self.time_ms)))

    def fields(self) -> list[Any]:
        """Return what is kept of it."""
        return [
            self.number,
            self.hash,
            self.time_ms,
            self.oldest_generation,
            [list(each) for each in sorted(self.revoked.items())],
            [list(each) for each in self.frames],
        ]


def revocations_of(fields: list[Any]) -> Revocations:
    """Read what `Revocations.fields` gave."""
    number, digest, time_ms, oldest, revoked, frames = fields
    return Revocations(
        number=number,
        hash=digest,
        time_ms=time_ms,
        oldest_generation=oldest,
        revoked=MappingProxyType(dict(revoked)),
        frames=tuple((leads_to, frame) for leads_to, frame in frames),
    )


def _live(revoked: Mapping[bytes, int], time_ms: int) -> Mapping[bytes, int]:
    return MappingProxyType({key: each for key, each in revoked.items() if each > time_ms})


def _read_frame(data: bytes, anchor: Anchor) -> tuple[ListHead, int, list[bytes]]:
    """Read a frame's head, the number before its first entry, and its entries."""
    if len(data) > FRAME_BYTES_MAX:
        raise refuse(Code.TOO_LARGE, "frame", FRAME_BYTES_MAX)
    try:
        parts = cbor.decode(data, size_max=FRAME_BYTES_MAX)
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "frame") from None
    if type(parts) is not list or [type(each) for each in parts] != [bytes, bytes, int, list]:
        raise refuse(Code.MALFORMED, "frame")
    signed, certificate, first, entries = parts
    if len(entries) > ENTRIES_MAX or any(type(each) is not bytes for each in entries):
        raise refuse(Code.MALFORMED, "frame.entries")
    certified = read_certificate(certificate, root_key=anchor.root_key, network=anchor.network)
    if certified.use is not Use.LIST_SIGNING:
        raise refuse(Code.CERTIFICATE_OTHER_USE)
    aad = external_aad(Domain.REVOCATION_LIST, anchor.network)
    message = cose.read1(signed, key=certified.key, aad=aad, size_max=_HEAD_BYTES_MAX)
    head = ListHead(**read_map(message.payload, "frame.head", _HEAD))
    if not 0 <= first <= head.number or head.number - first != len(entries):
        raise refuse(Code.MALFORMED, "frame.entries")
    return head, first, entries


def _read_entry(data: bytes) -> tuple[int, bytes, int]:
    """Read the generation that an entry names, or a key and when its certificate ends."""
    try:
        entry = cbor.decode(data, size_max=len(data))
    except cbor.NotCanonical:
        raise refuse(Code.NOT_CANONICAL, "frame.entries") from None
    match entry:
        case [int(generation)] if type(generation) is int and generation >= 0:
            return generation, b"", 0
        case [bytes(key), int(not_after_ms)] if (
            type(not_after_ms) is int
            and 0 < not_after_ms <= TIME_MAX_MS
            and 0 < len(key) <= KEY_LENGTH_MAX
        ):
            return 0, key, not_after_ms
        case _:
            raise refuse(Code.MALFORMED, "frame.entries")
