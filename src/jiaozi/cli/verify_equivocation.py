"""`jiaozi verify-equivocation`: check a proof that a registry signed two histories."""

from pathlib import Path
from typing import Annotated

import typer

from jiaozi.cli.failures import failures_told
from jiaozi.cli.output import AsJson, ExitCode, fail, local_time, print_facts, print_json
from jiaozi.protocol import cbor
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.equivocation import PROOF_BYTES_MAX, Equivocation, read_proof
from jiaozi.protocol.genesis import read_genesis

app = typer.Typer(add_completion=False)
_PROOFS_MAX = 1_000


@app.command()
def verify_equivocation(
    file: Annotated[Path, typer.Argument(help="As an operator gives it at /v1/equivocations.")],
    genesis: Annotated[Path, typer.Option(help="The network's genesis, as you trust it.")],
    certificate: Annotated[
        list[Path] | None,
        typer.Option(help="Of a block key that genesis does not name; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check that a registry signed two headers that no one chain can hold.

    It takes the file and genesis alone. Ends with 1 if anything in the file proves nothing.
    """
    with failures_told(as_json=as_json):
        network = read_genesis(genesis.read_bytes())
        certificates = [each.read_bytes() for each in certificate or ()]
        keys = BlockKeys.of_network(network, certificates)
        proofs = [
            read_proof(each, block_keys=keys, network=network.id)
            for each in _split(file.read_bytes())
        ]
    if not proofs:
        fail(
            "no_proof", f"{file} holds no proof", "An operator that has none gives an empty file",
            exit_code=ExitCode.REFUSED, as_json=as_json,
        )  # fmt: skip
    if as_json:
        print_json({"network": network.id.hex(), "proofs": list(map(_document, proofs))})
        return
    for each in proofs:
        _print(each)


def _split(data: bytes) -> list[bytes]:
    """Split a file into proofs; what is no sequence of values is left whole, to be refused."""
    try:
        items = cbor.decode_sequence(data, items_max=_PROOFS_MAX, item_size_max=PROOF_BYTES_MAX)
        return [encoded for _, encoded in items]
    except cbor.NotCanonical:
        return [data]


def _document(proof: Equivocation) -> dict[str, object]:
    return {
        "id": proof.id.hex(),
        "contradiction": proof.contradiction.value,
        "headers": [
            {
                "height": each.header.height,
                "time_ms": each.header.time_ms,
                "identity": each.identity.hex(),
                "previous": each.header.previous.hex(),
            }
            for each in (proof.first, proof.second)
        ],
    }


def _print(proof: Equivocation) -> None:
    facts: dict[str, str | None] = {
        "The registry signed": proof.contradiction.value.replace("_", " "),
        "Proof": proof.id.hex(),
    }
    for name, each in (("One header", proof.first), ("Another", proof.second)):
        header = each.header
        facts[name] = f"{each.identity.hex()} at {header.height}, {local_time(header.time_ms)}"
    print_facts(facts)
