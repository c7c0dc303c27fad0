"""Devices, their operators and what they say to each other, with visible defaults."""

from dataclasses import replace
from itertools import count
from typing import Any

import cbor2

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.blocks import Header, sign_header
from jiaozi.protocol.certificates import Certified, Use, certify
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.offline import loading, news, steps, synchronisation
from jiaozi.protocol.offline.certificate import (
    Anchor,
    Chain,
    Device,
    Profile,
    PurseLimits,
    certify_device,
)
from jiaozi.protocol.offline.operator_messages import Checkpoint, Load, sign_checkpoint, sign_load
from jiaozi.protocol.offline.purse import Purse, new_purse
from jiaozi.protocol.offline.replay import HandedLog, read_log
from jiaozi.protocol.offline.revocations import (
    NO_ENTRIES,
    ListHead,
    extend_hash,
    sign_frame,
)
from tests.protocol.builders import (
    ALICE,
    BLOCK_SEED,
    CERTIFY_SEED,
    NETWORK,
    NOW_MS,
    OPERATOR,
    ROOT,
    signer_of,
)

LIST_SEED, OTHER_CERTIFY_SEED, FOREIGN_SEED = 60, 61, 62
PAYER, PAYEE, THIRD = 101, 102, 103
ANCHOR = Anchor(network=NETWORK, root_key=ROOT.public_key)
FOREIGN = NetworkId(b"f" * 32)
LATER_MS = NOW_MS + DAY_MS
END_MS = NOW_MS + 300 * DAY_MS
LIMITS = PurseLimits(
    payment_fen=500, balance_fen=1_000, out_fen=800, out_count=5, in_fen=900, in_count=6, days=7,
    hops=3,
)  # fmt: skip
_numbers = count(1)


def fresh() -> bytes:
    """16 bytes that no test has used before, for challenges and salts."""
    return next(_numbers).to_bytes(16, "big")


def certificate(
    use: Use = Use.OPERATOR_CERTIFY, seed: int = CERTIFY_SEED, operator: int = OPERATOR,
    *, root_seed: int | None = None, network: NetworkId = NETWORK,
    not_before_ms: int = NOW_MS, not_after_ms: int = END_MS,
) -> bytes:  # fmt: skip
    """The root's word for a key."""
    certified = Certified(
        use=use, operator=operator, suite=-8, key=signer_of(seed).public_key,
        not_before_ms=not_before_ms, not_after_ms=not_after_ms,
    )  # fmt: skip
    return certify(certified, ROOT if root_seed is None else signer_of(root_seed), network)


OPERATORS_CERTIFICATE = certificate()
LIST_CERTIFICATE = certificate(Use.LIST_SIGNING, LIST_SEED, 0)
BLOCK_CERTIFICATE = certificate(Use.REGISTRY_BLOCK, BLOCK_SEED, 0)


def device_of(seed: int, **changes: Any) -> Device:  # noqa: ANN401 - fields of a device or limits
    """A card of `OPERATOR`; changes are of the device's own fields or of its limits."""
    of_limits = {key: changes.pop(key) for key in [*changes] if hasattr(LIMITS, key)}
    device = Device(
        operator=OPERATOR, suite=-8, key=signer_of(seed).public_key, profile=Profile.CARD,
        generation=1, not_before_ms=NOW_MS, not_after_ms=END_MS,
        limits=replace(LIMITS, **of_limits),
    )  # fmt: skip
    return replace(device, **changes)


def chain_of(
    device: Device,
    *,
    certify_seed: int = CERTIFY_SEED,
    operators: bytes | None = None,
    network: NetworkId = NETWORK,
) -> Chain:
    """The certificates of a device."""
    if operators is None:
        operators = certificate(seed=certify_seed, operator=device.operator, network=network)
    signed = certify_device(device, signer_of(certify_seed), network)
    return Chain(operator=operators, device=signed)


def load_message(
    seed: int, number: int, amount_fen: int, *, order: int = 0, certify_seed: int = CERTIFY_SEED
) -> bytes:
    """Money for a device; two of different orders are different loads."""
    load = Load(
        device=signer_of(seed).public_key, number=number, amount_fen=amount_fen,
        order=bytes([order]) * 32,
    )  # fmt: skip
    return sign_load(load, signer_of(certify_seed), certificate(seed=certify_seed), NETWORK)


def time_message(
    time_ms: int = LATER_MS, *, seed: int = BLOCK_SEED, proof: bytes = BLOCK_CERTIFICATE
) -> bytes:
    """A header of that time, with the certificate of the key that signed it."""
    header = Header(
        height=3, time_ms=time_ms, previous=bytes(32), orders_root=bytes(32), count=0,
        body_hash=bytes(32), feeds_root=bytes(32),
    )  # fmt: skip
    return cbor.encode([sign_header(header, signer_of(seed), NETWORK).encoded, proof])


