"""The public vectors are what the code makes, and what it reads."""

import json
from pathlib import Path
from typing import Any

import pytest

from jiaozi.protocol import blocks, cose, feed, merkle, numbers
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.certificates import read_certificate
from jiaozi.protocol.daily_statement import read_statement
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.equivocation import read_proof
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.orders import Leg, OrderHead, parse, sign_order
from jiaozi.protocol.receipts import verify_receipt
from jiaozi.protocol.refusals import Code
from jiaozi.protocol.suites import Ed25519Signer
from tests.protocol.builders import refusal_of
from tests.vectors import make

FOLDER = Path(make.__file__).parent


def read(name: str) -> Any:  # noqa: ANN401 - what json gives
    return json.loads((FOLDER / name).read_text())


ORDERS, REFUSALS, PROOFS = read("orders.json"), read("refusals.json"), read("proofs.json")
NETWORK = NetworkId(bytes.fromhex(ORDERS["network"]))
AAD = bytes.fromhex(ORDERS["external_aad"])


def by_name(cases: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[each["name"] for each in cases])


def unhex(value: str | None) -> bytes | None:
    return None if value is None else bytes.fromhex(value)


@pytest.mark.parametrize("name", make.FILES)
def test_the_vectors_are_what_the_code_makes(name: str) -> None:
    assert (FOLDER / name).read_text() == make.text_of(name)


@by_name(ORDERS["orders"])
def test_an_order_follows_from_its_fields_and_seeds(case: dict[str, Any]) -> None:
    legs = [
        Leg(
            numbers.parse_number(each["debit"]),
            numbers.parse_number(each["credit"]),
            each["amount_fen"],
            bytes.fromhex(each["salt"]),
        )
        for each in case["legs"]
    ]
    numbered = {key: int(case["body"][key]) for key in ("number", "parent") if key in case["body"]}
    body = {
        key: bytes.fromhex(value) if isinstance(value, str) else value
        for key, value in case["body"].items()
        if key not in numbered
    }
    head = OrderHead(
        id=bytes.fromhex(case["id"]),
        type=case["type"],
        expires_ms=case["expires_ms"],
        not_before_ms=case["not_before_ms"],
        reference=unhex(case["reference"]),
        link=unhex(case["link"]),
    )
    signers = [Ed25519Signer(bytes.fromhex(each)) for each in case["seeds"]]
    made = sign_order(head, signers, NETWORK, legs=legs, **body, **numbered)
    assert made.hex() == case["submission"]


@by_name(ORDERS["orders"])
def test_an_order_reads_and_verifies(case: dict[str, Any]) -> None:
    order = parse(bytes.fromhex(case["submission"]))
    assert cose.verify(order.message, AAD)
    assert order.identity.hex() == case["identity"]
    assert order.cose.hex() == case["message"]


@by_name(REFUSALS["malformed"])
def test_a_malformed_submission_is_refused_as_told(case: dict[str, Any]) -> None:
    refusal = refusal_of(lambda: parse(bytes.fromhex(case["submission"])))
    assert (refusal.code, refusal.fields) == (case["code"], case["fields"])
    assert Code(case["code"]).name.lower() == case["word"]


@by_name(REFUSALS["not_signed"])
def test_a_submission_that_nobody_signed_does_not_verify(case: dict[str, Any]) -> None:
    assert not cose.verify(parse(bytes.fromhex(case["submission"])).message, AAD)


def test_the_proofs_hold() -> None:
    block_key = Ed25519Signer(bytes.fromhex(PROOFS["block_seed"])).public_key
    root_key = Ed25519Signer(bytes.fromhex(PROOFS["root_seed"])).public_key
    header_bytes = bytes.fromhex(PROOFS["header"]["encoded"])
    header = blocks.read_header(
        header_bytes, block_keys=BlockKeys.stated(block_key), network=NETWORK
    )
    assert header.identity.hex() == PROOFS["header"]["identity"]
    body = bytes.fromhex(PROOFS["body"])
    assert blocks.body_hash(body) == header.header.body_hash
    assert len(list(blocks.read_body(body, header.header.count))) == 3
    assert merkle.root([bytes.fromhex(each) for each in PROOFS["leaves"]]) == (
        header.header.orders_root
    )
    for each in PROOFS["receipts"]:
        data = bytes.fromhex(each["encoded"])
        receipt = verify_receipt(data, block_keys=BlockKeys.stated(block_key), network=NETWORK)
        assert receipt.position == each["position"]
    shown = feed.read_block(
        bytes.fromhex(PROOFS["feed"]["encoded"]), operator=PROOFS["feed"]["operator"],
        before=feed.START, block_keys=BlockKeys.stated(block_key), network=NETWORK,
    )  # fmt: skip
    assert shown.head.running_hash.hex() == PROOFS["feed"]["after"]["running_hash"]
    for each in PROOFS["certificates"]:
        read_certificate(bytes.fromhex(each["encoded"]), root_key=root_key, network=NETWORK)
    genesis = read_genesis(bytes.fromhex(PROOFS["genesis"]["encoded"]))
    assert (genesis.id.hex(), genesis.root_key) == (PROOFS["genesis"]["network"], root_key)


def test_the_daily_statement_and_the_equivocations_hold() -> None:
    made = read("statements.json")
    signer = Ed25519Signer(bytes.fromhex(made["block_seed"]))
    keys = BlockKeys.stated(signer.public_key)
    told = made["daily_statement"]
    statement = read_statement(bytes.fromhex(told["encoded"]), block_keys=keys, network=NETWORK)
    assert (statement.operator, statement.date) == (told["fields"]["1"], told["date"])
    for each in made["equivocations"]:
        proof = read_proof(bytes.fromhex(each["encoded"]), block_keys=keys, network=NETWORK)
        assert (proof.contradiction, proof.id.hex()) == (each["contradiction"], each["id"])
