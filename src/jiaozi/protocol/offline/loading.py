"""Money comes onto a device: its operator's word that the registry has moved it (rules.md §G.1).

The registry moves it first, so a load that gets lost on the way is handed out again, the same
bytes for ever. The purse takes them in order, each once.
"""

from jiaozi.protocol.offline.balances import added
from jiaozi.protocol.offline.limits import check_room
from jiaozi.protocol.offline.log import loaded_entry
from jiaozi.protocol.offline.operator_messages import read_load
from jiaozi.protocol.offline.purse import Purse
from jiaozi.protocol.refusals import Code, refuse


def take_load(purse: Purse, load_message: bytes) -> Purse:
    """Take money that the registry has moved to this device.

    Raises:
        Refusal: A shape code, ``device_uncertified``, ``signature_invalid``, ``other_device``,
            ``load_out_of_order`` or ``purse_balance_cap``: the load stays for later.
    """
    load, operator = read_load(load_message, purse.anchor)
    if (load.device, operator) != (purse.device.key, purse.device.operator):
        raise refuse(Code.OTHER_DEVICE)
    if load.number <= purse.loads:
        return purse
    if load.number != purse.loads + 1:
        raise refuse(Code.LOAD_OUT_OF_ORDER, purse.loads + 1)
    check_room(purse, load.amount_fen)
    return purse.logged(
        loaded_entry(load_message),
        loads=load.number,
        balances_fen=added(purse.balances_fen, 0, load.amount_fen),
    )
