"""rules.md §C.2: an answer that a network delivers twice answers no other request."""

import asyncio
from contextlib import suppress

import pytest

from jiaozi.operator.registry.client import new_http_client, send
from jiaozi.protocol.refusals import Code, Refusal


async def test_an_answer_that_comes_twice_answers_one_request() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                path, lines = head.split()[1], head.split(b"\r\n")
                [name] = [each for each in lines if each.startswith(b"Jiaozi-Request")]
                answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n\r\n%b"
                answer %= len(path), name, path
                writer.write(answer * 2 if path == b"/first" else answer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        ended.release()

    ended = asyncio.Semaphore(0)
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, new_http_client(f"http://127.0.0.1:{port}") as http:
        assert (await send(http, "GET", "/first", {})).content == b"/first"
        with pytest.raises(Refusal) as refused:
            await send(http, "GET", "/second", {})
        assert refused.value.code == Code.UNKNOWN
        assert (await send(http, "GET", "/third", {})).content == b"/third"
    for _ in range(2):  # connections
        await ended.acquire()
