"""The operator's desk: what a purse gets from it and hands in, all of it any number of times.

::

    enrol        the device's key, signed by itself      -> certificates
    load         LOAD order of the wallet; once settled  -> load n+1, the same bytes for ever
    synchronise  the device's log, opened                -> checkpoint, time, revocations
    unload       a payment of the purse to the wallet    -> settled
    say again    payments that nobody acknowledged       -> settled, wherever their payee is

What breaks off is begun again: a purse takes no load twice, says no payment differently, and the
registry knows each payment by device and counter.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from functools import partial

from jiaozi.protocol import cbor, numbers
from jiaozi.protocol.legs import SALT_LENGTH, Leg
from jiaozi.protocol.offline.certificate import Chain
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.edge import Edge
from jiaozi.wallet.errors import AnswerMalformed, DeviceLeftBehind, NoAnswer, WalletError
from jiaozi.wallet.model import JournaledOrder, State
from jiaozi.wallet.offline.desk_answers import check_array, read_array, read_chain, read_value
from jiaozi.wallet.offline.device import PurseDevice
from jiaozi.wallet.offline.devices import sign_about
from jiaozi.wallet.offline.issue import renew
from jiaozi.wallet.second_factor import made_whole
from jiaozi.wallet.submit import submit
from jiaozi.wallet.wallet import Wallet

_CBOR, _SEQUENCE = "application/cbor", "application/cbor-seq"
_PAYMENTS_PER_REQUEST = 500
_POLL_S, _POLL_S_MAX = 0.2, 5.0
"""What is not through at once waits for something: a long log is not sent five times a second."""
_SETTLE_WAIT_S = 30.0


class HandedState(IntEnum):
    """What became of a payment that was handed in."""

    OPEN = 0
    SETTLED = 1
    WAITS = 2
    """Refused by the registry for now; the operator tries again by itself."""
    ELSEWHERE = 3
    """Another operator's to settle."""
    RETURNED = 4
    """To a wallet that can never get it: the next synchronisation puts it back on its device."""


@dataclass(frozen=True, slots=True)
class Handed:
    """One payment of what was handed in; ``outcome`` is the registry's when it waits."""

    device: bytes
    counter: int
    identity: bytes
    state: HandedState
    outcome: tuple[int, ...] | None


async def enrol(wallet: Wallet, enrolment: bytes) -> Chain:
    """Have a device of this wallet certified; the same again gives the same certificates."""
    answer = await wallet.client.ask_own_bytes("POST", "/devices", enrolment, content_type=_CBOR)
    return read_chain(answer)


async def enrol_anonymous(
    client: OperatorClient, enrolment: bytes, issue_code: bytes | None
) -> Chain:
    """Have a device certified that belongs to nobody who is known.

    Args:
        client: Of the operator.
        enrolment: What the device says.
        issue_code: From the operator's clerk, for a device that it has not enrolled yet.
    """
    path, body = "/v1/offline/devices", cbor.encode([issue_code, enrolment])
    return read_chain(await client.ask_bytes("POST", path, body, content_type=_CBOR))


async def load(
    wallet: Wallet, device: PurseDevice, amount_fen: int, *, pin: str | None = None
) -> JournaledOrder:
    """Move money from the wallet to a device, which must be within reach.

    What an earlier load left on the way is fetched first, so that numbers leave no gap.

    What settled and could not be fetched, or a device that is out of reach then could not take,
    stays for later: `fetch_loads` gets it.

    Raises:
        DeviceLeftBehind: It could not take what the wallet's operator of today would sign.
        Refusal: ``purse_balance_cap``; the order could never be taken, or as `countersigned`.
        NoAnswer: What was stored stays open, and settles once or never.
    """
    check_carried(wallet, device)
    await fetch_loads(wallet, device)
    view = device.view()
    cap_fen = view.device.limits.balance_fen
    if view.balance_fen + amount_fen > cap_fen:
        raise refuse(Code.PURSE_BALANCE_CAP, cap_fen, max(0, cap_fen - view.balance_fen))
    order = sign_about(
        wallet,
        OrderType.LOAD,
        Leg(wallet.number, numbers.OFFLINE, amount_fen, wallet.edge.random(SALT_LENGTH)),
        device=view.device.key,
        load=view.loads + 1,
    )
    order = await made_whole(wallet, order, pin)
    wallet.journal.store([order])
    standing = (await submit(wallet, [order]))[order.order_id]
    if standing.state is State.SETTLED:
        with suppress(WalletError):
            await fetch_loads(wallet, device)
    return JournaledOrder(order=order, standing=standing)


async def fetch_loads(wallet: Wallet, device: PurseDevice) -> int:
    """Let a device take the loads that the registry has moved to it; returns how many.

    Raises:
        DoubleLoadFound: The operator says something else of a load that the device has.
        Refusal: ``purse_balance_cap``: the rest stays for later.
        AnswerMalformed: The operator gives a load that the device has, in place of the next.
    """
    view = device.view()
    first = loads = view.loads
    while (message := await _load(wallet, view.device.key, loads + 1)) is not None:
        device.take_load(message)
        before, loads = loads, device.view().loads
        if loads == before:
            raise AnswerMalformed(detail="The operator gives a load that the purse has already")
    return loads - first


