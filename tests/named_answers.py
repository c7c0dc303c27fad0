"""Answers that repeat the name of their request, as every service of ours gives them."""

from collections.abc import Callable

import httpx

from jiaozi.protocol.http_signatures import REQUEST_HEADER

Answer = Callable[[httpx.Request], httpx.Response]


def repeating_names(answer: Answer) -> Answer:
    """Put the name of each request on its answer."""

    def named(request: httpx.Request) -> httpx.Response:
        response = answer(request)
        response.headers[REQUEST_HEADER] = request.headers[REQUEST_HEADER]
        return response

    return named
