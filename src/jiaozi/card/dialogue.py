"""One card and one reader in turn: bytes of a command in, bytes of an answer out, always.

Puts chained commands together (ISO/IEC 7816-4 §5.3.3) and hands out long answers in pieces, the
rest by GET RESPONSE (§5.3.4), so that an application sees whole messages. Whatever comes in is
answered with a status word. Checked in this order:

1. the lengths (6700);
2. secure messaging (6882), logical channels (6881);
3. a chain: the same header to its end (6883), no more than `CHAIN_BYTES_MAX` in all (6700);
4. GET RESPONSE with nothing to fetch (6985);
5. the rest is the application's to check.
"""

from jiaozi.card.application import Application
from jiaozi.protocol.apdu import GET_RESPONSE, Command, CommandRefused, Response, Status

CHAIN_BYTES_MAX = 8192
"""More than any message of a purse takes."""

# CLA of an interindustry command (§5.4.1): the first form with channels 0…3, and the further form.
_PROPRIETARY = 0x80
_FURTHER = 0x40
_SECURE_MESSAGING = 0x0C
_CHANNEL = 0x03
_SECURE_MESSAGING_FURTHER = 0x20


class Dialogue:
    """The commands of one reader to one application, from power on to power off."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._chain: list[Command] = []
        self._rest = b""
        self._rest_status: int = Status.DONE

    def answer(self, encoded: bytes) -> bytes:
        """Carry out what the reader sent and return what to send back."""
        try:
            command = Command.decode(encoded)
            _check_class(command)
            return self._respond(command).encode()
        except CommandRefused as refused:
            self._chain.clear()
            return Response(status=refused.status).encode()

    def reset(self) -> None:
        """Forget all that was begun: power is gone, or the reader starts again."""
        self._chain.clear()
        self._rest = b""
        self._application.reset()

    def _respond(self, command: Command) -> Response:
        if self._chain and self._chain[0].header != command.header:
            raise CommandRefused(Status.CHAIN_BROKEN)
        if command.ins == GET_RESPONSE:
            return self._fetch(command)
        self._rest = b""
        whole = self._put_together(command)
        if whole is None:
            return Response()
        response = self._application.handle(whole)
        self._rest, self._rest_status = response.data, response.status
        return self._next_piece(whole.expected or 0)

    def _put_together(self, command: Command) -> Command | None:
        """Return the whole command once its last part is here."""
        self._chain.append(command)
        if sum(len(each.data) for each in self._chain) > CHAIN_BYTES_MAX:
            raise CommandRefused(Status.WRONG_LENGTH)
        if command.is_chained:
            return None
        cla, ins, p1, p2 = command.header
        data = b"".join(each.data for each in self._chain)
        self._chain.clear()
        return Command(cla=cla, ins=ins, p1=p1, p2=p2, data=data, expected=command.expected)

    def _fetch(self, command: Command) -> Response:
        if command.p1 or command.p2:
            raise CommandRefused(Status.WRONG_PARAMETERS)
        if not self._rest:
            raise CommandRefused(Status.CONDITIONS_NOT_MET)
        if command.data or command.expected is None:
            raise CommandRefused(Status.WRONG_LENGTH)
        return self._next_piece(command.expected)

    def _next_piece(self, expected: int) -> Response:
        piece, self._rest = self._rest[:expected], self._rest[expected:]
        if self._rest:
            return Response.with_more(piece, len(self._rest))
        return Response(piece, self._rest_status)


def _check_class(command: Command) -> None:
    """Refuse what no card of ours understands, whatever its application."""
    cla = command.cla
    if cla == 0xFF:
        raise CommandRefused(Status.CLASS_UNKNOWN)
    if cla & _PROPRIETARY == 0 and cla & _FURTHER:
        secured = cla & _SECURE_MESSAGING_FURTHER
        raise CommandRefused(
            Status.SECURE_MESSAGING_NOT_SUPPORTED if secured else Status.CHANNEL_NOT_SUPPORTED
        )
    if cla & _SECURE_MESSAGING:
        raise CommandRefused(Status.SECURE_MESSAGING_NOT_SUPPORTED)
    if cla & _CHANNEL:
        raise CommandRefused(Status.CHANNEL_NOT_SUPPORTED)
