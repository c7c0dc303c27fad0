"""The load: processes that sign orders beforehand, then submit them as operators do.

A generator process prepares its share of the orders while nothing is measured, waits for the word
to go, and reports what came back: counts by outcome and the latency of every order.
"""

import asyncio
import contextlib
import os
import random
import resource
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import cbor2

from jiaozi.bench.connection import ConnectionLost, LoadConnection, connect, request_head
from jiaozi.bench.network import (
    MERCHANT,
    PAYMENT_FEN,
    signer,
    wallet_number,
    wallet_signer,
    wallets_of,
)
from jiaozi.protocol import ids
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.http_signatures import NETWORK_HEADER, sign_request
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import Leg, OrderHead, sign_order

ORDERS_PATH = "/v1/orders"
REFUSED_SHARE = 0.01
"""Of the orders ask for more than the second factor lets through: final refusals."""
FIRST_ORDER_TIMEOUT_S = 60.0
PACE_INTERVAL_S = 0.02
LIFETIME_MS = 6 * ids.DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one generator prepares."""

    operator: int
    wallets: int
    orders: int
    network: NetworkId
    seed: int
    to_merchant: bool = False


@dataclass(slots=True)
class Tally:
    """What came back: counts by kind of answer, latencies in seconds, CPU seconds used."""

    outcomes: Counter[str] = field(default_factory=Counter)
    latencies_s: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0
    cpu_s: float = 0.0

    @property
    def final(self) -> int:
        """Orders with a final outcome, settled or refused by a rule."""
        return self.outcomes["settled"] + self.outcomes["refused"]

    def add(self, other: "Tally") -> None:
        """Add what another generator counted in the same time."""
        self.outcomes.update(other.outcomes)
        self.latencies_s += other.latencies_s
        self.elapsed_s = max(self.elapsed_s, other.elapsed_s)
        self.cpu_s += other.cpu_s


def prepare_orders(share: Share) -> list[bytes]:
    """Sign payments between random wallets, a few of them too large."""
    rng = random.Random(share.seed)  # noqa: S311 - a fixed seed makes runs alike
    payers = [index for index in wallets_of(share.operator, share.wallets) if index != MERCHANT]
    signers = {}
    now_ms = time.time_ns() // 1_000_000
    orders = []
    for _ in range(share.orders):
        payer = rng.choice(payers)
        payee = MERCHANT if share.to_merchant else rng.randrange(share.wallets)
        if payee == payer:
            payee = (payer + 1) % share.wallets
        if payer not in signers:
            signers[payer] = wallet_signer(payer)
        refused = rng.random() < REFUSED_SHARE
        amount = PAYMENT_FEN * 11 if refused else PAYMENT_FEN
        salt = rng.randbytes(16)
        head = OrderHead(
            id=ids.new_order_id(now_ms, rng.randbytes(6) + os.urandom(4)),
            type=OrderType.PAYMENT,
            expires_ms=now_ms + LIFETIME_MS,
        )
        legs = [Leg(wallet_number(payer), wallet_number(payee), amount, salt)]  # type: ignore[arg-type]
        orders.append(sign_order(head, [signers[payer]], share.network, legs=legs))
    return orders


class RegistryLoad:
    """Submits batches to the registry as one operator; lives in a generator process."""

    def __init__(self, operator: int, network: NetworkId) -> None:
        self._signer = signer(f"transport/{operator}")
        self._network = network
        self._orders: list[bytes] = []
        self._requests = 0

    async def prepare(self, share: Share) -> int:
        """Sign the orders of a share and return how many there are now."""
        self._orders += prepare_orders(share)
        return len(self._orders)

    async def send(self, url: str, orders: Sequence[bytes], batch: int) -> Tally:
        """Submit orders on one connection, in their order."""
        tally = Tally()
        (connection,) = await connect_all(url, 1)
        for start in range(0, len(orders), batch):
            body = b"".join(orders[start : start + batch])
            await self._submit(connection, body, time.perf_counter(), tally)
        connection.close()
        return tally

    async def first_order(self, url: str) -> None:
        """Submit one order, again until it is settled."""
        tally = Tally()
        body = self._take(1)
        deadline = time.perf_counter() + FIRST_ORDER_TIMEOUT_S
        while not tally.final:
            if time.perf_counter() > deadline:
                raise TimeoutError(f"no order was settled: {dict(tally.outcomes)}")
            (connection,) = await connect_all(url, 1)
            with contextlib.suppress(ConnectionLost):
                await self._submit(connection, body, time.perf_counter(), tally)
            connection.close()
            await asyncio.sleep(0.01)

    async def flood(self, url: str, connections: int, batch: int, seconds: float) -> Tally:
        """Submit batches as fast as they are answered, until the time or the orders are over."""
        tally = Tally()
        opened = await connect_all(url, connections)
        used, started = cpu_used_s(), time.perf_counter()

        async def work(connection: LoadConnection) -> None:
            while self._orders and time.perf_counter() - started < seconds:
                await self._submit(connection, self._take(batch), time.perf_counter(), tally)

        await asyncio.gather(*map(work, opened))
        tally.elapsed_s, tally.cpu_s = time.perf_counter() - started, cpu_used_s() - used
        close_all(opened)
        return tally

    async def pace(self, url: str, connections: int, orders_per_s: float, seconds: float) -> Tally:
        """Submit a batch every interval, whether or not those before were answered.

        Latency counts from when a batch was due, so that a late one is not forgiven.
        """
        tally = Tally()
        opened = await connect_all(url, connections)
        free: asyncio.Queue[LoadConnection] = asyncio.Queue()
        for each in opened:
            free.put_nowait(each)
        batch = max(int(orders_per_s * PACE_INTERVAL_S), 1)
        used, started = cpu_used_s(), time.perf_counter()

        async def send(body: bytes, due: float) -> None:
            connection = await free.get()
            await self._submit(connection, body, due, tally)
            free.put_nowait(connection)

        async with asyncio.TaskGroup() as group:
            for number in range(min(int(seconds / PACE_INTERVAL_S), len(self._orders) // batch)):
                due = started + number * PACE_INTERVAL_S
                await asyncio.sleep(max(due - time.perf_counter(), 0))
                group.create_task(send(self._take(batch), due))
        tally.elapsed_s, tally.cpu_s = time.perf_counter() - started, cpu_used_s() - used
        close_all(opened)
        return tally

    def _take(self, count: int) -> bytes:
        batch = b"".join(self._orders[-count:])
        del self._orders[-count:]
        return batch

    async def _submit(
        self, connection: LoadConnection, body: bytes, due: float, tally: Tally
    ) -> None:
        self._requests += 1
        headers = {
            "content-type": "application/cbor-seq",
            NETWORK_HEADER: self._network.hex(),
        }
        headers |= sign_request(
            method="POST",
            url=ORDERS_PATH,
            headers=headers,
            body=body,
            signer=self._signer,
            key_id=self._signer.public_key.hex(),
            created_s=int(time.time()),
            nonce=f"{self._requests}",
        )
        reply = await connection.request(request_head("POST", ORDERS_PATH, headers), body)
        latency = time.perf_counter() - due
        if reply.status != 200:
            tally.outcomes[f"http {reply.status}"] += 1
            return
        answers = cbor2.loads(reply.body)
        tally.outcomes.update(map(kind_of, answers))
        tally.latencies_s += [latency] * len(answers)


def total(tallies: Sequence[Tally]) -> Tally:
    """Add up what generators counted in the same time."""
    result = Tally()
    for each in tallies:
        result.add(each)
    return result


def kind_of(answer: Sequence[object]) -> str:
    """Name the kind of an answer: settled, refused by a rule, or not taken and why."""
    if answer[0] == 1:
        return "settled" if answer[1] == [0] else "refused"
    return f"not taken {answer[1]}"


async def connect_all(url: str, count: int) -> list[LoadConnection]:
    """Open connections to a service."""
    address = urlsplit(url)
    host, port = address.hostname or "", address.port or 0
    return [await connect(host, port) for _ in range(count)]


def close_all(connections: Sequence[LoadConnection]) -> None:
    """Close connections."""
    for each in connections:
        each.close()


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def cpu_used_s() -> float:
    """Return the CPU seconds that this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
