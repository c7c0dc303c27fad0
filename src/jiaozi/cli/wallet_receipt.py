"""`jiaozi wallet receipt`: fetch the proof of a payment, and check one without anyone's help."""

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from jiaozi.cli.arguments import hexadecimal, network_id_of
from jiaozi.cli.output import (
    AsJson,
    ExitCode,
    fail,
    local_time,
    print_facts,
    print_json,
    refusal_document,
    refusal_sentence,
    stdout,
    yuan,
)
from jiaozi.cli.wallet_setup import failures_told, order_id_of, setup_of
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.genesis import GENESIS_BYTES_MAX, read_genesis
from jiaozi.protocol.numbers import format_number
from jiaozi.protocol.order_types import CERTIFICATE_BYTES_MAX
from jiaozi.protocol.receipts import RECEIPT_BYTES_MAX, Receipt, verify_receipt
from jiaozi.protocol.refusals import Refusal, refusal_of
from jiaozi.wallet.keystore import read_public
from jiaozi.wallet.receipts import get_receipt
from jiaozi.wallet.wallet import keystore_path

app = typer.Typer(no_args_is_help=True, help="Fetch and check proofs of payment.")


@app.command("get")
def get_command(
    context: typer.Context,
    order_id: Annotated[str, typer.Argument(help="32 hexadecimal digits, from the history.")],
    out: Annotated[Path | None, typer.Option(help="Where to; by default named after it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the receipt of an order, check it and keep it as a file."""
    wanted = order_id_of(order_id)

    async def fetch() -> tuple[bytes, Receipt, bytes | None]:
        async with setup_of(context).unlocked() as wallet:
            data, receipt = await get_receipt(wallet, wanted)
            return data, receipt, wallet.block_keys.certificate_of(receipt.block_key)

    with failures_told(as_json=as_json):
        data, receipt, certificate = asyncio.run(fetch())
    path = out or Path(f"receipt-{order_id}.cbor")
    try:
        path.write_bytes(data)
        if certificate is not None:
            _certificate_beside(path).write_bytes(certificate)
    except OSError as error:
        raise typer.BadParameter(str(error), param_hint="--out") from error
    _tell(receipt, as_json=as_json, path=path)


@app.command("verify")
def verify_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The receipt.")],
    genesis: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="The network's genesis document."),
    ] = None,
    network_id: Annotated[
        str | None, typer.Option(help="The network's id, with --block-key or beside --genesis.")
    ] = None,
    block_key: Annotated[str | None, typer.Option(help="The key that signs blocks.")] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="Of the block key, where it is a later one than that of genesis; "
            "by default FILE.certificate, where `get` put it.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a receipt: from the file alone, without wallet, passphrase or network.

    The network is told by --genesis, by --network-id and --block-key, or by this wallet's keystore.
    """
    with failures_told(as_json=as_json):
        network, keys = _trusted(
            context, genesis, network_id, block_key, _certificates(file, certificate)
        )
        with file.open("rb") as opened:
            data = opened.read(RECEIPT_BYTES_MAX + 1)
        try:
            receipt = verify_receipt(data, block_keys=keys, network=network)
        except Refusal as refusal:
            fail(
                "receipt_invalid",
                f"This receipt proves nothing: {refusal_sentence(refusal)}".rstrip("."),
                "Ask whoever gave it to you for the original file, and compare the network's id",
                exit_code=ExitCode.REFUSED,
                as_json=as_json,
            )
    _tell(receipt, as_json=as_json, path=file)


def _certificate_beside(receipt: Path) -> Path:
    return receipt.with_name(f"{receipt.name}.certificate")


def _certificates(receipt: Path, given: Path | None) -> tuple[bytes, ...]:
    file = given or _certificate_beside(receipt)
    if given is None and not file.exists():
        return ()
    with file.open("rb") as opened:
        return (opened.read(CERTIFICATE_BYTES_MAX + 1),)


def _trusted(
    context: typer.Context,
    genesis: Path | None,
    network_id: str | None,
    block_key: str | None,
    certificates: tuple[bytes, ...],
) -> tuple[NetworkId, BlockKeys]:
    """Return the network and the block keys to check against.

    Raises:
        Refusal: The genesis document is not one, or the certificate not one of its root.
        KeystoreMissing: Nothing was named and there is no wallet.
    """
    stated = None if network_id is None else network_id_of(network_id, "--network-id")
    if genesis is not None:
        with genesis.open("rb") as opened:
            network = read_genesis(opened.read(GENESIS_BYTES_MAX + 1))
        if stated not in (None, network.id):
            raise typer.BadParameter("the genesis is of another network", param_hint="--genesis")
        return network.id, BlockKeys.of_network(network, certificates)
    if stated is not None and block_key is not None:
        return stated, BlockKeys.stated(hexadecimal(block_key, 32, "a block key", "--block-key"))
    if stated is not None or block_key is not None:
        raise typer.BadParameter("--network-id and --block-key go together")
    public = read_public(keystore_path(setup_of(context).directory))
    keys = BlockKeys.stated(public.block_key).with_certificates(
        certificates, root_key=public.root_key, network=public.network
    )
    return public.network, keys


def _tell(receipt: Receipt, *, as_json: bool, path: Path) -> None:
    order, header = receipt.order, receipt.header
    refusal = refusal_of(receipt.outcome)
    if as_json:
        legs: list[dict[str, Any]] = [
            {
                "from": format_number(leg.debit),
                "to": format_number(leg.credit),
                "amount_fen": leg.amount,
            }
            for leg in order.legs
        ]
        print_json(
            {
                "valid": True,
                "file": str(path),
                "state": "settled" if refusal is None else "refused",
                "refusal": None if refusal is None else refusal_document(refusal),
                "order_id": order.id.hex(),
                "type": order.type.name.lower(),
                "legs": legs,
                "reference": None if order.reference is None else order.reference.hex(),
                "height": header.height,
                "position": receipt.position,
                "time_ms": header.time_ms,
            }
        )
        return
    told = "settled" if refusal is None else "was refused"
    stdout.print(f"[bold green]The receipt holds:[/bold green] the order {told}.")
    facts: dict[str, str | None] = {
        "Order": f"{order.id.hex()} ({order.type.name.lower()})",
        "Reason": None if refusal is None else refusal_sentence(refusal),
        "Block": f"{header.height}, {local_time(header.time_ms)}",
        "File": str(path),
    }
    print_facts(facts)
    for leg in order.legs:
        debit, credit = format_number(leg.debit), format_number(leg.credit)
        stdout.print(f"{debit} paid {yuan(leg.amount)} yuan to {credit}")
