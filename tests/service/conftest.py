"""A served application with a few routes that go wrong on purpose."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import Request
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from jiaozi.protocol.refusals import Code, refuse
from jiaozi.service.application import new_application
from jiaozi.service.dispatch import Dispatcher, HotRequest, HotResponse, HotRoute, target_of
from jiaozi.service.metrics import new_registry
from jiaozi.service.rates import RateLimit
from jiaozi.service.server import listening
from jiaozi.storage.errors import CommitUnknown, StorageUnavailable

SECRET = "the secret of a traceback"
HOT_BYTES_MAX = 1_000_000
APP_BYTES_MAX = 10_000
BODIES_BYTES_MAX = 4_000_000


class Exchange(BaseModel):
    amount_fen: int
    deposit_id: str


@dataclass
class Served:
    """What the test application has seen, and what it shall do."""

    registry: CollectorRegistry = field(default_factory=new_registry)
    seen: list[HotRequest] = field(default_factory=list)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    finished: int = 0
    health: Exception | None = None
    addresses: RateLimit | None = None
    proxies: frozenset[str] = frozenset()

    async def take_orders(self, request: HotRequest) -> HotResponse:
        self.seen.append(request)
        match request.url.partition("?")[2]:
            case "busy":
                raise refuse(Code.BUSY, 1_500)
            case "broken":
                raise KeyError(SECRET)
            case "wait":
                self.entered.set()
                await self.release.wait()
            case _:
                pass
        self.finished += 1
        return HotResponse(request.body, headers=(("x-size", str(len(request.body))),))

    async def check_health(self) -> None:
        if self.health is not None:
            raise self.health

    def dispatcher(self) -> Dispatcher:
        app = new_application(
            "Test",
            summary="An API for tests.",
            version="1",
            registry=self.registry,
            check_health=self.check_health,
            hot_operations={
                ("POST", "/v1/orders"): {"responses": {"200": {"description": "Answers"}}}
            },
        )

        @app.post("/v1/wallets/{number}/exchanges")
        async def exchange(number: int, body: Exchange) -> Exchange:
            return body

        @app.post("/v1/echo")
        async def echo(request: Request) -> dict[str, str]:
            return {"target": target_of(request.scope), "body": (await request.body()).hex()}

        @app.get("/v1/fails/{kind}")
        async def fails(kind: str) -> None:
            match kind:
                case "refusal":
                    raise refuse(Code.LIMIT_DAY, 1_000_000, 250)
                case "storage":
                    raise StorageUnavailable(happened=SECRET, remedy="")
                case "unsigned":
                    raise refuse(Code.REQUEST_SIGNATURE_INVALID)
                case "commit":
                    raise CommitUnknown(happened=SECRET, remedy="")
                case _:
                    raise KeyError(SECRET)

        hot = {("POST", "/v1/orders"): HotRoute(self.take_orders, HOT_BYTES_MAX)}
        return Dispatcher(
            app,
            hot,
            registry=self.registry,
            addresses=self.addresses,
            proxies=self.proxies,
            body_bytes_max=APP_BYTES_MAX,
            bodies_bytes_max=BODIES_BYTES_MAX,
            body_timeout_s=0.5,
        )


@pytest.fixture
def served() -> Served:
    return Served()


@pytest.fixture
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, over real HTTP."""
    async with (
        listening(served.dispatcher()) as server,
        httpx.AsyncClient(base_url=server.url, timeout=10) as client,
    ):
        yield client
