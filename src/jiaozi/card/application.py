"""What a card runs: the one seam between the purse and everything that carries commands to it."""

from typing import Protocol

from jiaozi.protocol.apdu import Command, Response


class Application(Protocol):
    """The program on a card.

    What it has acknowledged must be on disk before `handle` returns: the card may be pulled, and
    its process killed, at any moment after and before. An exception other than `CommandRefused` is
    a broken invariant; it ends the card's process, which a reader sees as a card pulled.
    """

    def handle(self, command: Command) -> Response:
        """Carry out one whole command: chains are put together before.

        Raises:
            CommandRefused: With the status word to answer.
        """
        ...

    def reset(self) -> None:
        """Forget what holds until power is gone: the application selected, the PIN shown."""
        ...
