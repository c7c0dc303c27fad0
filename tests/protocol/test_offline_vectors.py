"""The vectors of paying without network: made from fields and seeds, read, and refused as told."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.domains import Domain as Tag
from jiaozi.protocol.domains import NetworkId, external_aad
from jiaozi.protocol.offline import loading, news, steps, synchronisation
from jiaozi.protocol.offline.certificate import Anchor, Chain
from jiaozi.protocol.offline.log import first_head, next_head
from jiaozi.protocol.offline.proofs import verify_proof
from jiaozi.protocol.offline.purse import Purse, new_purse
from jiaozi.protocol.offline.replay import read_log
from jiaozi.protocol.offline.revocations import NO_ENTRIES, Revocations, extend_hash
from jiaozi.protocol.suites import Ed25519Signer
from tests.protocol.builders import ALICE, refusal_of
from tests.protocol.offline_builders import END_MS, parts_of_message
from tests.vectors import make
from tests.vectors.offline_cases import DOMAINS, READERS

VECTORS: dict[str, Any] = json.loads((Path(make.__file__).parent / "offline.json").read_text())
NETWORK = NetworkId(bytes.fromhex(VECTORS["network"]))
SIGNERS = {name: Ed25519Signer(bytes.fromhex(seed)) for name, seed in VECTORS["seeds"].items()}
ANCHOR = Anchor(network=NETWORK, root_key=SIGNERS["root"].public_key)
MESSAGES = {each["name"]: each for each in VECTORS["messages"]}
SAID = {name: bytes.fromhex(each["message"]) for name, each in MESSAGES.items()}


def unhexed(fields: dict[str, Any]) -> dict[int, Any]:
    return {
        int(key): bytes.fromhex(value) if isinstance(value, str) else value
        for key, value in fields.items()
    }


@pytest.mark.parametrize("case", VECTORS["messages"], ids=lambda each: each["name"])
def test_a_message_follows_from_its_fields_and_seed(case: dict[str, Any]) -> None:
    payload = cbor.encode(unhexed(case["fields"]))
    assert payload.hex() == case["payload"]
    aad = external_aad(Tag(case["domain"].encode()), NETWORK)
    signed = cose.sign1(payload, Ed25519Signer(bytes.fromhex(case["seed"])), aad)
    assert signed.hex() == case["signed"]
    assert cose.decode(signed, size_max=len(signed)).identity.hex() == case["identity"]
    beside = [bytes.fromhex(each) for each in case["beside"]]
    travelled = cbor.encode([signed, *beside]) if beside else signed
    assert travelled.hex() == case["message"]
    READERS[case["name"]](travelled)


def test_every_kind_of_message_is_there() -> None:
    assert list(MESSAGES) == list(DOMAINS)
    assert {each["kind"] for each in VECTORS["refused"]} == set(READERS)
    tags = {each for each in Tag if each is Tag.DEVICE or each.value.startswith(b"jiaozi/offline")}
    assert {Tag(each["domain"].encode()) for each in MESSAGES.values()} == tags


@pytest.mark.parametrize(
    "case", VECTORS["refused"], ids=lambda each: f"{each['kind']}: {each['name']}"
)
def test_what_is_broken_is_refused_as_told(case: dict[str, Any]) -> None:
    refusal = refusal_of(lambda: READERS[case["kind"]](bytes.fromhex(case["bytes"])))
    assert (refusal.code, refusal.fields) == (case["code"], case["fields"])
    assert refusal.code.name.lower() == case["word"]


def test_two_purses_say_these_bytes_and_stand_as_told() -> None:
    """The whole story, from certificates, seeds, challenge and salts."""
    salts = [bytes.fromhex(each) for each in VECTORS["salts"]]
    payer = new_purse(chain_of("payment"), ANCHOR)
    payee = new_purse(chain_of("request"), ANCHOR)
    by_payer, by_payee = SIGNERS["payer"], SIGNERS["payee"]
    states = iter(VECTORS["states"])
    payer = at(next(states), loading.take_load(payer, SAID["load"]))
    asked = steps.ask(
        payee, amount_fen=120, challenge=bytes.fromhex(VECTORS["challenge"]), expires_ms=END_MS,
        signer=by_payee,
    )  # fmt: skip
    payee = at(next(states), said("request", asked))
    paid = steps.pay(payer, SAID["request"], salt=salts[0], signer=by_payer)
    payer = at(next(states), said("payment", paid))
    taken = steps.collect(payee, SAID["payment"], signer=by_payee)
    at(next(states), said("acknowledgement", taken))
    payer = steps.acknowledge(payer, SAID["acknowledgement"], SAID["payment"])
    at(next(states), payer)
    unloaded = steps.unload(payer, amount_fen=50, wallet=ALICE, salt=salts[1], signer=by_payer)
    payer = at(next(states), said("unload", unloaded))
    assert synchronisation.hand_in(payer, signer=by_payer).hex() == VECTORS["log"]["handed_in"]
    time_message = bytes.fromhex(VECTORS["time"]["message"])
    at(next(states), synchronisation.synchronise(payer, SAID["checkpoint"], time_message))
    assert next(states, None) is None


def chain_of(message: str) -> Chain:
    operator, device = (bytes.fromhex(each) for each in MESSAGES[message]["beside"])
    return Chain(operator=operator, device=device)


def said(name: str, step: tuple[Purse, bytes]) -> Purse:
    assert step[1] == SAID[name], name
    return step[0]


def at(state: dict[str, Any], purse: Purse) -> Purse:
    told = {
        "step": state["step"],
        "device": purse.device.key.hex(),
        "balances_fen": list(purse.balances_fen),
        "counter": purse.counter,
        "loads": purse.loads,
        "position": purse.position,
        "head": purse.head.hex(),
        "waiting_for": sorted(purse.waiting_for),
        "floor_ms": purse.floor_ms,
    }
    assert told == state
    return purse


def test_a_log_reads_as_told() -> None:
    told = VECTORS["log"]
    log = read_log(bytes.fromhex(told["handed_in"]), ANCHOR)
    heads = [first_head(SIGNERS["payer"].public_key)]
    for entry in told["entries"]:
        heads.append(next_head(heads[-1], bytes.fromhex(entry)))
    assert [each.hex() for each in heads] == told["heads"]
    assert log.statement.head == heads[-1]
    assert [each.identity.hex() for each in log.payments] == told["payments"]
    assert (list(log.balances_fen), log.counter, log.loads, log.fault) == (
        told["balances_fen"], told["counter"], told["loads"], None,
    )  # fmt: skip


def test_a_floor_rises_and_falls_as_told() -> None:
    purse = new_purse(chain_of("payment"), ANCHOR)
    for told in VECTORS["floors"]:
        step = news.learn_revocations if "the list" in told["name"] else news.raise_floor
        purse = step(purse, bytes.fromhex(told["said"]))
        expected = told["floor_ms"], told["certain_ms"]
        assert (purse.floor_ms, purse.floor.certain_ms) == expected, told["name"]


def test_a_list_grows_as_told() -> None:
    told, known = VECTORS["list"], Revocations()
    for frame in told["frames"]:
        known = known.extended(bytes.fromhex(frame), ANCHOR, 0)
    entries = [bytes.fromhex(each) for each in told["entries"]]
    assert extend_hash(NO_ENTRIES, entries).hex() == told["hash"] == known.hash.hex()
    assert {key.hex(): ends_ms for key, ends_ms in known.revoked.items()} == told["revoked"]
    for head, frame in zip(told["heads"], told["frames"], strict=True):
        payload = cbor.encode(unhexed(head["fields"]))
        signed = cose.sign1(payload, SIGNERS["list"], external_aad(Tag.REVOCATION_LIST, NETWORK))
        assert (payload.hex(), signed.hex()) == (head["payload"], head["signed"])
        assert parts_of_message(bytes.fromhex(frame))[0] == signed
    assert (known.number, known.oldest_generation) == (told["number"], told["oldest_generation"])


@pytest.mark.parametrize("case", VECTORS["proofs"], ids=lambda each: each["name"])
def test_a_proof_convicts_as_told(case: dict[str, Any]) -> None:
    data = bytes.fromhex(case["proof"])
    proof = verify_proof(data, ANCHOR)
    assert (proof.kind, proof.device.hex(), proof.operator) == (
        case["kind"], case["device"], case["operator"],
    )  # fmt: skip
    assert sha256(data).hexdigest() == case["hash"] == proof.hash.hex()
    assert (None if proof.fault is None else [*proof.fault]) == case["fault"]
