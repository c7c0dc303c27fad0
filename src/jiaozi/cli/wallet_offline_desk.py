"""`jiaozi wallet offline`, where it takes the operator: make, load, unload, synchronise a purse."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from jiaozi.cli.arguments import Yuan, amount_of, hexadecimal
from jiaozi.cli.offline_messages import write_proof
from jiaozi.cli.output import (
    AsJson,
    ExitCode,
    local_time,
    print_facts,
    print_json,
    print_table,
    stdout,
    yuan,
)
from jiaozi.cli.wallet_pin import PinFile, with_pin_if_asked
from jiaozi.cli.wallet_setup import failures_told, remind_of_open, setup_of, tell_standing
from jiaozi.protocol.offline.certificate import Profile
from jiaozi.wallet.errors import WalletError
from jiaozi.wallet.model import JournaledOrder
from jiaozi.wallet.offline import desk, devices
from jiaozi.wallet.offline.device import PurseDevice, PurseView, held_fen_of
from jiaozi.wallet.offline.issue import renew
from jiaozi.wallet.offline.own import make_purse, open_purse
from jiaozi.wallet.offline.unload import Unloaded, unload
from jiaozi.wallet.wallet import Wallet, unlock

_Told = TypeVar("_Told")
_Device = Annotated[str, typer.Argument(metavar="DEVICE", help="As `devices` tells it.")]
_KEY_LENGTH = 32
STATES = {
    desk.HandedState.OPEN: "on its way; synchronise to learn what became of it",
    desk.HandedState.SETTLED: "settled",
    desk.HandedState.WAITS: "waiting at the operator, which tries again by itself",
    desk.HandedState.ELSEWHERE: "for another operator's desk",
    desk.HandedState.RETURNED: "back on its device: the wallet that it names can never get it",
}


def enrol_command(
    context: typer.Context,
    balance: Annotated[
        str | None, typer.Option(metavar="YUAN", help="Hold less at most than you might.")
    ] = None,
    terminal: Annotated[
        bool, typer.Option(help="A merchant's: takes many payments and makes none.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make a purse in the wallet's directory; the operator certifies its key."""
    setup = setup_of(context)
    limits = {} if balance is None else {"balance_fen": amount_of(balance)}
    profile = Profile.TERMINAL if terminal else Profile.SOFTWARE

    async def make() -> str:
        passphrase = setup.passphrase()
        async with unlock(setup.directory, passphrase, patience=setup.patience) as wallet:
            with await make_purse(
                wallet, setup.directory, passphrase, profile=profile, limits=limits
            ) as purse:
                await desk.synchronise(wallet.client, purse, wallet.edge)
                return purse.view().device.key.hex()

    with failures_told(as_json=as_json):
        key = asyncio.run(make())
    if as_json:
        print_json({"device": key, "profile": profile.name.lower()})
    else:
        following = (
            "`jiaozi pos take` takes payments of cards"
            if terminal
            else "`jiaozi wallet offline load` puts money into it"
        )
        print_facts({"Device": key, "Next": following})


def load_command(
    context: typer.Context, amount: Yuan, pin_file: PinFile = None, as_json: AsJson = False
) -> None:
    """Move money from the wallet to the purse."""
    amount_fen = amount_of(amount)

    async def order(wallet: Wallet, purse: PurseDevice) -> tuple[JournaledOrder, int | None]:
        remind_of_open(wallet, as_json=as_json)
        loaded = await with_pin_if_asked(
            lambda pin: desk.load(wallet, purse, amount_fen, pin=pin), pin_file
        )
        return loaded, await _held_after(wallet, purse)

    loaded, held_fen = _with_both(context, order, as_json=as_json)
    unseen = "not known: what is on its way comes with the next `sync`"
    tell_standing(
        loaded.standing,
        facts={
            "order_id": loaded.order.order_id.hex(),
            "amount_fen": amount_fen,
            "balance_fen": held_fen,
        },
        labels={
            "Amount": f"{yuan(amount_fen)} yuan",
            "The purse holds": unseen if held_fen is None else f"{yuan(held_fen)} yuan",
        },
        as_json=as_json,
    )


async def _held_after(wallet: Wallet, purse: PurseDevice) -> int | None:
    """Return what a purse holds once it has its loads; None if they could not be brought to it."""
    try:
        await desk.fetch_loads(wallet, purse)
    except WalletError:
        return None
    return held_fen_of(purse)


def unload_command(context: typer.Context, amount: Yuan, as_json: AsJson = False) -> None:
    """Move money from the purse back to the wallet."""
    amount_fen = amount_of(amount)

    async def move(wallet: Wallet, purse: PurseDevice) -> tuple[Unloaded, int | None]:
        return await unload(wallet, purse, amount_fen), held_fen_of(purse)

    done, held_fen = _with_both(context, move, as_json=as_json)
    if as_json:
        told = {"amount_fen": amount_fen, "state": done.state.name.lower(), "balance_fen": held_fen}
        print_json({**told, "is_new": done.is_new})
    else:
        which = "" if done.is_new else ", by an unload that had broken off"
        stdout.print(f"{yuan(amount_fen)} yuan{which}: {STATES[done.state]}.")
    if done.state is desk.HandedState.RETURNED:
        raise typer.Exit(ExitCode.REFUSED)
    if done.state is not desk.HandedState.SETTLED:
        raise typer.Exit(ExitCode.UNKNOWN)


