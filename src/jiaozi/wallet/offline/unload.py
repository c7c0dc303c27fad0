"""Move money from a purse within reach to its wallet: once, however often it is begun again.

::

    purse     -> operator   log; back comes a checkpoint
    purse     -> operator   payment to the wallet, until it is settled
    purse     -> operator   log; back comes a checkpoint without it
"""

from contextlib import suppress
from dataclasses import dataclass

from jiaozi.protocol.offline.messages import payment_of, split_message
from jiaozi.wallet.errors import NoAnswer, WalletError
from jiaozi.wallet.offline import desk
from jiaozi.wallet.offline.desk import HandedState
from jiaozi.wallet.offline.device import PurseDevice
from jiaozi.wallet.wallet import Wallet


@dataclass(frozen=True, slots=True)
class Unloaded:
    """What became of an unload.

    Attributes:
        state: While it is open the payment stands on the device, and synchronising finishes it.
        is_new: Whether it is another one than the one that had broken off.
    """

    state: HandedState
    is_new: bool


async def unload(wallet: Wallet, device: PurseDevice, amount_fen: int) -> Unloaded:
    """Move an amount from a device to its wallet, or finish the unload of it that broke off.

    The device is synchronised first: what came in may be unloaded then, and the registry has seen
    it. Of a device whose operator failed the log is handed in instead.

    Raises:
        Refusal: ``purse_funds``, or as `desk.synchronise`: nothing new moved.
        WalletError: The device is out of reach, or nobody answers: begin again.
    """
    is_left_behind, waiting = desk.is_left_behind(wallet, device), None
    if is_left_behind:
        await desk.settle(wallet, device)
    else:
        waiting = _waiting(device, wallet.number, amount_fen)
        await desk.synchronise(wallet.client, device, wallet.edge)
    payment = waiting or device.unload(amount_fen, wallet.number)
    state = HandedState.OPEN
    with suppress(NoAnswer):
        state = (await desk.bring(wallet.client, payment, wallet.edge)).state
    if state in (HandedState.SETTLED, HandedState.RETURNED) and not is_left_behind:
        with suppress(WalletError):
            await desk.synchronise(wallet.client, device, wallet.edge)
    return Unloaded(state, is_new=waiting is None)


def _waiting(device: PurseDevice, wallet: int, amount_fen: int) -> bytes | None:
    """Return the unload of this amount that a device has said and that no checkpoint has seen."""
    if not device.view().waiting:
        return None
    for payment in device.waiting():
        said = payment_of(split_message(payment, "payment")[0])
        if (said.wallet, said.amount_fen) == (wallet, amount_fen):
            return payment
    return None
