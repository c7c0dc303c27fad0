"""Money comes onto a device: its operator's word that the registry has moved it (rules.md §G.1).

The registry moves it first, so a load that gets lost on the way is handed out again, the same for
ever. The purse takes them in order, each once. A load that it has already is compared with the one
in its log: one that says something else convicts the operator. The log begins at the last
synchronisation, so what came before is no longer there to be compared.
"""

from jiaozi.protocol.offline.balances import added
from jiaozi.protocol.offline.limits import check_certifier, check_room
from jiaozi.protocol.offline.log import load_in, loaded_entry
from jiaozi.protocol.offline.operator_messages import Load, read_load
from jiaozi.protocol.offline.proofs import DoubleLoadFound, double_load_proof
from jiaozi.protocol.offline.purse import Purse
from jiaozi.protocol.refusals import Code, refuse


def take_load(purse: Purse, load_message: bytes) -> Purse:
    """Take money that the registry has moved to this device; a load once more changes nothing.

    Raises:
        DoubleLoadFound: Its operator signed another one under this number.
        Refusal: A shape code, ``device_uncertified``, ``signature_invalid``, ``other_device``,
            ``load_out_of_order``; ``certificate_revoked``: its operator signs it again; or
            ``purse_balance_cap``: the load stays for later.
    """
    load, certifier = read_load(load_message, purse.anchor)
    if (load.device, certifier.operator) != (purse.device.key, purse.device.operator):
        raise refuse(Code.OTHER_DEVICE)
    if load.number <= purse.loads:
        _compare(purse, load, load_message)
        return purse
    if load.number != purse.loads + 1:
        raise refuse(Code.LOAD_OUT_OF_ORDER, purse.loads + 1)
    check_certifier(purse, certifier)
    check_room(purse, load.amount_fen)
    return purse.logged(
        loaded_entry(load_message),
        loads=load.number,
        balances_fen=added(purse.balances_fen, 0, load.amount_fen),
    )


def _compare(purse: Purse, load: Load, load_message: bytes) -> None:
    """Compare a load with the one that was taken under its number, as far as the log goes back.

    The same content in other bytes is the same load: its operator's key was changed meanwhile.
    """
    since = purse.loads - load.number
    logged = list(filter(None, map(load_in, purse.entries)))
    if since >= len(logged):
        return
    first = logged[-1 - since]
    if read_load(first, purse.anchor)[0] != load:
        raise DoubleLoadFound(proof=double_load_proof(first, load_message))
