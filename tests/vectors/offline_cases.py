"""What the offline vectors are made of: a story, what convicts, and what is refused."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.domains import Domain
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.offline import messages, operator_messages
from jiaozi.protocol.offline.certificate import Chain, Profile, read_chain
from jiaozi.protocol.offline.enrolment import Enrolment, read_enrolment, sign_enrolment
from jiaozi.protocol.offline.log import (
    collected_entry,
    loaded_entry,
    next_head,
    paid_entry,
    read_statement,
)
from jiaozi.protocol.offline.news import learn_revocations, raise_floor
from jiaozi.protocol.offline.proofs import (
    double_load_proof,
    double_spend_proof,
    log_proof,
    verify_proof,
)
from jiaozi.protocol.offline.purse import Purse
from jiaozi.protocol.offline.replay import read_log
from jiaozi.protocol.offline.revocations import Revocations, generation_entry, revocation_entry
from tests.protocol.builders import (
    ALICE,
    BLOCK_SEED,
    CERTIFY_SEED,
    NETWORK,
    NOW_MS,
    OPERATOR,
    ROOT_SEED,
    signer_of,
)
from tests.protocol.offline_builders import (
    ANCHOR,
    BLOCK_CERTIFICATE,
    END_MS,
    FOREIGN,
    LATER_MS,
    OPERATORS_CERTIFICATE,
    PAYEE,
    PAYER,
    Party,
    certificate,
    device_of,
    flipped,
    frame_of,
    load_message,
    parts_of,
    parts_of_message,
    signed_as,
    time_message,
)

State = dict[str, object]
OTHER_BLOCK_SEED = 170
Reader = Callable[[bytes], object]
CHALLENGE, SALT, OTHER_SALT = bytes(range(16)), bytes(range(16, 32)), bytes(range(32, 48))
ENROLMENT = Enrolment(
    operator=OPERATOR, profile=Profile.CARD, wallet=ALICE, limits={"balance_fen": 50_000, "hops": 1}
)
ENTRIES = [revocation_entry(signer_of(PAYEE).public_key, END_MS), generation_entry(2)]

READERS: dict[str, Reader] = {
    "enrolment": lambda data: read_enrolment(data, NETWORK),
    "device": lambda data: read_chain(Chain(operator=OPERATORS_CERTIFICATE, device=data), ANCHOR),
    "load": lambda data: operator_messages.read_load(data, ANCHOR),
    "request": lambda data: messages.read_request(data, ANCHOR),
    "payment": lambda data: messages.read_payment(data, ANCHOR),
    "unload": lambda data: messages.read_payment(data, ANCHOR),
    "acknowledgement": lambda data: messages.read_acknowledgement(
        data, key=signer_of(PAYEE).public_key, network=NETWORK
    ),
    "checkpoint": lambda data: operator_messages.read_checkpoint(data, ANCHOR),
    "statement": lambda data: read_statement(data, device_of(PAYER), ANCHOR),
    "log": lambda data: read_log(data, ANCHOR),
    "frame": lambda data: Revocations().extended(data, ANCHOR, 0),
    "proof": lambda data: verify_proof(data, ANCHOR),
}
DOMAINS = {
    "enrolment": (Domain.OFFLINE_ENROLMENT, PAYER),
    "device": (Domain.DEVICE, CERTIFY_SEED),
    "load": (Domain.OFFLINE_LOAD, CERTIFY_SEED),
    "request": (Domain.OFFLINE_REQUEST, PAYEE),
    "payment": (Domain.OFFLINE_PAYMENT, PAYER),
    "unload": (Domain.OFFLINE_PAYMENT, PAYER),
    "acknowledgement": (Domain.OFFLINE_ACKNOWLEDGEMENT, PAYEE),
    "statement": (Domain.OFFLINE_STATEMENT, PAYER),
    "checkpoint": (Domain.OFFLINE_CHECKPOINT, CERTIFY_SEED),
}
"""What travels as one COSE message, alone or with certificates."""


class Story:
    """One enrolment, load, payment and unload, and the purses after each step."""

    def __init__(self) -> None:
        payer, payee = Party(PAYER), Party(PAYEE)
        self.states: list[State] = []
        self.said = {
            "enrolment": sign_enrolment(ENROLMENT, payer.signer, NETWORK),
            "device": payer.purse.chain.device,
            "load": payer.load(300),
        }
        self._state("load", payer)
        self.said["request"] = payee.ask(120, challenge=CHALLENGE)
        self._state("ask", payee)
        self.said["payment"] = payer.pay(self.said["request"], salt=SALT)
        self._state("pay", payer)
        self.said["acknowledgement"] = payee.collect(self.said["payment"])
        self._state("collect", payee)
        payer.acknowledge(self.said["acknowledgement"], self.said["payment"])
        self._state("acknowledge", payer)
        self.said["unload"] = payer.unload(50, ALICE, salt=OTHER_SALT)
        self._state("unload", payer)
        self.handed_in, self.payees_log = payer.hand_in(), payee.hand_in()
        self.said["statement"] = parts_of(self.handed_in)[0]
        self.said["checkpoint"] = payer.checkpoint()
        payer.synchronise(LATER_MS)
        self._state("synchronise", payer)

    def _state(self, step: str, party: Party) -> None:
        purse = party.purse
        self.states.append(
            {
                "step": step,
                "device": purse.device.key.hex(),
                "balances_fen": list(purse.balances_fen),
                "counter": purse.counter,
                "loads": purse.loads,
                "position": purse.position,
                "head": purse.head.hex(),
                "waiting_for": sorted(purse.waiting_for),
                "floor_ms": purse.floor_ms,
            }
        )


def floors() -> Iterator[tuple[str, Callable[[Purse, bytes], Purse], bytes]]:
    """What a purse is told of time by two block keys, of which one is stolen."""
    other = certificate(Use.REGISTRY_BLOCK, OTHER_BLOCK_SEED, 0)
    stolen = revocation_entry(signer_of(BLOCK_SEED).public_key, END_MS)
    yield "a header", raise_floor, time_message(NOW_MS + DAY_MS)
    yield "an earlier one", raise_floor, time_message(NOW_MS + DAY_MS - 1)
    yield "a forged time", raise_floor, time_message(NOW_MS + 60 * DAY_MS)
    by_other = time_message(NOW_MS + 2 * DAY_MS, seed=OTHER_BLOCK_SEED, proof=other)
    yield "a header by another key", raise_floor, by_other
    head_ms = NOW_MS + 3 * DAY_MS
    yield "the list names the stolen key", learn_revocations, frame_of([stolen], time_ms=head_ms)
    later = time_message(NOW_MS + 4 * DAY_MS, seed=OTHER_BLOCK_SEED, proof=other)
    yield "a later header by the other key", raise_floor, later


def proofs() -> Iterator[tuple[str, bytes]]:
    """One of each kind, and a log with each kind of fault that a device alone can make."""
    card, payee = Party(PAYER, fen=300), Party(PAYEE)
    copy = card.purse
    first = card.pay(payee.ask(100, challenge=CHALLENGE), salt=SALT)
    card.purse = copy
    second = card.pay(payee.ask(90, challenge=CHALLENGE[::-1]), salt=SALT)
    yield "double spend", double_spend_proof(first, second)
    loads = (load_message(PAYER, 1, 10), load_message(PAYER, 1, 10, order=1))
    yield "double load", double_load_proof(*loads)
    said = parts_of_message(first)[0]
    for name, entry in (
        ("no entry", b"\xff"),
        ("a load once more", loaded_entry(load_message(PAYER, 1, 300))),
        ("a payment in to another", collected_entry(first)),
        ("a payment of another counter", paid_entry(said, SALT)),
        ("another salt", paid_entry(parts_of_message(second)[0], OTHER_SALT)),
    ):
        cheat = Party(PAYER, fen=300)
        if name == "a payment of another counter":
            cheat.pay(payee.ask(1, challenge=SALT), salt=SALT)
        yield f"log: {name}", log_proof(_log_with(cheat, entry))


def _log_with(party: Party, entry: bytes) -> bytes:
    purse = party.purse
    party.purse = replace(
        purse, entries=(*purse.entries, entry), position=purse.position + 1,
        head=next_head(purse.head, entry),
    )  # fmt: skip
    return party.hand_in()


def refused(story: Story) -> Iterator[tuple[str, str, bytes]]:
    """What is wrong in one way each: the reader, what is wrong, the bytes."""
    for kind, (domain, seed) in DOMAINS.items():
        whole = story.said[kind]
        signed, *beside = parts_of_message(whole) if whole[0] >> 5 == 4 else [whole]
        payload = cose.decode(signed, size_max=len(signed)).payload
        fields = cbor.decode(payload, size_max=len(payload))
        assert isinstance(fields, dict)

        def travelled(inner: bytes, beside: list[bytes] = beside) -> bytes:
            return cbor.encode([inner, *beside]) if beside else inner

        yield kind, "truncated", whole[:-1]
        yield kind, "a signature changed", travelled(flipped(signed))
        yield kind, "signed for another purpose", travelled(signed_as(Domain.ORDER, payload, seed))
        yield kind, "of another network", travelled(signed_as(domain, payload, seed, FOREIGN))
        if kind != "enrolment":  # which says itself whose it is
            yield kind, "by another key", travelled(signed_as(domain, payload, ROOT_SEED))
        more, fewer = fields | {23: 0}, {key: fields[key] for key in [*fields][1:]}
        for name, changed in (("a field more", more), ("the first field left out", fewer)):
            yield kind, name, travelled(signed_as(domain, cbor.encode(changed), seed))
        if beside:
            yield kind, "no certificates", cbor.encode([signed])
            yield kind, "a certificate changed", cbor.encode([signed, *map(flipped, beside)])
    yield from _refused_wholes(story)


def _refused_wholes(story: Story) -> Iterator[tuple[str, str, bytes]]:
    parts = parts_of(story.handed_in)
    for name, altered in (
        ("an entry left out", parts[:-1]),
        ("two entries in another order", [*parts[:4], parts[5], parts[4], *parts[6:]]),
        ("another checkpoint", [*parts[:3], story.said["checkpoint"], *parts[4:]]),
        ("another device's statement", [parts_of(story.payees_log)[0], *parts[1:]]),
    ):
        yield "log", name, b"".join(map(cbor.encode_bytes, altered))
    by_block_key = frame_of(ENTRIES, seed=BLOCK_SEED, proof=BLOCK_CERTIFICATE)
    yield "frame", "begins after what is known", frame_of(ENTRIES[1:], ENTRIES[:1])
    yield (
        "frame",
        "by a key for headers",
        by_block_key,
    )
    yield "frame", "an entry changed", frame_of(ENTRIES).replace(ENTRIES[1], generation_entry(3))
    payment, unload = story.said["payment"], story.said["unload"]
    yield "proof", "one payment twice", double_spend_proof(payment, payment)
    yield "proof", "two payments in two places", double_spend_proof(payment, unload)
    yield "proof", "an honest log", log_proof(story.handed_in)
    yield "proof", "true for a kind", cbor.encode([True, payment, unload])
