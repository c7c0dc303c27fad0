"""A registry at the network's edge, for tests: the central bank's API with faults on demand.

::

    async with fake_registry() as registry:
        registry.url                                # for an operator's settings
        registry.faults += [Fault.LOSE_ANSWER]      # befalls the next request with orders
        registry.ledger.final += [(107, 0)]         # the next order is refused for good
        registry.ledger.accounts[number].balance_fen

It speaks plain HTTP/1.1 on a socket of its own, so that it can drop a connection before or after
an order had its effect, which no framework lets it do.
"""

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from jiaozi.protocol import cbor
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.http_signatures import verify_request
from jiaozi.protocol.orders import SUBMISSION_BYTES_MAX
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.service.problems import problem_of
from tests.operator.clock import Clock
from tests.operator.fake_ledger import FakeLedger
from tests.registry.network import OPERATORS, Keys, make_genesis


class Fault(Enum):
    """What befalls a request with orders."""

    LOSE_REQUEST = auto()
    """The connection drops before anything happened."""
    LOSE_ANSWER = auto()
    """The orders have their effect, then the connection drops."""
    DOUBLE = auto()
    """The request arrives twice; the second answer comes back."""
    BUSY = auto()
    UNAVAILABLE = auto()
    GARBLE = auto()
    """The orders have their effect; the answer is no answer."""


class _Request(NamedTuple):
    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


class _Answer(NamedTuple):
    body: bytes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class _Drop(Exception):
    """The connection goes away without an answer."""