def frame_of(
    entries: list[bytes],
    before: list[bytes] | None = None,
    *,
    seed: int = LIST_SEED,
    proof: bytes = LIST_CERTIFICATE,
    time_ms: int = NOW_MS,
) -> bytes:
    """The frame of the last entries of a list."""
    known = before or []
    digest = extend_hash(extend_hash(NO_ENTRIES, known), entries)
    head = ListHead(number=len(known) + len(entries), hash=digest, time_ms=time_ms)
    return sign_frame(head, entries, signer_of(seed), proof, NETWORK)


def signed_as(domain: Domain, payload: bytes, seed: int, network: NetworkId = NETWORK) -> bytes:
    """A COSE message over any payload: what a hostile but well-keyed sender can make."""
    return cose.sign1(payload, signer_of(seed), external_aad(domain, network))


def parts_of(handed_in: bytes) -> list[bytes]:
    """Statement, operator's certificate, device certificate, checkpoint, entries."""
    return [each for each, _ in cbor.decode_sequence(handed_in, items_max=99, item_size_max=1536)]  # type: ignore[misc]


def joined(parts: list[bytes]) -> bytes:
    return b"".join(map(cbor2.dumps, parts))


def parts_of_message(message: bytes) -> list[bytes]:
    return cbor.decode(message, size_max=2000)  # type: ignore[return-value]


def flipped(data: bytes, place: int = -1) -> bytes:
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def with_part(parts: list[bytes], index: int, part: bytes) -> list[bytes]:
    return [*parts[:index], part, *parts[index + 1 :]]


def other_signature(message: bytes) -> bytes:
    """The payment that came in, signed once more by its payer's key with another nonce."""
    signed, *certificates = parts_of_message(message)
    return cbor.encode([flipped(signed, -40), *certificates])


class Party:
    """Whoever holds a device: its purse as it stands, and its key."""

    def __init__(self, seed: int = PAYER, *, fen: int = 0, **changes: Any) -> None:  # noqa: ANN401
        self.seed, self.signer = seed, signer_of(seed)
        self.purse: Purse = new_purse(chain_of(device_of(seed, **changes)), ANCHOR)
        if fen:
            self.load(fen)

    @property
    def balances_fen(self) -> tuple[int, ...]:
        return self.purse.balances_fen

    def load(self, amount_fen: int, number: int | None = None) -> bytes:
        message = load_message(self.seed, number or self.purse.loads + 1, amount_fen)
        self.purse = loading.take_load(self.purse, message)
        return message

    def ask(
        self, amount_fen: int, *, challenge: bytes | None = None, expires_ms: int = END_MS
    ) -> bytes:
        self.purse, request = steps.ask(
            self.purse, amount_fen=amount_fen, challenge=challenge or fresh(),
            expires_ms=expires_ms, signer=self.signer,
        )  # fmt: skip
        return request

    def pay(self, request: bytes, *, salt: bytes | None = None) -> bytes:
        self.purse, payment = steps.pay(
            self.purse, request, salt=salt or fresh(), signer=self.signer
        )
        return payment

    def collect(self, payment: bytes) -> bytes:
        self.purse, said = steps.collect(self.purse, payment, signer=self.signer)
        return said

    def acknowledge(self, acknowledgement: bytes, payment: bytes) -> None:
        self.purse = steps.acknowledge(self.purse, acknowledgement, payment)

    def unload(self, amount_fen: int, wallet: int = ALICE, *, salt: bytes | None = None) -> bytes:
        self.purse, payment = steps.unload(
            self.purse, amount_fen=amount_fen, wallet=wallet, salt=salt or fresh(),
            signer=self.signer,
        )  # fmt: skip
        return payment

    def hand_in(self) -> bytes:
        return synchronisation.hand_in(self.purse, signer=self.signer)

    def log(self) -> HandedLog:
        return read_log(self.hand_in(), ANCHOR)

    def renew(self, certify_seed: int) -> None:
        """Take a certificate by another key."""
        chain = chain_of(self.purse.device, certify_seed=certify_seed)
        self.purse = synchronisation.renew(self.purse, chain)

    def learn(self, *frames: bytes) -> None:
        for each in frames:
            self.purse = news.learn_revocations(self.purse, each)

    def checkpoint(self, **changes: Any) -> bytes:  # noqa: ANN401 - fields of a checkpoint
        """What its operator says once all is settled."""
        purse = self.purse
        said = Checkpoint(
            device=purse.device.key, number=purse.checkpoint_number + 1, position=purse.position,
            head=purse.head, counter=purse.counter, loads=purse.loads,
            balance_fen=purse.balance_fen,
        )  # fmt: skip
        said = replace(said, **changes)
        return sign_checkpoint(said, signer_of(CERTIFY_SEED), OPERATORS_CERTIFICATE, NETWORK)

    def synchronise(self, time_ms: int = NOW_MS, **changes: Any) -> None:  # noqa: ANN401
        self.purse = synchronisation.synchronise(
            self.purse, self.checkpoint(**changes), time_message(time_ms)
        )


def transfer(payer: Party, payee: Party, amount_fen: int) -> bytes:
    """One hop with nothing lost on the way; returns the payment."""
    payment = payer.pay(payee.ask(amount_fen))
    payer.acknowledge(payee.collect(payment), payment)
    return payment
