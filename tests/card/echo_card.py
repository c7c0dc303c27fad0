"""A card for tests, as a process: says back what it is told, once it is selected.

``python -m tests.card.echo_card PORT``
"""

import sys

from jiaozi.card import virtual_reader
from jiaozi.protocol.apdu import SELECT, Command, CommandRefused, Response, Status

ECHO = 0x02
REPEAT = 0x04
"""Answers with P1 · 256 + P2 bytes."""
WRONG_PIN = 0x20


class EchoApplication:
    """Must be selected first, as every application on a card."""

    def __init__(self) -> None:
        self.selected = False

    def handle(self, command: Command) -> Response:
        if command.ins == SELECT:
            self.selected = True
            return Response(b"echo")
        if not self.selected:
            raise CommandRefused(Status.CONDITIONS_NOT_MET)
        if command.ins not in _ANSWERS:
            raise CommandRefused(Status.INSTRUCTION_UNKNOWN)
        return _ANSWERS[command.ins](command)

    def reset(self) -> None:
        self.selected = False


_ANSWERS = {
    ECHO: lambda command: Response(command.data),
    REPEAT: lambda command: Response(bytes(256 * command.p1 + command.p2)),
    WRONG_PIN: lambda command: Response.tries_left(2),
}


if __name__ == "__main__":
    virtual_reader.serve(EchoApplication(), port=int(sys.argv[1]), tell=print)