def synchronise_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Hand in what the purse paid and took, fetch loads on the way, begin its limits afresh."""

    async def go(wallet: Wallet, purse: PurseDevice) -> tuple[int, int, PurseView]:
        entries = purse.view().entries
        loads = await desk.synchronise_own(wallet, purse)
        return loads, entries, purse.view()

    loads, entries, view = _with_both(context, go, as_json=as_json)
    if as_json:
        print_json({"loads": loads, "entries": entries, "balance_fen": view.balance_fen})
    else:
        print_facts(
            {
                "Handed in": f"{entries} entries",
                "Loads fetched": str(loads) if loads else None,
                "The purse holds": f"{yuan(view.balance_fen)} yuan",
                "Known until": local_time(view.floor_ms),
            }
        )


def renew_command(context: typer.Context, as_json: AsJson = False) -> None:
    """Have the purse certified anew, once that is due; `sync` does it too. It keeps its limits."""

    async def go(wallet: Wallet, purse: PurseDevice) -> int:
        desk.check_carried(wallet, purse)
        await renew(purse, wallet.operator, wallet.number, partial(desk.enrol, wallet))
        return purse.view().device.not_after_ms

    tell_certified(_with_both(context, go, as_json=as_json), as_json=as_json)


def tell_certified(not_after_ms: int, *, as_json: bool) -> None:
    """Tell until when a device is certified."""
    if as_json:
        print_json({"not_after_ms": not_after_ms})
    else:
        print_facts({"Certified until": local_time(not_after_ms)})


def devices_command(context: typer.Context, as_json: AsJson = False) -> None:
    """List the wallet's devices, cards too, as the operator knows them."""

    async def ask(wallet: Wallet) -> list[dict[str, Any]]:
        return await devices.devices(wallet)

    listed = with_wallet(context, ask, as_json=as_json)
    if as_json:
        print_json({"devices": listed})
        return
    rows = [
        (each["device"], each["profile"], each["state"], yuan(each["shadow_fen"]))
        for each in listed
    ]
    print_table(("Device", "Kind", "State", "Seen on it"), rows, amounts=("Seen on it",))


def lost_command(context: typer.Context, device: _Device, as_json: AsJson = False) -> None:
    """Report a device lost: no purse that learns of it pays or believes it any more."""
    key = hexadecimal(device, _KEY_LENGTH, "DEVICE")

    async def report(wallet: Wallet) -> dict[str, Any]:
        return await devices.report_lost(wallet, key)

    told = with_wallet(context, report, as_json=as_json)
    if as_json:
        print_json(told)
        return
    claim_from_ms = told.get("claim_from_ms")
    print_facts(
        {
            "State": told["state"],
            "Seen on it": f"{yuan(told['shadow_fen'])} yuan",
            "Claim it from": None if claim_from_ms is None else local_time(claim_from_ms),
        }
    )


def claim_command(context: typer.Context, device: _Device, as_json: AsJson = False) -> None:
    """Take back what is left of a lost device, once what it paid must have surfaced."""
    key = hexadecimal(device, _KEY_LENGTH, "DEVICE")

    async def order(wallet: Wallet) -> JournaledOrder:
        remind_of_open(wallet, as_json=as_json)
        return await devices.claim(wallet, key)

    claimed = with_wallet(context, order, as_json=as_json)
    order_id = claimed.order.order_id.hex()
    tell_standing(
        claimed.standing,
        facts={"order_id": order_id},
        labels={"Order": order_id},
        as_json=as_json,
    )


def proofs_command(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(help="Where to write them, a file each.")],
    as_json: AsJson = False,
) -> None:
    """Write down what this purse found against others; `jiaozi offline verify-proof` reads it."""
    setup = setup_of(context)
    with failures_told(as_json=as_json):
        with open_purse(setup.directory, setup.passphrase()) as purse:
            proofs = purse.proofs()
        paths = [write_proof(directory, proof) for proof in proofs]
    if as_json:
        print_json({"proofs": list(map(str, paths))})
    else:
        stdout.print(f"{len(paths)} proofs in {directory}.")


def _with_both(
    context: typer.Context,
    use: Callable[[Wallet, PurseDevice], Awaitable[_Told]],
    *,
    as_json: bool,
) -> _Told:
    """Unlock wallet and purse, and tell what goes wrong."""
    setup = setup_of(context)

    async def run() -> _Told:
        passphrase = setup.passphrase()
        with setup.purse(passphrase) as purse:
            async with unlock(setup.directory, passphrase, patience=setup.patience) as wallet:
                return await use(wallet, purse)

    with failures_told(as_json=as_json):
        return asyncio.run(run())


def with_wallet(
    context: typer.Context, use: Callable[[Wallet], Awaitable[_Told]], *, as_json: bool
) -> _Told:
    """Unlock the wallet, and tell what goes wrong."""

    async def run() -> _Told:
        async with setup_of(context).unlocked() as wallet:
            return await use(wallet)

    with failures_told(as_json=as_json):
        return asyncio.run(run())


COMMANDS: Mapping[str, Callable[..., None]] = {
    "enrol": enrol_command,
    "load": load_command,
    "sync": synchronise_command,
    "unload": unload_command,
    "renew": renew_command,
    "devices": devices_command,
    "lost": lost_command,
    "claim": claim_command,
    "proofs": proofs_command,
}
