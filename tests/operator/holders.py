"""Callers and holders of wallets, as an operator's tests need them."""

import base64
import secrets
from dataclasses import dataclass
from typing import Any

import httpx

from jiaozi.operator.registry.answers import RawAnswer
from jiaozi.protocol import cbor, numbers
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.http_signatures import NETWORK_HEADER, sign_request
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.legs import Leg
from jiaozi.protocol.numbers import AccountNumber, format_number
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead, parse, sign_order
from jiaozi.protocol.suites import Ed25519Signer
from tests.operator.clock import Clock

LIFETIME_MS = 60_000


@dataclass(slots=True)
class Caller:
    """Signs requests with one key, under one key id."""

    http: httpx.AsyncClient
    network: NetworkId
    clock: Clock
    signer: Ed25519Signer
    key_id: str

    async def ask(
        self, method: str, url: str, json: dict[str, Any] | None = None, **changes: object
    ) -> httpx.Response:
        """Send a signed request; `changes` replace arguments of `sign_request`."""
        return await self._send(self.http.build_request(method, url, json=json), url, **changes)

    async def send_bytes(self, method: str, url: str, body: bytes) -> httpx.Response:
        """Send a signed request whose body is no JSON."""
        return await self._send(self.http.build_request(method, url, content=body), url)

    async def _send(self, request: httpx.Request, url: str, **changes: object) -> httpx.Response:
        body = request.content
        headers = {NETWORK_HEADER: self.network.hex()}
        arguments: dict[str, Any] = {
            "method": request.method,
            "url": url,
            "headers": headers,
            "body": body,
            "signer": self.signer,
            "key_id": self.key_id,
            "created_s": self.clock() // 1000,
            "nonce": secrets.token_hex(8),
            **changes,
        }
        request.headers.update(headers | sign_request(**arguments))
        return await self.http.send(request)


@dataclass(slots=True)
class Holder(Caller):
    """A wallet and its key, at its operator."""

    number: AccountNumber
    phone: str
    deposit_id: str = ""

    @property
    def path(self) -> str:
        """Where the wallet is."""
        return f"/v1/wallets/{format_number(self.number)}"

    def new_id(self) -> bytes:
        """A fresh order or exchange id."""
        return new_order_id(self.clock(), secrets.token_bytes(10))

    def order(self, order_type: OrderType, credit: int, amount_fen: int, **head: object) -> bytes:
        """A signed order out of this wallet."""
        leg = Leg(self.number, AccountNumber(credit), amount_fen, secrets.token_bytes(16))
        fields: dict[str, Any] = {
            "id": self.new_id(),
            "expires_ms": self.clock() + LIFETIME_MS,
            **head,
        }
        return sign_order(
            OrderHead(type=order_type, **fields), [self.signer], self.network, legs=[leg]
        )

    def payment(self, payee: int, amount_fen: int, **head: object) -> bytes:
        """A signed payment."""
        return self.order(OrderType.PAYMENT, payee, amount_fen, **head)

    def redeem_order(self, amount_fen: int, **head: object) -> bytes:
        """A signed order to the operator's vault."""
        vault = numbers.vault_of(numbers.operator_of(self.number))
        return self.order(OrderType.REDEEM, vault, amount_fen, **head)

    async def pay(self, payee: int, amount_fen: int) -> RawAnswer:
        """Pay and return the raw answer."""
        return await send_order(self.http, self.payment(payee, amount_fen))

    async def exchange(self, amount_fen: int, exchange_id: bytes | None = None) -> dict[str, Any]:
        """Exchange from the holder's deposit."""
        answer = await self.ask(
            "POST",
            f"{self.path}/exchanges",
            {
                "exchange_id": (exchange_id or self.new_id()).hex(),
                "deposit_id": self.deposit_id,
                "amount_fen": amount_fen,
            },
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def redeem(self, submission: bytes) -> dict[str, Any]:
        """Redeem into the holder's deposit by a signed order."""
        answer = await self.ask("POST", f"{self.path}/redemptions", self.redemption(submission))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def redemption(self, submission: bytes) -> dict[str, Any]:
        """The body of a redemption."""
        return {
            "submission": base64.b64encode(submission).decode(),
            "deposit_id": self.deposit_id,
        }

    def countersigning(self, order: bytes, pin: str) -> dict[str, Any]:
        """The body that asks for the operator's signature under an order."""
        parsed = parse(order)
        return {
            "payload": base64.b64encode(parsed.message.payload).decode(),
            "legs": [base64.b64encode(each.encoded()).decode() for each in parsed.legs],
            "pin": pin,
        }


async def send_order(http: httpx.AsyncClient, submission: bytes) -> RawAnswer:
    """Send one order as CBOR and return its raw answer."""
    answer = await http.post(
        "/v1/orders", content=submission, headers={"Content-Type": "application/cbor"}
    )
    assert answer.status_code == 200, answer.text
    raw = cbor.decode(answer.content, size_max=1 << 16)
    assert type(raw) is list
    return raw
