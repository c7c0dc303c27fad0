"""Statements about devices: loading what a batch names of them and writing what it changed.

Set-based as `store`: a batch of two thousand settlements takes as many statements as one of two.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from operator import attrgetter
from typing import Any

from jiaozi.central_bank.registry.devices import Devices, Enrolled, ListTip
from jiaozi.protocol import numbers
from jiaozi.protocol.offline.certificate import Device
from jiaozi.protocol.offline.messages import Payment
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import Inner, Order
from jiaozi.storage.database import Connection
from jiaozi.storage.queries import load_statements

_PAYMENT_COLUMNS = (
    "device", "counter", "identity", "position", "payee", "wallet", "amount_fen", "height",
)  # fmt: skip
_COLUMNS_OF = attrgetter(*Enrolled.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Statements:
    """The names in offline.sql."""

    devices: str
    devices_of_wallets: str
    devices_of_groups: str
    state_devices: str
    live_caps: str
    lacks: str
    payments_by_counter: str
    payments_by_position: str
    highest_counter: str
    list_head: str
    list_entries: str
    write_devices: str
    append_revocation: str


SQL = load_statements(Statements, files(__package__) / "offline.sql")


@dataclass(slots=True)
class _Asked:
    """What orders about devices ask for."""

    keys: set[bytes] = field(default_factory=set)
    wallets: set[int] = field(default_factory=set)
    """Whose devices are asked for."""
    sharing: set[int] = field(default_factory=set)
    """Operators whose guarantee has to cover its share."""
    payments: list[tuple[bytes, Payment]] = field(default_factory=list)

    def add(self, order: Order) -> None:
        if "device" in order.body:
            self.keys.add(order.body["device"])
        match order.type:
            case OrderType.LOAD:
                self.wallets.add(order.legs[0].debit)
            case OrderType.CLOSE:
                self.wallets.add(order.scope)
            case OrderType.RELEASE_GUARANTEE:
                self.sharing.add(numbers.operator_of(order.legs[0].debit))
            case _ if order.inner is not None:
                self._add_inner(order.inner)
            case _:
                pass

    def _add_inner(self, inner: Inner) -> None:
        match inner.said:
            case Device(key=key, operator=operator):
                self.keys.add(key)
                self.sharing.add(operator)
            case Payment() as payment:
                self.keys |= {inner.key, payment.payee or inner.key}
                self.payments.append((inner.key, payment))


async def load_for(connection: Connection, orders: Iterable[Order], time_ms: int) -> Devices:
    """Load what orders about devices ask for."""
    asked = _Asked()
    for order in orders:
        asked.add(order)
    known = await load_devices(connection, asked.keys)
    groups: dict[int, set[int]] = {}
    if asked.wallets:
        rows = await connection.fetch(SQL.devices_of_groups, list(asked.wallets))
        known |= _by_key(row[1:] for row in rows)
        for row in rows:
            groups.setdefault(row["head"], set()).add(row["wallet"])
    tip = await load_tip(connection)
    devices = Devices(known=known, wallets_of_group=groups, tip=tip)
    if asked.sharing:
        rows = await connection.fetch(SQL.live_caps, list(asked.sharing), time_ms)
        caps_fen = {row["operator"]: row["caps_fen"] for row in rows}
        devices.live_caps_fen = dict.fromkeys(asked.sharing, 0) | caps_fen
    if asked.payments:
        await _load_recorded(connection, asked.payments, devices)
    return devices


async def load_devices(connection: Connection, keys: Iterable[bytes]) -> dict[bytes, Enrolled]:
    """Load devices by their keys; those that are not enrolled are left out."""
    wanted = list(keys)
    return _by_key(await connection.fetch(SQL.devices, wanted)) if wanted else {}


async def devices_of_wallet(connection: Connection, number: int) -> list[Enrolled]:
    """Load the devices that were enrolled from a wallet."""
    return [Enrolled(*row) for row in await connection.fetch(SQL.devices_of_wallets, [number])]


async def load_lacks(connection: Connection) -> dict[int, int]:
    """Load what the devices of each operator lack together; who lacks nothing is left out."""
    rows = await connection.fetch(SQL.lacks)
    return {row["operator"]: row["lacks_fen"] for row in rows}


async def load_tip(connection: Connection) -> ListTip:
    """Load where the revocation list stands."""
    row = await connection.fetchrow(SQL.list_head)
    return ListTip() if row is None else ListTip(*row)


async def write(connection: Connection, devices: Devices, height: int) -> None:
    """Write what a block changed of devices."""
    changed = [_COLUMNS_OF(devices.known[key]) for key in sorted(devices.changed)]
    if changed:
        await connection.execute(SQL.write_devices, *map(list, zip(*changed, strict=True)))
    if devices.records:
        rows = [
            (
                each.device, each.payment.counter, each.identity, each.payment.position,
                each.payment.payee, each.payment.wallet, each.payment.amount_fen, height,
            )
            for each in devices.records
        ]  # fmt: skip
        await connection.copy_records_to_table(
            "offline_payment", records=rows, columns=_PAYMENT_COLUMNS
        )
    if devices.entries:
        await connection.executemany(
            SQL.append_revocation,
            [
                (each.tip.number, each.encoded, each.tip.hash, each.tip.oldest_generation)
                for each in devices.entries
            ],
        )


async def _load_recorded(
    connection: Connection, payments: Sequence[tuple[bytes, Payment]], devices: Devices
) -> None:
    keys = [key for key, _ in payments]
    counters = [payment.counter for _, payment in payments]
    for row in await connection.fetch(SQL.payments_by_counter, keys, counters):
        devices.by_counter.setdefault((row[0], row[1]), set()).add(row[2])
    positions = [payment.position for _, payment in payments]
    for row in await connection.fetch(SQL.payments_by_position, keys, positions):
        devices.by_position.setdefault((row[0], row[1]), set()).add(row[2])


def _by_key(rows: Iterable[Iterable[Any]]) -> dict[bytes, Enrolled]:
    devices = (Enrolled(*row) for row in rows)
    return {each.key: each for each in devices}
