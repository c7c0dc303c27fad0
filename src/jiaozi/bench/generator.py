"""Generator processes: each prepares orders while nothing is measured, and acts on a word.

A generator is driven over a pipe: a function to run there and its arguments, one at a time.
"""

import asyncio
from collections.abc import Callable, Coroutine
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any, TypeVar

import uvloop

Answer = TypeVar("Answer")


class Generator:
    """A process that keeps one object, made there, and calls its methods when told to."""

    def __init__(self, make: Callable[..., object], *arguments: object) -> None:
        context = get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, make, arguments), daemon=True)
        self._process.start()
        theirs.close()

    async def call(
        self, method: Callable[..., Coroutine[Any, Any, Answer]], *arguments: object
    ) -> Answer:
        """Run a coroutine method of the object there and return what it returns.

        Raises:
            EOFError: The process has died.
        """
        self._pipe.send((method.__name__, arguments))
        answer: Answer = await asyncio.to_thread(self._pipe.recv)
        return answer

    def stop(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(timeout=10)
        self._process.kill()


def _serve(pipe: "Connection[Any, Any]", make: Callable[..., object], arguments: Any) -> None:  # noqa: ANN401
    made = make(*arguments)
    while True:
        try:
            name, values = pipe.recv()
        except EOFError:
            return
        pipe.send(uvloop.run(getattr(made, name)(*values)))
