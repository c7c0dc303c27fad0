"""The slot of a virtual reader (vpcd of the Virtual Smart Card project), in place of contacts.

pcscd's driver listens on a TCP port for each slot; whoever connects is the card in the slot.
Inserting the card is connecting, pulling it is closing the connection or killing the process.

::

    frame    = length (2 bytes, big-endian) bytes
    control  = a frame of one byte: 00 power off, 01 power on, 02 reset; none is answered
               04 asks for the ATR, answered by a frame
    command  = any other frame, answered by a frame

There is no encryption and nobody is named: what a card says is signed inside the messages.
"""

import contextlib
import functools
import operator
import socket
import time
from collections.abc import Callable
from typing import NoReturn

from jiaozi.card.application import Application
from jiaozi.card.dialogue import Dialogue

PORT = 35963
"""Where Debian's package has its first slot; the second is one above."""

# Historical bytes (ISO/IEC 7816-4 §12.1.1): selected by full name; chaining and extended lengths;
# the issuer's data.
_HISTORICAL = b"\x80" + b"\x73\x80\x01\xc0" + b"\x56JIAOZI"
_T1_ONLY = b"\x01"
_INTERFACE = bytes((0x80 | len(_HISTORICAL),)) + _T1_ONLY + _HISTORICAL

ATR = b"\x3b" + _INTERFACE + bytes((functools.reduce(operator.xor, _INTERFACE),))
"""The answer to reset (ISO/IEC 7816-3 §8.2): direct convention, protocol T=1, 16 bytes."""

_POWER_AND_RESET = {b"\x00", b"\x01", b"\x02"}
_ASK_ATR = b"\x04"
_LENGTH_BYTES = 2
_RECONNECT_S = 0.1
# pcscd looks into its readers every 0.4 s. A card that comes back before it was missed is never
# seen again: pcscd holds the slot for empty and waits for a change.
_OUT_S = 0.6
_CONNECT_TIMEOUT_S = 5.0


def serve(
    application: Application,
    host: str = "127.0.0.1",
    port: int = PORT,
    *,
    tell: Callable[[str], None],
) -> NoReturn:
    """Be the card in a slot for as long as the process lives.

    Waits for a reader that is not there yet, and for one that went away: pcscd may be started
    again at any moment. Stays out of the slot for 0.6 s before it goes in. A slot that holds
    another card lets this one wait unheard.

    Args:
        application: What the card runs.
        host: Where pcscd runs.
        port: The slot's.
        tell: Takes a line when the card comes into the slot and when the reader goes away.
    """
    dialogue = Dialogue(application)
    while True:
        time.sleep(_OUT_S)
        with _connected(host, port) as slot:
            tell(f"The card is in the slot at {host}:{port}.")
            with contextlib.suppress(ConnectionError, EOFError):
                _talk(dialogue, slot)
        dialogue.reset()
        tell(f"The reader at {host}:{port} is gone; waiting for it.")


def _talk(dialogue: Dialogue, slot: socket.socket) -> NoReturn:
    """Answer frame after frame.

    Raises:
        EOFError: The reader went away.
        ConnectionError: The same, more abruptly.
    """
    while True:
        length = int.from_bytes(_receive(slot, _LENGTH_BYTES), "big")
        answer = _answer(dialogue, _receive(slot, length))
        if answer is not None:
            slot.sendall(len(answer).to_bytes(_LENGTH_BYTES, "big") + answer)


def _answer(dialogue: Dialogue, frame: bytes) -> bytes | None:
    """Return what answers a frame; None where nothing is to be said."""
    if frame in _POWER_AND_RESET:
        dialogue.reset()
        return None
    return ATR if frame == _ASK_ATR else dialogue.answer(frame)


def _connected(host: str, port: int) -> socket.socket:
    while True:
        try:
            slot = socket.create_connection((host, port), _CONNECT_TIMEOUT_S)
        except OSError:
            time.sleep(_RECONNECT_S)
            continue
        slot.settimeout(None)
        return slot


def _receive(slot: socket.socket, size_bytes: int) -> bytes:
    """Return exactly that many bytes.

    Raises:
        EOFError: The reader went away.
    """
    received = b""
    while len(received) < size_bytes:
        # The driver sends length and body apart, and waits 40 ms for the first to be acknowledged
        # unless we do so at once. Linux forgets the wish after each answer.
        slot.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        piece = slot.recv(size_bytes - len(received))
        if not piece:
            raise EOFError
        received += piece
    return received
