"""A fake of the network edge: an operator with its registry behind it, whose answers get lost.

It stands for all that a wallet sees of the other side, and keeps the rules that a wallet relies on:
one outcome for an order id, blocks with signed headers, single-use nonces, one exchange for an id.
Faults are queued by a test and used up one by posted request.
"""

import base64
import json
import socket
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum, auto
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from jiaozi.protocol import blocks, cbor, cose, merkle, numbers
from jiaozi.protocol.blocks import BlockItem, Header, SignedHeader
from jiaozi.protocol.certificates import Certified, Use
from jiaozi.protocol.domains import Domain, external_aad
from jiaozi.protocol.genesis import Genesis, read_genesis, sign_genesis
from jiaozi.protocol.http_signatures import REQUEST_HEADER, claimed_key_id, verify_request
from jiaozi.protocol.offline.certificate import Chain
from jiaozi.protocol.orders import Order, parse_item
from jiaozi.protocol.receipts import encode_receipt
from jiaozi.protocol.refusals import SETTLED, Code, Outcome, Refusal, refuse
from jiaozi.protocol.suites import Ed25519Signer

OPERATOR = 1001
CODE = "123456"
DEPOSIT = "deposit-1"
SUBMISSIONS_MAX = 2_000
SUBMISSION_BYTES_MAX = 8_192


class Fault(Enum):
    """What befalls one posted request."""

    LOSE_REQUEST = auto()
    LOSE_ANSWER = auto()
    DOUBLE = auto()
    BUSY = auto()
    UNAVAILABLE = auto()
    GARBLE = auto()


def key(label: str) -> Ed25519Signer:
    """The key that goes by a label."""
    return Ed25519Signer(sha256(label.encode()).digest())


def make_genesis() -> bytes:
    """A genesis with one operator and two officers."""

    def certified(
        use: Use, label: str, operator: int = 0, person: bytes | None = None
    ) -> Certified:
        return Certified(
            use=use,
            operator=operator,
            suite=-8,
            key=key(label).public_key,
            not_before_ms=0,
            not_after_ms=2**48 - 1,
            person=person,
        )

    keys = (
        certified(Use.REGISTRY_BLOCK, "block"),
        certified(Use.OFFICER, "officer 1", person=bytes(16)),
        certified(Use.OFFICER, "officer 2", person=bytes([1]) * 16),
        certified(Use.OPERATOR_VAULT, "vault", OPERATOR),
    )
    genesis = Genesis(
        name="fake", created_ms=0, rulebook_hash=bytes(32), keys=keys, quotas_fen={OPERATOR: 0}
    )
    return sign_genesis(genesis, key("root"))


@dataclass
class Taken:
    """An order in a block."""

    order: Order
    outcome: Outcome
    height: int
    position: int


