"""`jiaozi offline`: what anyone can check of payments without network, without asking anyone."""

from pathlib import Path
from typing import Annotated

import typer

from jiaozi.cli.failures import failures_told, misfit_told
from jiaozi.cli.output import (
    AsJson,
    ExitCode,
    fail,
    print_facts,
    print_json,
    refusal_sentence,
    yuan,
)
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.offline.certificate import Anchor
from jiaozi.protocol.offline.messages import Payment
from jiaozi.protocol.offline.operator_messages import Load
from jiaozi.protocol.offline.proofs import Proof, ProofKind, verify_proof
from jiaozi.protocol.offline.replay import Fault
from jiaozi.protocol.refusals import Refusal

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Check what is said of payments without network.",
)

_SENTENCES = {
    ProofKind.DOUBLE_SPEND: "The device spoke two payments that one log cannot hold.",
    ProofKind.LOG: "The device signed a log in which an entry cannot be right.",
    ProofKind.DOUBLE_LOAD: "The operator signed two loads under one number of a device.",
}
_FAULTS = {
    Fault.ENTRY_MALFORMED: "is none that a purse writes",
    Fault.LOAD_INVALID: "is a load that no operator made for this device",
    Fault.PAYMENT_INVALID: "is a payment that nobody made to this device",
    Fault.COLLECTED_TWICE: "takes one payment a second time",
    Fault.NOT_ITS_OWN: "claims the payment of another device",
    Fault.OUT_OF_PLACE: "is a payment from another place of the log",
    Fault.BALANCE_BELOW_ZERO: "pays more than the device held and might spend",
    Fault.HOP_FALSE: "tells less hands than the money went through",
    Fault.BALANCE_FALSE: "commits to another balance than the log leads to",
}


@app.callback()
def _describe() -> None:
    """Keep `verify-proof` a command of its own name."""


@app.command("verify-proof")
def verify_proof_command(
    file: Annotated[Path, typer.Argument(help="The proof, as a purse or an operator wrote it.")],
    genesis: Annotated[Path, typer.Option(help="The network's genesis, as you trust it.")],
    as_json: AsJson = False,
) -> None:
    """Check a proof against a device, or against an operator: from the file and genesis alone.

    Ends with 1 when the file proves nothing, whatever is in it.
    """
    with failures_told(as_json=as_json):
        encoded, data = genesis.read_bytes(), file.read_bytes()
        with misfit_told(genesis, "a network's genesis", as_json=as_json):
            network = read_genesis(encoded)
        try:
            proof = verify_proof(data, Anchor(network=network.id, root_key=network.root_key))
        except Refusal as refusal:
            fail(
                "proves_nothing", f"{file} proves nothing: {refusal_sentence(refusal).rstrip('.')}",
                "Nobody stands accused by it: ask whoever gave it for the file as it was written",
                exit_code=ExitCode.REFUSED, as_json=as_json,
            )  # fmt: skip
    if as_json:
        print_json(_document(proof))
    else:
        print_facts(_facts(proof))


def _facts(proof: Proof) -> dict[str, str | None]:
    facts: dict[str, str | None] = {
        "Proven": _SENTENCES[proof.kind],
        "Device": proof.device.hex(),
        "Operator": f"{proof.operator:04d}",
    }
    for name, payment in zip(("One", "Another"), proof.payments, strict=False):
        facts[name] = _told(payment)
    for name, load in zip(("One", "Another"), proof.loads, strict=False):
        facts[name] = f"load {load.number} of {yuan(load.amount_fen)} yuan"
    if proof.fault is not None:
        position, fault = proof.fault
        facts["Entry"] = f"{position} {_FAULTS[fault]}"
    return {**facts, "Proof": proof.hash.hex()}


def _told(payment: Payment) -> str:
    payee = (
        f"device {payment.payee.hex()}"
        if payment.payee is not None
        else f"wallet {format_number(payment.wallet or 0)}"
    )
    place = f"payment {payment.counter}, entry {payment.position}"
    return f"{place}: {yuan(payment.amount_fen)} yuan to {payee}"


def _document(proof: Proof) -> dict[str, object]:
    document: dict[str, object] = {
        "kind": proof.kind.name.lower(),
        "device": proof.device.hex(),
        "operator": f"{proof.operator:04d}",
        "proof": proof.hash.hex(),
        "payments": list(map(_payment_document, proof.payments)),
        "loads": list(map(_load_document, proof.loads)),
    }
    if proof.fault is not None:
        position, fault = proof.fault
        document["fault"] = {"position": position, "kind": fault.name.lower()}
    return document


def _payment_document(payment: Payment) -> dict[str, object]:
    return {
        "counter": payment.counter,
        "position": payment.position,
        "amount_fen": payment.amount_fen,
        "payee": None if payment.payee is None else payment.payee.hex(),
        "wallet": None if payment.wallet is None else format_number(payment.wallet),
    }


def _load_document(load: Load) -> dict[str, object]:
    return {"number": load.number, "amount_fen": load.amount_fen, "order": load.order.hex()}
