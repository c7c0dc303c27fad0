"""The vectors of paying without network: every message, a log, a list and what convicts.

``fields`` are a payload's by their keys on the wire, hexadecimal for bytes. A message that travels
is its COSE message alone, or an array of it and what stands ``beside`` it.
"""

from collections.abc import Iterator

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.offline.log import first_head, next_head
from jiaozi.protocol.offline.proofs import verify_proof
from jiaozi.protocol.offline.replay import read_log
from jiaozi.protocol.offline.revocations import Revocations
from jiaozi.protocol.refusals import Refusal
from tests.protocol.builders import (
    BLOCK_SEED,
    CERTIFY_SEED,
    NETWORK,
    ROOT_SEED,
    seed_of,
    signer_of,
)
from tests.protocol.offline_builders import (
    ANCHOR,
    BLOCK_CERTIFICATE,
    LATER_MS,
    LIST_CERTIFICATE,
    LIST_SEED,
    OPERATORS_CERTIFICATE,
    PAYEE,
    PAYER,
    Party,
    frame_of,
    parts_of,
    parts_of_message,
    time_message,
)
from tests.vectors.offline_cases import (
    CHALLENGE,
    DOMAINS,
    ENTRIES,
    OTHER_SALT,
    READERS,
    SALT,
    Story,
    floors,
    proofs,
    refused,
)

Document = dict[str, object]


def offline() -> Document:
    """All of it, from one story."""
    story = Story()
    seeds = {
        "root": ROOT_SEED, "block": BLOCK_SEED, "list": LIST_SEED, "certify": CERTIFY_SEED,
        "payer": PAYER, "payee": PAYEE,
    }  # fmt: skip
    return {
        "network": NETWORK.hex(),
        "seeds": {name: seed_of(each).hex() for name, each in seeds.items()},
        "certificates": {
            "operator": OPERATORS_CERTIFICATE.hex(),
            "list": LIST_CERTIFICATE.hex(),
            "block": BLOCK_CERTIFICATE.hex(),
        },
        "challenge": CHALLENGE.hex(),
        "salts": [SALT.hex(), OTHER_SALT.hex()],
        "messages": [_message(name, story.said[name]) for name in DOMAINS],
        "states": story.states,
        "time": {"floor_ms": LATER_MS, "message": time_message(LATER_MS).hex()},
        "floors": list(_floors()),
        "log": _log(story.handed_in),
        "list": _list(),
        "proofs": [_proof(*each) for each in proofs()],
        "refused": [_refused(*each) for each in refused(story)],
    }


def _floors() -> Iterator[Document]:
    """What a new purse is told, header or frame, and where its floor is afterwards."""
    party = Party(PAYER)
    for name, step, said in floors():
        party.purse = step(party.purse, said)
        yield {
            "name": name,
            "said": said.hex(),
            "floor_ms": party.purse.floor_ms,
            "certain_ms": party.purse.floor.certain_ms,
        }


def _message(name: str, travelled: bytes) -> Document:
    domain, seed = DOMAINS[name]
    signed, *beside = parts_of_message(travelled) if travelled[0] >> 5 == 4 else [travelled]
    message = cose.decode(signed, size_max=len(signed))
    return {
        "name": name,
        "domain": domain.value.decode(),
        "seed": seed_of(seed).hex(),
        "fields": _fields(message.payload),
        "payload": message.payload.hex(),
        "signed": signed.hex(),
        "identity": message.identity.hex(),
        "beside": [each.hex() for each in beside],
        "message": travelled.hex(),
    }


def _fields(payload: bytes) -> Document:
    fields = cbor.decode(payload, size_max=len(payload))
    assert isinstance(fields, dict)
    return {
        str(key): value.hex() if isinstance(value, bytes) else value
        for key, value in fields.items()
    }


def _log(handed_in: bytes) -> Document:
    statement, _, _, checkpoint, *entries = parts_of(handed_in)
    payload = cose.decode(statement, size_max=len(statement)).payload
    heads = [first_head(signer_of(PAYER).public_key)]
    for each in entries:
        heads.append(next_head(heads[-1], each))
    log = read_log(handed_in, ANCHOR)
    return {
        "handed_in": handed_in.hex(),
        "statement": statement.hex(),
        "fields": _fields(payload),
        "checkpoint": checkpoint.hex(),
        "entries": [each.hex() for each in entries],
        "heads": [each.hex() for each in heads],
        "payments": [each.identity.hex() for each in log.payments],
        "balances_fen": list(log.balances_fen),
        "counter": log.counter,
        "loads": log.loads,
    }


def _list() -> Document:
    frames = [frame_of(ENTRIES[:1]), frame_of(ENTRIES[1:], ENTRIES[:1])]
    known = Revocations().extended(frames[0], ANCHOR, 0).extended(frames[1], ANCHOR, 0)
    return {
        "entries": [each.hex() for each in ENTRIES],
        "heads": [_head(each) for each in frames],
        "frames": [each.hex() for each in frames],
        "number": known.number,
        "hash": known.hash.hex(),
        "oldest_generation": known.oldest_generation,
        "revoked": {key.hex(): ends_ms for key, ends_ms in known.revoked.items()},
    }


def _head(frame: bytes) -> Document:
    signed = parts_of_message(frame)[0]
    payload = cose.decode(signed, size_max=len(signed)).payload
    return {"fields": _fields(payload), "payload": payload.hex(), "signed": signed.hex()}


def _proof(name: str, data: bytes) -> Document:
    proof = verify_proof(data, ANCHOR)
    return {
        "name": name,
        "proof": data.hex(),
        "kind": int(proof.kind),
        "device": proof.device.hex(),
        "operator": proof.operator,
        "hash": proof.hash.hex(),
        "fault": None if proof.fault is None else [proof.fault[0], int(proof.fault[1])],
    }


def _refused(kind: str, name: str, data: bytes) -> Document:
    try:
        READERS[kind](data)
    except Refusal as refusal:
        return {
            "kind": kind,
            "name": name,
            "bytes": data.hex(),
            "code": int(refusal.code),
            "word": refusal.code.name.lower(),
            "fields": dict(refusal.fields),
        }
    raise AssertionError(f"{kind}: {name} was taken")
