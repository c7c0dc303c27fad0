"""`jiaozi central-bank halt`, `reassign`, `freeze`, `convict`, …: for when something is wrong.

Drawn up, approved by two officers and sent like all their orders (`central_bank_orders`). A halt
ends by itself; `halts` shows those in force.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer

from jiaozi.central_bank.certification.keys import KeyPlaces
from jiaozi.cli.arguments import hexadecimal
from jiaozi.cli.central_bank_orders import Operator, Out, draw_up
from jiaozi.cli.central_bank_worker import founded_network
from jiaozi.cli.failures import failures_told, misfit_told
from jiaozi.cli.output import AsJson, local_time, print_facts, print_json
from jiaozi.protocol.money import parse_yuan
from jiaozi.protocol.numbers import parse_number
from jiaozi.protocol.offline.certificate import Anchor
from jiaozi.protocol.offline.proofs import ProofKind, verify_proof
from jiaozi.protocol.order_types import FreezeScope, HaltScope, OrderType
from jiaozi.protocol.suites import ED25519_KEY_LENGTH

_TIMEOUT_S = 10.0
_CASE_LENGTH = 16
_Network = Annotated[
    Path,
    typer.Option(envvar="JIAOZI_NETWORK", help="The ceremony's directory, for its root's key."),
]
_Wallet = Annotated[str, typer.Argument(metavar="WALLET", help="Its number.")]


def halt_command(
    out: Out,
    minutes: Annotated[
        float,
        typer.Option(min=0, max=525_600, help="How long from now; 0 ends a halt of the same kind."),
    ],
    operator: Annotated[
        int | None, typer.Option(min=1, max=9999, help="Only what this operator brings.")
    ] = None,
    order_type: Annotated[
        str | None, typer.Option(help="Only orders of this type, such as payment.")
    ] = None,
    orders_per_s: Annotated[
        int | None, typer.Option(min=1, help="Slow down to so many a second, do not stop.")
    ] = None,
    *,
    offline_loads: Annotated[
        bool, typer.Option("--offline-loads", help="Only loads of devices that pay offline.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Draw up: stop all orders, one operator's, one type's or loads; it ends by itself.

    What protects holders goes on: their own freezes, their operator's, an old key's objection.
    """
    if (operator is not None) + (order_type is not None) + offline_loads > 1:
        raise typer.BadParameter("name an operator, an order type or offline loads, not several")
    scope, subject = (HaltScope.OFFLINE_LOADS if offline_loads else HaltScope.ALL), 0
    if operator is not None:
        scope, subject = HaltScope.OPERATOR, operator
    elif order_type is not None:
        scope, subject = HaltScope.ORDER_TYPE, int(_order_type(order_type))
    until_ms = time.time_ns() // 1_000_000 + int(minutes * 60_000)
    draw_up(
        lambda desk: desk.halt(scope, until_ms, subject=subject, orders_per_s=orders_per_s),
        out,
        as_json,
    )


def reassign_command(
    operator: Operator,
    carrier: Annotated[
        int, typer.Argument(metavar="CARRIER", min=1, max=9999, help="Who carries them on.")
    ],
    out: Out,
    as_json: AsJson = False,
) -> None:
    """Draw up: have another operator carry on the wallets of a failed one."""
    draw_up(lambda desk: desk.reassign(operator, carrier), out, as_json)


