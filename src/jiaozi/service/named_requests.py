"""Requests under names of their own: an answer that a network delivers twice answers no other.

::

    caller                                    service
      Jiaozi-Request: <32 hexadecimal digits>   ->
                                            <-  Jiaozi-Request: <the same>

HTTP/1.1 tells answers apart by their order on a connection alone. A doubled answer would be taken
for the answer to the next request there, and an order be told another order's outcome. So an
answer under another name, or under none, is no answer, whatever its status: what was asked may
have been done, and is asked again. `jiaozi.service.dispatch` repeats the names.
"""

import secrets
from contextlib import aclosing

import httpx

from jiaozi.protocol.http_signatures import REQUEST_HEADER

_NAME_LENGTH = 16


async def send_named(http: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    """Send a request under a new name and return its own answer, read to the end.

    Raises:
        httpx.TransportError: There is none; `httpx.RemoteProtocolError` when what came is under
            another name, or under none.
    """
    name = secrets.token_hex(_NAME_LENGTH)
    request.headers[REQUEST_HEADER] = name
    async with aclosing(await http.send(request, stream=True)) as answer:
        if answer.headers.get(REQUEST_HEADER) != name:
            # Unread, it ends the connection: what follows on it answers other requests as well.
            raise httpx.RemoteProtocolError(
                f"the answer does not repeat {REQUEST_HEADER}: it came twice, or is an older "
                "service's",
                request=request,
            )
        await answer.aread()
    return answer
