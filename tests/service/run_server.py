"""A party of its own process: prints its URL and what it does, until it is asked to end."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from jiaozi.service.dispatch import AsgiApp, Dispatcher, HotRequest, HotResponse, HotRoute
from jiaozi.service.logs import configure_logs
from jiaozi.service.metrics import new_registry
from jiaozi.service.server import AddressInUse, run_party


def say(line: str) -> None:
    print(line, flush=True)


async def sleepy(request: HotRequest) -> HotResponse:
    say("taken")
    await asyncio.sleep(float(request.body))
    say("answered")
    return HotResponse(b"done")


@asynccontextmanager
async def open_party() -> AsyncIterator[AsgiApp]:
    say("opened")
    hot = {("POST", "/v1/orders"): HotRoute(sleepy, 100)}
    yield Dispatcher(no_app, hot, registry=new_registry())
    say("closed")


async def no_app(scope: object, receive: object, send: object) -> None:
    raise AssertionError


if __name__ == "__main__":
    configure_logs("test")
    try:
        run_party(
            open_party,
            host="127.0.0.1",
            port=int(sys.argv[1]),
            on_ready=say,
            drain_timeout_s=float(sys.argv[2]),
        )
    except AddressInUse as error:
        sys.exit(str(error))