def freeze_command(
    wallet: _Wallet,
    out: Out,
    amount: Annotated[
        str | None, typer.Option(metavar="YUAN", help="Freeze this much, not the wallet.")
    ] = None,
    *,
    everything: Annotated[
        bool, typer.Option("--everything", help="Stop credits too, not debits alone.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Draw up: freeze a wallet; the order shows the case number that lifts it."""
    if amount is not None and everything:
        raise typer.BadParameter("freeze an amount or everything, not both")
    scope = FreezeScope.ALL if everything else FreezeScope.DEBITS
    if amount is not None:
        scope = FreezeScope.AMOUNT
    draw_up(
        lambda desk: desk.freeze(
            parse_number(wallet), scope, None if amount is None else parse_yuan(amount)
        )[1],
        out,
        as_json,
    )


def unfreeze_command(
    wallet: _Wallet,
    case: Annotated[str, typer.Argument(metavar="CASE", help="Its number, in hexadecimal.")],
    out: Out,
    as_json: AsJson = False,
) -> None:
    """Draw up: lift any freeze of a wallet, whoever made it."""
    draw_up(lambda desk: desk.unfreeze(parse_number(wallet), _case(case)), out, as_json)


def oldest_generation_command(
    generation: Annotated[
        int, typer.Argument(metavar="GENERATION", min=1, help="The oldest still accepted.")
    ],
    out: Out,
    as_json: AsJson = False,
) -> None:
    """Draw up: accept no older generation of offline devices, for good.

    Devices learn it from the revocation list; they go on with a later certificate.
    """
    draw_up(lambda desk: desk.accept_generations_from(generation), out, as_json)


def convict_command(
    proof: Annotated[Path, typer.Argument(help="A proof, as an operator's desk found it.")],
    network: _Network,
    out: Out,
    as_json: AsJson = False,
) -> None:
    """Draw up: convict the offline device that a proof is against, after verifying the proof.

    It is revoked for good, and what it spent twice is paid from its operator's guarantee.
    """
    with failures_told(as_json=as_json):
        data = proof.read_bytes()
        founded = founded_network(KeyPlaces(network))
        with misfit_told(proof, "a proof against a device", as_json=as_json):
            anchor = Anchor(network=founded.id, root_key=founded.root_key)
            proven = verify_proof(data, anchor)
        if proven.kind is ProofKind.DOUBLE_LOAD:
            raise typer.BadParameter("this proof is against an operator, not against a device")
    draw_up(lambda desk: desk.convict(proven.device, proven.hash), out, as_json)


def write_off_command(
    device: Annotated[str, typer.Argument(metavar="DEVICE", help="Its key, in hexadecimal.")],
    out: Out,
    as_json: AsJson = False,
) -> None:
    """Draw up: cover what a revoked offline device lacks from its operator's guarantee.

    For a device without proof against it, when all that it was paid must have surfaced. Honest
    payees hold what it paid; nobody is accused.
    """
    key = hexadecimal(device, ED25519_KEY_LENGTH, "DEVICE")
    draw_up(lambda desk: desk.write_off(key), out, as_json)


def halts_command(
    registry: Annotated[
        str, typer.Option(envvar="JIAOZI_REGISTRY_URL", help="The central bank's address.")
    ],
    as_json: AsJson = False,
) -> None:
    """Show what is halted now, and until when."""
    with failures_told(as_json=as_json):
        halts = _halts_at(registry.rstrip("/"))
    if as_json:
        print_json({"halts": halts})
        return
    if not halts:
        print_facts({"Halted": "nothing"})
    for each in halts:
        print_facts(_facts(each))


COMMANDS: Mapping[str, Callable[..., Any]] = {
    "halt": halt_command,
    "reassign": reassign_command,
    "freeze": freeze_command,
    "unfreeze": unfreeze_command,
    "oldest-generation": oldest_generation_command,
    "convict": convict_command,
    "write-off": write_off_command,
}


def _case(text: str) -> bytes:
    case = bytes.fromhex(text)
    if len(case) != _CASE_LENGTH:
        raise ValueError(f"a case number is {2 * _CASE_LENGTH} hexadecimal digits")
    return case


def _halts_at(registry: str) -> list[dict[str, Any]]:
    try:
        answer = httpx.get(f"{registry}/v1/halts", timeout=_TIMEOUT_S, trust_env=False)
        answer.raise_for_status()
        return list(answer.json()["halts"])
    except (httpx.HTTPError, httpx.InvalidURL, KeyError, TypeError, ValueError) as error:
        raise typer.BadParameter(f"{registry}: {error}", param_hint="--registry") from error


def _order_type(name: str) -> OrderType:
    try:
        return OrderType[name.upper().replace("-", "_")]
    except KeyError:
        raise typer.BadParameter(f"there are no {name} orders") from None


def _facts(halt: Mapping[str, Any]) -> dict[str, str]:
    match halt["scope"]:
        case HaltScope.OPERATOR:
            what = f"operator {halt['subject']:04d}"
        case HaltScope.ORDER_TYPE:
            what = f"{OrderType(halt['subject']).name.lower().replace('_', ' ')} orders"
        case HaltScope.OFFLINE_LOADS:
            what = "offline loads"
        case _:
            what = "all orders"
    rate = halt["orders_per_s"]
    facts = {"Halted" if rate is None else "Slowed down": what}
    if rate is not None:
        facts["Orders a second"] = str(rate)
    return {**facts, "Until": local_time(halt["until_ms"])}