async def synchronise(client: OperatorClient, device: PurseDevice, edge: Edge) -> None:
    """Hand a device's log in at its operator and let it go on from what the registry says.

    Raises:
        Refusal: The operator gives no checkpoint: the device is suspended or revoked, or payments
            of its log wait for something.
        NoAnswer: Nothing is lost; begin again.
    """
    log, path = device.hand_in(), "/v1/offline/synchronisations"
    deadline_s = edge.monotonic_s() + _SETTLE_WAIT_S
    pauses_s = _pauses_s()
    while True:
        try:
            answer = await client.ask_bytes("POST", path, log, content_type=_SEQUENCE)
            break
        except Refusal as refusal:
            waits = refusal.code is Code.SYNCHRONISATION_WAITS
            if not waits or edge.monotonic_s() > deadline_s:
                raise
        await edge.sleep(next(pauses_s))
    checkpoint, time, frames = read_array(answer, bytes, bytes, list)
    check_array(frames, *[bytes] * len(frames))
    for frame in frames:
        device.learn_revocations(frame)
    device.synchronise(checkpoint, time)


async def synchronise_own(wallet: Wallet, device: PurseDevice) -> int:
    """Fetch loads on the way for a device of this wallet, synchronise it, and return how many.

    Its certificate is renewed with it when that is due.

    Raises:
        DeviceLeftBehind: Its log is handed in, and no operator gives it a checkpoint.
        Refusal: As `fetch_loads` and `synchronise`.
        NoAnswer: Nothing is lost; begin again.
    """
    if is_left_behind(wallet, device):
        await settle(wallet, device)
    check_carried(wallet, device)
    loads = await fetch_loads(wallet, device)
    await synchronise(wallet.client, device, wallet.edge)
    await renew_if_due(wallet, device)
    return loads


async def renew_if_due(wallet: Wallet, device: PurseDevice) -> None:
    """Have a device of this wallet certified anew if that is due; if not now, then the next time.

    It may be that the key which certified it was revoked: then it pays and is paid after this only.
    """
    with suppress(Refusal, NoAnswer):
        await renew(device, wallet.operator, wallet.number, partial(enrol, wallet))


async def hand_in(client: OperatorClient, log: bytes) -> list[Handed]:
    """Hand a log in at any operator, whoever's device it is."""
    path = "/v1/offline/logs"
    return _handed(await client.ask_bytes("POST", path, log, content_type=_SEQUENCE))


async def say_again(client: OperatorClient, payments: Sequence[bytes]) -> list[Handed]:
    """Hand payments in that may not have arrived: they belong to their payees all the same."""
    handed: list[Handed] = []
    for first in range(0, len(payments), _PAYMENTS_PER_REQUEST):
        part = payments[first : first + _PAYMENTS_PER_REQUEST]
        body = b"".join(map(cbor.encode_bytes, part))
        path = "/v1/offline/payments"
        answer = await client.ask_bytes("POST", path, body, content_type=_SEQUENCE)
        told = _handed(answer)
        if len(told) != len(part):
            raise AnswerMalformed(detail="The operator answers about other payments")
        handed += told
    return handed


async def bring(client: OperatorClient, payment: bytes, edge: Edge) -> Handed:
    """Hand in a payment, whoever's it is, and ask until it is known what became of it.

    Returns:
        What became of it; it may still be open when that takes too long.

    Raises:
        Refusal: It is no payment that a certified device has signed.
        NoAnswer: Nothing is lost; begin again.
    """
    deadline_s = edge.monotonic_s() + _SETTLE_WAIT_S
    pauses_s = _pauses_s()
    while True:
        [handed] = await say_again(client, [payment])
        if handed.state is not HandedState.OPEN or edge.monotonic_s() > deadline_s:
            return handed
        await edge.sleep(next(pauses_s))


def check_carried(wallet: Wallet, device: PurseDevice) -> None:
    """Check that the wallet's operator of today is the one that certified a device.

    Raises:
        DeviceLeftBehind: It is another.
    """
    if is_left_behind(wallet, device):
        raise DeviceLeftBehind(detail="The operator that certified this purse carries it no more")


def is_left_behind(wallet: Wallet, device: PurseDevice) -> bool:
    """Say whether another operator certified a device than the one that carries the wallet now."""
    return device.view().device.operator != wallet.operator


async def settle(wallet: Wallet, device: PurseDevice) -> None:
    """Hand a device's log in until nothing of it is under way."""
    deadline_s = wallet.edge.monotonic_s() + _SETTLE_WAIT_S
    pauses_s = _pauses_s()
    log = device.hand_in()
    while any(each.state is HandedState.OPEN for each in await hand_in(wallet.client, log)):
        if wallet.edge.monotonic_s() > deadline_s:
            raise refuse(Code.UNKNOWN)
        await wallet.edge.sleep(next(pauses_s))


async def _load(wallet: Wallet, device: bytes, number: int) -> bytes | None:
    path = f"/devices/{device.hex()}/loads/{number}"
    try:
        return await wallet.client.ask_own_bytes("GET", path)
    except Refusal as refusal:
        if refusal.code is not Code.NOT_FOUND:
            raise
        return None


def _pauses_s() -> Iterator[float]:
    """Yield how long to wait before each time that the same is asked again."""
    pause_s = _POLL_S
    while True:
        yield pause_s
        pause_s = min(2 * pause_s, _POLL_S_MAX)


def _handed(answer: bytes) -> list[Handed]:
    rows = read_value(answer)
    if type(rows) is not list:
        raise AnswerMalformed(detail="What became of the payments cannot be read")
    handed = []
    for row in rows:
        device, counter, identity, state, outcome = check_array(row, bytes, int, bytes, int, object)
        if state not in tuple(HandedState) or not isinstance(outcome, list | None):
            raise AnswerMalformed(detail="What became of a payment cannot be read")
        refusal = None if outcome is None else tuple(outcome)
        handed.append(Handed(device, counter, identity, HandedState(state), refusal))
    return handed
