"""One batch: load what its orders touch, post each, and make sure that the ledger adds up."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from jiaozi.central_bank.registry import device_store, store
from jiaozi.central_bank.registry.block import (
    Draft,
    readers_of_devices,
    readers_of_refused,
    readers_of_settled,
)
from jiaozi.central_bank.registry.control import Control
from jiaozi.central_bank.registry.devices import Devices
from jiaozi.central_bank.registry.halts import Paces, check_halts
from jiaozi.central_bank.registry.ledger import Ledger
from jiaozi.central_bank.registry.model import (
    RESERVE_KINDS,
    Account,
    Kind,
    PayeeRefusal,
    Totals,
)
from jiaozi.central_bank.registry.offline import spoken
from jiaozi.central_bank.registry.post import post
from jiaozi.central_bank.registry.protect import take_effect
from jiaozi.central_bank.registry.store import UsedId
from jiaozi.central_bank.registry.sweep import add_sweeps
from jiaozi.protocol import cbor, numbers
from jiaozi.protocol.blocks import encode_outcome, read_outcome
from jiaozi.protocol.certificates import Certified
from jiaozi.protocol.order_types import ORDER_TYPES, OrderType
from jiaozi.protocol.orders import Order, check_window
from jiaozi.protocol.refusals import SETTLED, Code, Outcome, Refusal, refuse
from jiaozi.storage.database import Connection


class Answer(NamedTuple):
    """What became of one order: its final outcome and place, or a refusal without effect."""

    outcome: Outcome = ()
    height: int = 0
    position: int = 0
    refusal: Refusal | None = None


async def load_ledger(
    connection: Connection,
    orders: Sequence[Order],
    totals: Totals,
    control: Control,
    time_ms: int,
    *,
    due: Sequence[int] = (),
    lacks_fen: Mapping[int, int] | None = None,
) -> Ledger:
    """Load all that a batch of orders touches, and carry out what is due of wallets before it.

    Args:
        connection: Of the writer.
        orders: The batch.
        totals: As of the block before; ``control`` likewise.
        control: See there.
        time_ms: Block time.
        due: Wallets of which something is due.
        lacks_fen: What the devices of each operator lack as of the block before.
    """
    touched: set[int] = set(due)
    guarded: set[int] = set(due)
    groups: set[bytes] = set()
    about_devices: list[Order] = []
    for order in orders:
        for leg in order.legs:
            touched.add(leg.debit)
            touched.add(leg.credit)
        if order.type is OrderType.PAYMENT:
            continue  # nearly every order: it asks for nothing more
        if order.type in _TOUCH_MORE:
            touched |= _also_touched(order, control)
        if order.type in _ABOUT_DEVICES:
            about_devices.append(order)
        if order.type in _GUARDED:
            guarded.add(order.scope)
        if order.type is OrderType.OPEN_ACCOUNT:
            groups.add(order.body["group"])
    devices = Devices()
    if about_devices:
        devices = await device_store.load_for(connection, about_devices, time_ms)
        touched |= _touched_by(devices)
    devices.lacks_fen = dict(lacks_fen or {})
    accounts = await store.load_accounts(connection, touched) if touched else {}
    vaults = {_vault_of(each, control) for each in accounts.values() if each.waterfall}
    if not vaults <= accounts.keys():
        accounts |= await store.load_accounts(connection, vaults - accounts.keys())
    heads = await store.load_groups(connection, groups)
    ledger = Ledger(
        accounts=accounts,
        groups={key: accounts.setdefault(head.number, head) for key, head in heads.items()},
        control=control,
        totals=totals,
        time_ms=time_ms,
        devices=devices,
    )
    if guarded:
        ledger.safeguards.update(await store.load_safeguards(connection, guarded))
    for number in due:
        take_effect(accounts[number], ledger)
    return ledger


def post_one(
    order: Order,
    caller: Certified,
    ledger: Ledger,
    draft: Draft,
    used: dict[tuple[bytes, int], UsedId],
    paces: Paces,
) -> Answer:
    """Post one order, put a final outcome into the block, and return what to answer.

    The same order gets its first outcome again, whether it came before or in this very batch.
    """
    key = (order.id, order.scope)
    first = used.get(key)
    if first is not None:
        return answer_again(order, first)
    try:
        check_window(order, ledger.time_ms)
        if ledger.control.halts:
            check_halts(order, caller, ledger.control, paces, ledger.time_ms)
        post(order, caller, ledger)
    except Refusal as refusal:
        if not refusal.is_final:
            return Answer(refusal=refusal)
        outcome = (int(refusal.code), *map(int, refusal.fields.values()))
        readers = readers_of_refused(order, caller.operator, None, 0)
    except PayeeRefusal as refusal:
        outcome = (int(Code.PAYEE_CANNOT_RECEIVE),)
        payee = ledger.accounts.get(refusal.payee)
        readers = readers_of_refused(order, caller.operator, payee, refusal.cause)
    else:
        outcome = SETTLED
        readers = readers_of_settled(order, caller.operator, ledger.accounts)
        if ledger.concerned:
            readers += readers_of_devices(ledger.concerned, readers)
            ledger.concerned = set()
    position = draft.add(order, outcome, readers)
    if ledger.sweeps:
        add_sweeps(order, ledger, draft)
    encoded = None if outcome == SETTLED else encode_outcome(outcome)
    used[key] = UsedId(order.identity, encoded, draft.height, position)
    return Answer(outcome, draft.height, position)


def outcome_of(used: UsedId) -> Outcome:
    """Return the outcome that is remembered with an id."""
    if used.refusal is None:
        return SETTLED
    return read_outcome(cbor.decode(used.refusal, size_max=64))


def totals_after(ledger: Ledger, loaded: Mapping[int, int]) -> Totals:
    """Return the money by kind of account after a batch.

    Args:
        ledger: After the batch.
        loaded: The balances before it.

    Raises:
        AssertionError: One of the two ledgers no longer sums to zero.
    """
    changes: dict[int, int] = dict.fromkeys(map(int, Kind), 0)
    for number in ledger.changed:
        account = ledger.accounts[number]
        changes[account.kind] += account.balance_fen - loaded.get(number, 0)
    reserves = sum(change for kind, change in changes.items() if kind in RESERVE_KINDS)
    assert reserves == 0, f"the reserves ledger is off by {reserves} fen"
    currency = sum(change for kind, change in changes.items() if kind not in RESERVE_KINDS)
    assert currency == 0, f"the currency ledger is off by {currency} fen"
    devices = ledger.devices
    shadows = sum(devices.known[key].shadow_fen for key in devices.changed) - sum(
        devices.shadows_before_fen.get(key, 0) for key in devices.changed
    )
    assert shadows == changes[Kind.OFFLINE], f"the shadow balances are off by {shadows} fen"
    before = ledger.totals
    return replace(
        before,
        vault_fen=before.vault_fen + changes[Kind.VAULT],
        wallet_fen=before.wallet_fen + changes[Kind.WALLET],
        escrow_fen=before.escrow_fen + changes[Kind.ESCROW],
        offline_fen=before.offline_fen + changes[Kind.OFFLINE],
        guarantee_fen=before.guarantee_fen + changes[Kind.GUARANTEE],
        shadow_fen=before.shadow_fen + shadows,
    )


def answer_again(order: Order, first: UsedId) -> Answer:
    """Answer an order whose id is used up: the first outcome for the same order."""
    if first.identity != order.identity:
        return Answer(refusal=refuse(Code.ID_REUSED))
    return Answer(outcome_of(first), first.height, first.position)


def _also_touched(order: Order, control: Control) -> set[int]:
    """Return the accounts that an order touches beside those of its legs."""
    body = order.body
    match order.type:
        case OrderType.OPEN_ACCOUNT:
            return {body["number"], body.get("parent", body["number"])}
        case OrderType.ISSUE:
            operator = numbers.operator_of(order.legs[0].credit)
            return {numbers.reserve_of(operator), numbers.SETTLEMENT}
        case OrderType.DESTROY:
            operator = numbers.operator_of(order.legs[0].debit)
            return {numbers.reserve_of(operator), numbers.SETTLEMENT}
        case OrderType.WATERFALL:
            number = body["number"]
            return {number, int(numbers.vault_of(control.carrier_of(numbers.operator_of(number))))}
        case OrderType.ENROL:
            return {body["wallet"]} if "wallet" in body else set()
        case OrderType.SETTLE_OFFLINE:
            wallet = spoken(order).wallet
            return set() if wallet is None else {wallet}
        case OrderType.CERTIFY:
            return {int(numbers.vault_of(operator)) for operator in control.quotas_fen}
        case _:
            return {body["number"]}


def _touched_by(devices: Devices) -> set[int]:
    """Return the accounts that money on devices moves through."""
    operators = {each.operator for each in devices.known.values()} | devices.live_caps_fen.keys()
    return {int(numbers.OFFLINE), *(int(numbers.guarantee_of(each)) for each in operators)}


def _vault_of(account: Account, control: Control) -> int:
    return int(numbers.vault_of(control.carrier_of(account.operator)))


_NAMES_WALLET = frozenset(
    each for each, rule in ORDER_TYPES.items() if any(field.name == "number" for field in rule.body)
)
_TOUCH_MORE = _NAMES_WALLET | {
    OrderType.ISSUE,
    OrderType.DESTROY,
    OrderType.CERTIFY,
    OrderType.ENROL,
    OrderType.SETTLE_OFFLINE,
}
_GUARDED = (_NAMES_WALLET | {OrderType.MANDATE_PAYMENT}) - {
    OrderType.OPEN_ACCOUNT,
    OrderType.SET_CLASS,
    OrderType.CLAIM,
}
"""The types whose use cases ask for the safeguards of the wallet they act on."""
_ABOUT_DEVICES = frozenset(
    {
        OrderType.ENROL,
        OrderType.LOAD,
        OrderType.SETTLE_OFFLINE,
        OrderType.UNLOAD,
        OrderType.REVOKE_DEVICE,
        OrderType.CLAIM,
        OrderType.RELEASE_GUARANTEE,
        OrderType.OLDEST_GENERATION,
        OrderType.CONVICT,
        OrderType.WRITE_OFF,
        OrderType.TAKE_UP,
        OrderType.CLOSE,
        OrderType.REVOKE,
    }
)
"""The types whose use cases ask for devices: a wallet closes without any."""