@dataclass
class FakeOperator:
    """The other side. Money is counted for payees only: `paid` is what they got.

    Attributes:
        clock: Tells the registry's time.
        rule: Decides an order's outcome; by default every order settles.
        on_posted: Called before a posted request is looked at.
        on_answered: Called when an answer is about to go out.
    """

    clock: Callable[[], int]
    rule: Callable[[Order], Outcome | Refusal] = lambda _: SETTLED
    faults: deque[Fault] = field(default_factory=deque)
    on_posted: Callable[[str], None] = lambda _: None
    on_answered: Callable[[str], None] = lambda _: None
    paid: Counter[int] = field(default_factory=Counter)
    settled_ids: Counter[bytes] = field(default_factory=Counter)
    taken: dict[bytes, Taken] = field(default_factory=dict)
    forgotten: set[bytes] = field(default_factory=set)
    exchanges: dict[str, dict[str, Any]] = field(default_factory=dict)
    deposit_fen: int = 1_000_000
    wallets: dict[str, bytes] = field(default_factory=dict)
    opened: dict[tuple[str, str], str] = field(default_factory=dict)
    posts: Counter[str] = field(default_factory=Counter)
    above_fen: int | None = None
    demo: bool = True
    pin: str | None = None
    countersigned: Counter[bytes] = field(default_factory=Counter)
    block_keys: list[dict[str, Any]] = field(default_factory=list)
    loads: dict[int, bytes] = field(default_factory=dict)
    chain: Chain | None = None
    """What its desk hands out as the load of a number, whatever the device."""
    errors: list[BaseException | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.genesis = make_genesis()
        self.network = read_genesis(self.genesis)
        self.block = key("block")
        self.items: list[list[BlockItem]] = []
        self.headers: list[SignedHeader] = []
        self.nonces: set[str] = set()
        self.lock = threading.Lock()
        self.url = ""
        self._append([])

    def history(self) -> list[dict[str, Any]]:
        """Every leg in the blocks, newest first."""
        entries = [
            {
                "order_id": each.order.id.hex(),
                "identity": each.order.identity.hex(),
                "type": each.order.type.name.lower(),
                "direction": "out",
                "counterparty": numbers.format_number(leg.credit),
                "amount_fen": leg.amount,
                "state": "settled" if each.outcome == SETTLED else "refused",
                "outcome": list(each.outcome),
                "time_ms": self.headers[each.height].header.time_ms,
                "height": each.height,
                "position": each.position,
            }
            for each in self.taken.values()
            for leg in each.order.legs
        ]
        return entries[::-1]

    def _append(self, items: list[BlockItem]) -> None:
        leaves = [blocks.leaf(each.cose, blocks.encode_outcome(each.outcome)) for each in items]
        previous = self.headers[-1] if self.headers else None
        header = Header(
            height=len(self.headers),
            time_ms=max(self.clock(), previous.header.time_ms if previous else 0),
            previous=previous.identity if previous else bytes(32),
            orders_root=merkle.root(leaves),
            count=len(items),
            body_hash=bytes(32),
            feeds_root=bytes(32),
        )
        self.headers.append(blocks.sign_header(header, self.block, self.network.id))
        self.items.append(items)

    def take_orders(self, body: bytes) -> list[Any]:
        """Take a sequence of orders into one block."""
        sequence = cbor.decode_sequence(
            body, items_max=SUBMISSIONS_MAX, item_size_max=SUBMISSION_BYTES_MAX
        )
        fresh: list[BlockItem] = []
        answers = [self._take(parse_item(item), fresh) for item in sequence]
        if fresh:
            self._append(fresh)
        return answers

    def _take(self, order: Order, fresh: list[BlockItem]) -> list[Any]:
        known = self.taken.get(order.id)
        if known is not None and order.id not in self.forgotten:
            if known.order.identity != order.identity:
                return [0, int(Code.ID_REUSED), []]
            return [1, list(known.outcome), known.height, known.position]
        if order.expires_ms <= self.clock():
            return [0, int(Code.EXPIRED), [self.clock()]]
        outcome = self.rule(order)
        if isinstance(outcome, Refusal):
            return [0, int(outcome.code), list(outcome.fields.values())]
        self.taken[order.id] = Taken(order, outcome, len(self.headers), len(fresh))
        legs = [leg.encoded() for leg in order.legs]
        fresh.append(BlockItem(order.encoded, order.cose, legs, outcome))
        if outcome == SETTLED:
            self.settled_ids[order.id] += 1
            for leg in order.legs:
                self.paid[leg.credit] += leg.amount
        return [1, list(outcome), len(self.headers), len(fresh) - 1]

    def answer(self, method: str, path: str, query: dict[str, str], body: bytes) -> tuple[int, Any]:
        """Answer a request whose signature was checked."""
        parts = path.strip("/").split("/")
        match method, parts:
            case "GET", ["v1", "network"]:
                genesis = base64.b64encode(self.genesis).decode()
                return 200, {
                    "operator": f"{OPERATOR}",
                    "network_id": self.network.id.hex(),
                    "genesis": genesis,
                    "block_keys": self.block_keys,
                    "certify_keys": [],
                }
            case "POST", ["v1", "registrations"]:
                registration = {"registration_id": f"registration-{len(self.opened)}"}
                return 202, registration | ({"demo_code": CODE} if self.demo else {})
            case "POST", ["v1", "wallets"]:
                return 201, {"number": self._open(json.loads(body))}
            case "POST", ["v1", "orders"]:
                return 200, self.take_orders(body)
            case "GET", ["v1", "deposits"]:
                deposit = {"deposit_id": DEPOSIT, "available_fen": self.deposit_fen, "held_fen": 0}
                return 200, {"deposits": [deposit]}
            case "GET", ["v1", "wallets", number]:
                return 200, {
                    "number": number,
                    "wallet_class": 4,
                    "holder": "personal",
                    "balance_fen": self.paid[int(number)],
                    "limits": {
                        "single_limit_fen": 200_000,
                        "year_limit_fen": None,
                        "second_factor_above_fen": self.above_fen,
                    },
                }
            case "GET", ["v1", "wallets", _, "outcomes", order_id]:
                return 200, self._outcome(bytes.fromhex(order_id))
            case "GET", ["v1", "wallets", _, "receipts", order_id]:
                return 200, self._receipt(bytes.fromhex(order_id))
            case "GET", ["v1", "wallets", _, "history"]:
                return 200, self._history(query)
            case _, ["v1", "wallets", _, "devices", *asked] if not asked or "loads" in asked:
                return 200, self._load(int(asked[-1])) if asked else self._certificates()
            case "POST", ["v1", "wallets", _, name]:
                return 200, self._asked_of(name)(json.loads(body))
            case _:
                raise refuse(Code.NOT_FOUND)

    def _certificates(self) -> bytes:
        """What it certified a device with."""
        if self.chain is None:
            raise refuse(Code.NOT_SERVED)
        return cbor.encode(self.chain.parts)

    def _asked_of(self, name: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
        """What a wallet asks for about itself, by the last word of the path."""
        uses = {
            "exchanges": self._exchange,
            "redemptions": self._redeem,
            "pin": self._set_pin,
            "countersignatures": self._countersign,
        }
        if name not in uses:
            raise refuse(Code.NOT_FOUND)
        return uses[name]

    def _open(self, body: dict[str, Any]) -> str:
        opening = (body["registration_id"], body["public_key"])
        if opening not in self.opened:
            if body["code"] != CODE:
                raise refuse(Code.CODE_WRONG)
            number = numbers.account_number(OPERATOR, 5 * 10**6 + len(self.opened))
            self.opened[opening] = numbers.format_number(number)
            self.wallets[self.opened[opening]] = bytes.fromhex(body["public_key"])
        return self.opened[opening]

    def _outcome(self, order_id: bytes) -> dict[str, Any]:
        if self.headers[-1].header.time_ms < self.clock():
            self._append([])
        header = base64.b64encode(self.headers[-1].encoded).decode()
        taken = self.taken.get(order_id)
        if taken is None or order_id in self.forgotten:
            return {"state": "absent", "header": header}
        return {
            "state": "settled" if taken.outcome == SETTLED else "refused",
            "outcome": list(taken.outcome),
            "height": taken.height,
            "position": taken.position,
            "identity": taken.order.identity.hex(),
            "header": header,
        }

    def _receipt(self, order_id: bytes) -> bytes:
        if order_id not in self.taken:
            raise refuse(Code.NOT_FOUND)
        taken = self.taken[order_id]
        items = self.items[taken.height]
        leaves = [blocks.leaf(each.cose, blocks.encode_outcome(each.outcome)) for each in items]
        path = merkle.inclusion_proof(leaves, taken.position)
        item = items[taken.position]
        header = self.headers[taken.height].encoded
        return encode_receipt(item, list(item.legs), taken.position, path, header)

    def _load(self, number: int) -> bytes:
        if number not in self.loads:
            raise refuse(Code.NOT_FOUND)
        return self.loads[number]

    def _history(self, query: dict[str, str]) -> dict[str, Any]:
        start, limit = int(query.get("after", 0)), int(query["limit"])
        from_ms = int(query.get("from_ms", 0))
        entries = [each for each in self.history() if each["time_ms"] >= from_ms]
        more = len(entries) > start + limit
        return {
            "entries": entries[start : start + limit],
            "next": str(start + limit) if more else None,
        }

    def _set_pin(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.pin is not None and body.get("old_pin") != self.pin:
            raise refuse(Code.PIN_WRONG, 4) if "old_pin" in body else refuse(Code.PIN_EXISTS)
        self.pin = body["pin"]
        return {"is_set": True}

    def _countersign(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["pin"] != self.pin:
            raise refuse(Code.PIN_WRONG, 4)
        payload = base64.b64decode(body["payload"])
        self.countersigned[payload] += 1
        aad = external_aad(Domain.ORDER, self.network.id)
        signed = cose.sign(payload, [key("certify")], aad)
        return {"countersignature": base64.b64encode(signed).decode()}

    def _exchange(self, body: dict[str, Any]) -> dict[str, Any]:
        if body["deposit_id"] != DEPOSIT:
            raise refuse(Code.DEPOSIT_UNKNOWN)
        exchange = self.exchanges.get(body["exchange_id"])
        if exchange is None:
            outcome = [0]
            if body["amount_fen"] > self.deposit_fen:
                outcome = [int(Code.DEPOSIT_INSUFFICIENT)]
            else:
                self.deposit_fen -= body["amount_fen"]
            state = "settled" if outcome == [0] else "refused"
            exchange = {"state": state, "outcome": outcome}
            self.exchanges[body["exchange_id"]] = exchange
        return exchange

    def _redeem(self, body: dict[str, Any]) -> dict[str, Any]:
        before = len(self.taken)
        [answer] = self.take_orders(base64.b64decode(body["submission"]))
        if answer[0] == 0:
            raise refuse(Code(answer[1]), *answer[2])
        if answer[1] == [0] and len(self.taken) > before:
            [leg] = next(reversed(self.taken.values())).order.legs
            self.deposit_fen += leg.amount
        return {"state": "settled" if answer[1] == [0] else "refused", "outcome": answer[1]}


class _Handler(BaseHTTPRequestHandler):
    """Speaks HTTP for a `FakeOperator`."""

    protocol_version = "HTTP/1.1"
    operator: FakeOperator

    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        operator = self.operator
        body = self.rfile.read(int(self.headers["Content-Length"]))
        path = urlsplit(self.path).path
        operator.posts[path] += 1
        operator.on_posted(path)
        match operator.faults.popleft() if operator.faults else None:
            case Fault.LOSE_REQUEST:
                self._hang_up()
            case Fault.LOSE_ANSWER:
                self._result(body)
                self._hang_up()
            case Fault.DOUBLE:
                self._result(body)
                self._answer(body)
            case Fault.BUSY:
                self._send_problem(429, refuse(Code.BUSY, 10))
            case Fault.UNAVAILABLE:
                self._send_problem(503, refuse(Code.UNAVAILABLE))
            case Fault.GARBLE:
                self._send(200, "application/cbor", b"\xff")
            case None:
                self._answer(body)

    def _answer(self, body: bytes) -> None:
        status, result = self._result(body)
        self.operator.on_answered(urlsplit(self.path).path)
        if isinstance(result, Refusal):
            self._send_problem(status, result)
        elif isinstance(result, bytes):
            self._send(status, "application/cbor", result)
        elif isinstance(result, list):
            self._send(status, "application/cbor", cbor.encode(result))
        else:
            self._send(status, "application/json", json.dumps(result).encode())

    def _result(self, body: bytes) -> tuple[int, Any]:
        url = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        with self.operator.lock:
            try:
                self._check_signature(url.path, body)
                return self.operator.answer(self.command, url.path, query, body)
            except Refusal as refusal:
                return 409, refusal

    def _check_signature(self, path: str, body: bytes) -> None:
        if path in ("/v1/network", "/v1/registrations", "/v1/orders"):
            return
        operator = self.operator
        lines = [(name.encode(), value.encode()) for name, value in self.headers.items()]

        def key_of(key_id: str) -> bytes | None:
            return bytes.fromhex(key_id) if path == "/v1/wallets" else operator.wallets.get(key_id)

        claimed_key_id(lines)
        verified = verify_request(
            method=self.command,
            url=self.path,
            headers=lines,
            body=body,
            key_of=key_of,
            now_s=operator.clock() // 1000,
            network=operator.network.id,
        )
        if verified.nonce in operator.nonces:
            raise refuse(Code.REQUEST_REPLAYED)
        operator.nonces.add(verified.nonce)

    def _send_problem(self, status: int, refusal: Refusal) -> None:
        document = {"code": int(refusal.code), "fields": dict(refusal.fields)}
        retry_after = "0" if status in (429, 503) else None
        self._send(status, "application/problem+json", json.dumps(document).encode(), retry_after)

    def _send(
        self, status: int, content_type: str, body: bytes, retry_after: str | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        if (name := self.headers[REQUEST_HEADER]) is not None:
            self.send_header(REQUEST_HEADER, name)
        if retry_after is not None:
            self.send_header("Retry-After", retry_after)
        self.end_headers()
        self.wfile.write(body)

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    operator: FakeOperator

    def handle_error(self, *_: object) -> None:
        """Keep what is wrong with the fake itself; a wallet that was killed hangs up."""
        error = sys.exception()
        if not isinstance(error, OSError):
            self.operator.errors.append(error)


@contextmanager
def served(operator: FakeOperator, *, port: int = 0) -> Iterator[FakeOperator]:
    """Serve a fake operator on the loopback until the end of the block."""
    handler = type("Handler", (_Handler,), {"operator": operator})
    server = _Server(("127.0.0.1", port), handler)
    server.operator = operator
    operator.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield operator
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert not operator.errors, operator.errors