@dataclass
class FakeRegistry:
    """A running fake; see the module."""

    keys: Keys
    genesis: bytes
    ledger: FakeLedger
    clock: Clock
    url: str = ""
    faults: deque[Fault] = field(default_factory=deque)
    delay_s: float = 0.0
    """Before each answer to orders."""
    batches: list[int] = field(default_factory=list)
    """How many orders each request brought."""
    statements: list[bytes] = field(default_factory=list)
    """Daily statements, given to whoever asks."""
    is_down: bool = False
    """Connections are dropped at once."""
    has_feed: bool = True
    """Another service has none."""

    def idle_block(self) -> None:
        """Commit an empty block, as an idle registry does every ten seconds."""
        self.ledger.append([])

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after the other."""
        try:
            while not self.is_down:
                request = await _read(reader)
                if self.is_down:
                    raise _Drop
                try:
                    answer = await self._answer(request)
                except Refusal as refusal:
                    problem = problem_of(refusal)
                    answer = _Answer(problem.body, problem.status, problem.headers)
                named = [
                    ("Jiaozi-Request", it.decode())
                    for name, it in request.headers
                    if name.lower() == b"jiaozi-request"
                ]
                writer.write(_encode(answer._replace(headers=(*answer.headers, *named))))
                await writer.drain()
        except (_Drop, asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _answer(self, request: _Request) -> _Answer:
        parts = urlsplit(request.target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        match parts.path.split("/")[2:]:
            case ["genesis"]:
                return _Answer(self.genesis)
            case ["certificates"]:
                return _json({"keys": []})
            case ["orders"]:
                return await self._orders(request, self._caller(request))
            case ["outcomes", account, order_id]:
                self._own(request, account)
                return _json(self._outcome(int(account), bytes.fromhex(order_id)))
            case ["accounts", number]:
                self._own(request, number)
                return _json(self._account(int(number)))
            case ["feed"] if self.has_feed:
                return await self._feed(self._caller(request), query)
            case ["headers"]:
                start, limit = int(query["from"]), int(query["limit"])
                page = self.ledger.headers[start : start + limit]
                return _Answer(b"".join(cbor.encode(each.encoded) for each in page))
            case ["statements"]:
                return _Answer(b"".join(map(cbor.encode, self.statements)))
            case ["receipts", account, order_id]:
                self._own(request, query["reader"])
                return _Answer(
                    self.ledger.receipt(int(account), bytes.fromhex(order_id), int(query["reader"]))
                )
            case _:
                raise refuse(Code.NOT_FOUND)

    async def _orders(self, request: _Request, operator: int) -> _Answer:
        items = cbor.decode_sequence(
            request.body, items_max=2000, item_size_max=SUBMISSION_BYTES_MAX
        )
        submissions = [encoded for _, encoded in items]
        self.batches.append(len(submissions))
        fault = self.faults.popleft() if self.faults else None
        match fault:
            case Fault.LOSE_REQUEST:
                raise _Drop
            case Fault.BUSY:
                raise refuse(Code.BUSY, 100)
            case Fault.UNAVAILABLE:
                raise refuse(Code.UNAVAILABLE)
            case _:
                pass
        answers = self.ledger.submit(submissions)
        if fault is Fault.DOUBLE:
            answers = self.ledger.submit(submissions)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if fault is Fault.LOSE_ANSWER:
            raise _Drop
        return _Answer(b"\xff" if fault is Fault.GARBLE else cbor.encode(answers))

    def _outcome(self, account: int, order_id: bytes) -> dict[str, object]:
        header = base64.b64encode(self.ledger.tip.encoded).decode()
        used = self.ledger.used.get((account, order_id))
        if used is None:
            return {"state": "absent", "header": header}
        return {
            "state": "settled" if used.outcome == (0,) else "refused",
            "outcome": list(used.outcome),
            "height": used.height,
            "position": used.position,
            "identity": used.order.identity.hex(),
            "header": header,
        }

    def _account(self, number: int) -> dict[str, object]:
        account = self.ledger.accounts.get(number)
        if account is None:
            raise refuse(Code.NOT_FOUND)
        names = ("balance_cap", "single_limit", "day_limit", "year_limit", "second_factor_above")
        return {
            "number": f"{number:016d}",
            "wallet_class": account.body["wallet_class"],
            "holder": int(account.body["holder"]),
            "balance_fen": account.balance_fen,
            "day_spent_fen": 0,
            "year_spent_fen": 0,
            "closed": False,
            "freezes": account.freezes,
            "freeze_list": [],
            "public_key": account.key.hex(),
            "rebind": None
            if account.rebind is None
            else {
                "public_key": account.rebind[0].hex(),
                "objected_ms": None,
                "completes_ms": account.rebind[1],
            },
            **{f"{name}_fen": account.body.get(f"{name}_fen") for name in names},
        }

    async def _feed(self, operator: int, query: dict[str, str]) -> _Answer:
        deadline = asyncio.get_running_loop().time() + int(query["wait_ms"]) / 1000
        while True:
            page = self.ledger.feed(operator, int(query["after"]), int(query["limit"]))
            if page or asyncio.get_running_loop().time() >= deadline or self.is_down:
                height = str(self.ledger.tip.header.height)
                return _Answer(b"".join(page), headers=(("Jiaozi-Height", height),))
            await asyncio.sleep(0.01)

    def _own(self, request: _Request, number: str) -> None:
        if int(number) // 10**12 != self._caller(request):
            raise refuse(Code.NOT_FOUND)

    def _caller(self, request: _Request) -> int:
        by_key = {self.keys.transport(each).public_key: each for each in OPERATORS}
        verified = verify_request(
            method=request.method,
            url=request.target,
            headers=request.headers,
            body=request.body,
            key_of=lambda key_id: bytes.fromhex(key_id),
            now_s=self.clock() // 1000,
            network=read_genesis(self.genesis).id,
        )
        if verified.key not in by_key:
            raise refuse(Code.CERTIFICATE_UNKNOWN)
        return by_key[verified.key]


@asynccontextmanager
async def fake_registry(clock: Clock | None = None) -> AsyncIterator[FakeRegistry]:
    """Run a fake registry of a fresh network."""
    clock = clock or Clock()
    keys = Keys()
    genesis = make_genesis(keys)
    network = read_genesis(genesis)
    vaults = {operator: keys.vault(operator) for operator in OPERATORS}
    registry = FakeRegistry(
        keys=keys,
        genesis=genesis,
        ledger=FakeLedger(network, keys.block, vaults, clock),
        clock=clock,
    )
    connections: set[asyncio.Task[None]] = set()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        await registry.serve(reader, writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=8 << 20)
    port = server.sockets[0].getsockname()[1]
    registry.url = f"http://127.0.0.1:{port}"
    try:
        yield registry
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> _Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target, _ = head[0].split(" ")
    fields = [line.partition(":") for line in head[1:] if line]
    headers = [(name.encode(), value.strip().encode()) for name, _, value in fields]
    sizes = [int(value) for name, value in headers if name.lower() == b"content-length"]
    body = await reader.readexactly(sizes[0]) if sizes else b""
    return _Request(method, target, headers, body)


def _encode(answer: _Answer) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} Answer", f"Content-Length: {len(answer.body)}"]
    lines += [f"{name}: {value}" for name, value in answer.headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + answer.body


def _json(document: dict[str, object]) -> _Answer:
    return _Answer(json.dumps(document).encode())
