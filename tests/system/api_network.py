"""A central bank and an operator at work in a thread of their own, for clients that block.

::

    with api_network(postgres) as network:
        network.callers["central bank"]["operator"]      signs what `requests` sends
"""

import asyncio
import base64
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from requests.auth import AuthBase

from jiaozi.operator.rates import OperatorRates
from jiaozi.protocol.http_signatures import NETWORK_HEADER, sign_request
from jiaozi.protocol.orders import parse
from jiaozi.protocol.suites import Signer
from jiaozi.service.rates import Rate
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.operator.builders import operator_keys, operator_world
from tests.operator.test_end_to_end import real_registry

CODE = 1001
NO_LIMIT = Rate(per_s=1_000_000, burst=1_000_000)
NO_LIMITS = OperatorRates(address=NO_LIMIT, code=NO_LIMIT, wallet=NO_LIMIT, order=NO_LIMIT)
FUNDED_FEN = 5_000_00


class SignedBy(AuthBase):
    """Signs the very bytes that go out."""

    def __init__(self, signer: Signer, network: bytes, key_id: str | None = None) -> None:
        self._signer = signer
        self._network = network
        self._key_id = key_id or signer.public_key.hex()

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the signature's fields."""
        body = request.body or b""
        fields = {NETWORK_HEADER: self._network.hex()}
        fields |= sign_request(
            method=str(request.method),
            url=request.path_url,
            headers=fields,
            body=body.encode() if isinstance(body, str) else bytes(body),
            signer=self._signer,
            key_id=self._key_id,
            created_s=int(time.time()),
            nonce=secrets.token_hex(16),
        )
        request.headers.update(fields)
        return request


@dataclass
class ApiNetwork:
    """What clients need to know."""

    urls: dict[str, str] = field(default_factory=dict)
    callers: dict[str, dict[str, AuthBase | None]] = field(default_factory=dict)
    known: dict[str, list[Any]] = field(default_factory=dict)
    """Values that exist, by the name of the parameter or field that takes them."""
    orders: list[bytes] = field(default_factory=list)
    """Signed payments that have settled."""


@contextmanager
def api_network(postgres: EmbeddedPostgres) -> Iterator[ApiNetwork]:
    """Run both services until the end of the context."""
    network, ready, stop = ApiNetwork(), threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()
    failures: list[Exception] = []

    def work() -> None:
        try:
            loop.run_until_complete(_serve(postgres, network, ready, stop))
        except Exception as error:  # noqa: BLE001 - told to the test in its own thread
            failures.append(error)
        finally:
            ready.set()
            loop.close()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        ready.wait(60)
        if failures:
            raise failures[0]
        yield network
    finally:
        if thread.is_alive():
            loop.call_soon_threadsafe(stop.set)
        thread.join(30)


async def _serve(
    postgres: EmbeddedPostgres, network: ApiNetwork, ready: threading.Event, stop: asyncio.Event
) -> None:
    async with AsyncExitStack() as stack:
        dsns = [await postgres.create_database(f"api_{name}") for name in ("registry", "operator")]
        for name in ("registry", "operator"):
            stack.push_async_callback(postgres.drop_database, f"api_{name}")
        registry: Any = await stack.enter_async_context(real_registry(dsns[0]))
        keys = registry.keys
        world = await stack.enter_async_context(
            operator_world(
                dsns[1], registry, code=CODE, keys=operator_keys(keys, CODE), rates=NO_LIMITS
            )
        )
        payer = await world.open_wallet(deposit_fen=FUNDED_FEN)
        payee = await world.open_wallet(deposit_fen=1)
        await payer.exchange(FUNDED_FEN // 2)
        order = payer.payment(payee.number, 1_00)
        assert (await world.http.post("/v1/orders", content=order)).status_code == 200
        numbers = [payer.key_id, payee.key_id]
        network.orders = [order, payer.payment(payee.number, 2_00), payer.redeem_order(1_00)]
        too_late = payer.redeem_order(1_00, expires_ms=payer.clock() - 1)
        network.known = {
            "number": numbers,
            "account": numbers,
            "reader": numbers,
            "order_id": [parse(each).id.hex() for each in network.orders],
            "deposit_id": [payer.deposit_id],
            "amount_fen": [1_00],
            "wait_ms": [0],
            "submission": [base64.b64encode(each).decode() for each in (*network.orders, too_late)],
        }
        network.urls = {"operator": str(world.http.base_url), "central bank": registry.url}
        wallet = SignedBy(payer.signer, world.network, payer.key_id)
        network.callers = {
            "operator": {
                "wallet": wallet,
                "new key": SignedBy(payer.signer, world.network),
                "stranger": SignedBy(payee.signer, world.network, payer.key_id),
                "nobody": None,
            },
            "central bank": {
                "operator": SignedBy(keys.transport(CODE), world.network),
                "auditor": SignedBy(keys.auditor, world.network),
                "officer": SignedBy(keys.officers[0], world.network),
                "wallet": wallet,
                "nobody": None,
            },
        }
        ready.set()
        await stop.wait()
