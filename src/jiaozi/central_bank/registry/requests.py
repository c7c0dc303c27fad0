"""Orders that wait for the writer, and the requests that they are to be answered in."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from jiaozi.central_bank.registry.batch import Answer
from jiaozi.protocol.certificates import Certified
from jiaozi.protocol.orders import Order
from jiaozi.protocol.refusals import Refusal


class Pending(NamedTuple):
    """An order that waits for the writer, and where its answer goes."""

    order: Order
    caller: Certified
    request: "Request"
    place: int


class Request:
    """The orders of one request: complete when each has its answer."""

    def __init__(self, count: int) -> None:
        self.answers: list[Answer | None] = [None] * count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._left = count

    def answer(self, place: int, answer: Answer) -> None:
        """Put the answer of one order."""
        self.answers[place] = answer
        self._left -= 1
        if not self._left and not self.done.done():
            self.done.set_result(None)


def answer_all(pending: Iterable[Pending], refusal: Refusal) -> None:
    """Answer orders with one refusal."""
    for each in pending:
        each.request.answer(each.place, Answer(refusal=refusal))
