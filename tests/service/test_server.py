"""A server process: one per address, and an end that cuts nobody short but has a deadline."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from jiaozi.service.server import AddressInUse, ServerStopped, listening
from tests.service.conftest import Served

SCRIPT = Path(__file__).with_name("run_server.py")


@asynccontextmanager
async def party(
    *, port: int = 0, drain_timeout_s: float = 5
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(SCRIPT),
        str(port),
        str(drain_timeout_s),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def line_of(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 60)).decode().strip()


async def started(process: asyncio.subprocess.Process) -> str:
    assert await line_of(process) == "opened"
    return await line_of(process)


@pytest.mark.parametrize("asked_by", [signal.SIGTERM, signal.SIGINT])
async def test_request_under_way_is_answered_before_the_end(asked_by: signal.Signals) -> None:
    async with party() as process, httpx.AsyncClient() as client:
        url = await started(process)
        request = asyncio.create_task(client.post(url + "/v1/orders", content=b"0.5"))
        assert await line_of(process) == "taken"
        process.send_signal(asked_by)
        assert (await request).content == b"done"
        assert [await line_of(process), await line_of(process)] == ["answered", "closed"]
        assert await process.wait() == 0


async def test_end_has_a_deadline() -> None:
    async with party(drain_timeout_s=0.3) as process, httpx.AsyncClient() as client:
        url = await started(process)
        request = asyncio.create_task(client.post(url + "/v1/orders", content=b"60", timeout=40))
        assert await line_of(process) == "taken"
        process.terminate()
        asked = time.monotonic()
        assert (await request).json()["type"] == "urn:jiaozi:refusal:unknown"
        assert await line_of(process) == "closed"
        assert await process.wait() == 0
        assert time.monotonic() - asked < 20
        assert process.stderr is not None
        logged = json.loads((await process.stderr.readline()).decode())
        assert (logged["event"], logged["party"]) == ("drain_timeout", "test")


async def test_second_process_on_one_address_is_told_so() -> None:
    async with party() as first:
        port = urlsplit(await started(first)).port
        assert port is not None
        async with party(port=port) as second:
            _, told = await second.communicate()
            assert second.returncode == 1
            assert f"Cannot listen on 127.0.0.1 port {port}" in told.decode()


async def test_address_is_free_again_after_a_kill() -> None:
    async with party() as first:
        url = await started(first)
        async with httpx.AsyncClient() as client:
            await client.post(url + "/v1/orders", content=b"0")
            first.kill()
            await first.wait()
        async with party(port=urlsplit(url).port or 0) as second:
            assert await started(second) == url


async def test_two_servers_of_one_process_take_ports_of_their_own(served: Served) -> None:
    async with listening(served.dispatcher()) as one, listening(Served().dispatcher()) as two:
        assert one.url != two.url
        async with httpx.AsyncClient() as client:
            for url in (one.url, two.url):
                assert (await client.get(url + "/healthz")).status_code == 200


async def test_address_of_someone_else_is_refused(served: Served) -> None:
    with pytest.raises(AddressInUse, match=r"Cannot listen on 203\.0\.113\.1 port 0"):
        async with listening(served.dispatcher(), host="203.0.113.1"):
            pass


async def test_server_that_ends_on_its_own_is_noticed(served: Served) -> None:
    async with listening(served.dispatcher()) as server:
        server._serving.cancel()
        with pytest.raises(ServerStopped, match="nothing that was acknowledged is lost"):
            await asyncio.wait_for(server.run_until(asyncio.Event()), 30)
