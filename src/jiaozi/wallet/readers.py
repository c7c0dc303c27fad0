"""Card readers of this machine, through PC/SC: which there are, and a card in one of them.

::

    with card_in(reader, wait_s=30.0) as card:
        response = card.transmit(Command(cla=0x00, ins=SELECT, p1=0x04, data=name, expected=256))

A card is held for this program alone from beginning to end, and reset afterwards, so that no PIN
stays shown. Commands go out in the short form, in chains where they are long, and long answers are
fetched in pieces (ISO/IEC 7816-4 §5.3): that passes every reader and every card, while extended
lengths pass only some. Only the protocol T=1 is spoken, as all contactless cards do.

pcscd and its library are needed for cards alone, so that they are looked for at the first use.
Calls wait for the card: coroutines make them in a thread. What status words mean is the caller's.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import NoReturn

from jiaozi.protocol.apdu import (
    EXTENDED_EXPECTED_MAX,
    GET_RESPONSE,
    SHORT_EXPECTED_MAX,
    Command,
    Response,
    Status,
)
from jiaozi.wallet.errors import (
    CardAbsent,
    CardBusy,
    CardPulled,
    CardUnreadable,
    ReaderServiceDown,
    ReaderSoftwareMissing,
    ReaderUnknown,
)

_DWORD = 0xFFFF_FFFF


class Card:
    """A card in a reader, powered and ours until the block of `card_in` ends."""

    def __init__(self, scard: ModuleType, handle: int, reader: str) -> None:
        self._scard = scard
        self._handle = handle
        self._reader = reader

    def transmit(self, command: Command) -> Response:
        """Let the card carry out a command, however long, and return its whole answer.

        Raises:
            CardPulled: The card is gone; it may have carried the command out.
            CardUnreadable: It answered with something that is no answer.
        """
        *before, last = command.split()
        for part in before:
            response = self._exchange(part)
            if response.status != Status.DONE:
                return response
        response = self._exchange(last)
        data = response.data
        while response.rest_bytes is not None:
            fetch = Command(cla=0, ins=GET_RESPONSE, expected=response.rest_bytes)
            response = self._exchange(fetch)
            data += response.data
            if response.rest_bytes is not None and not response.data:
                raise CardUnreadable(detail="The card promises more and says nothing")
            if len(data) > EXTENDED_EXPECTED_MAX:
                raise CardUnreadable(detail="The card's answer has no end")
        return Response(data, response.status)

    def _exchange(self, command: Command) -> Response:
        result, answer = self._scard.SCardTransmit(
            self._handle, self._scard.SCARD_PCI_T1, list(command.encode())
        )
        _check(self._scard, result, self._reader)
        if not answer:  # what drivers say of a card that is pulled while it works
            raise CardPulled(detail=f"The card left {self._reader} before it answered")
        try:
            response = Response.decode(bytes(answer))
        except ValueError as error:
            raise CardUnreadable(detail="The card's answer has no status word") from error
        if len(response.data) > SHORT_EXPECTED_MAX:
            raise CardUnreadable(detail="The card says more than it was asked for")
        return response


def reader_names() -> list[str]:
    """Return the names of the readers at this machine, in pcscd's order.

    Raises:
        ReaderSoftwareMissing: The library for readers is not installed.
        ReaderServiceDown: pcscd does not run, or does not let us in.
    """
    with _context() as (scard, context):
        result, names = scard.SCardListReaders(context, [])
        if _is(result, scard.SCARD_E_NO_READERS_AVAILABLE):
            return []
        _check(scard, result, "")
        return list(names)


@contextmanager
def card_in(
    reader: str, *, wait_s: float = 0.0, tell_waiting: Callable[[], None] = lambda: None
) -> Iterator[Card]:
    """Power up the card in a reader and hold it for this program alone.

    Args:
        reader: One of `reader_names`.
        wait_s: How long to wait for a card to come, counted from the reader's last change.
        tell_waiting: Called once if there is none yet.

    Raises:
        ReaderSoftwareMissing: The library for readers is not installed.
        ReaderServiceDown: pcscd does not run, or does not let us in.
        ReaderUnknown: No reader has this name.
        CardAbsent: No card came.
        CardBusy: Another program holds the card.
        CardUnreadable: The card does not answer, or not in the protocol T=1.
    """
    with _context() as (scard, context):
        _await_card(scard, context, reader, wait_s, tell_waiting)
        result, handle, _ = scard.SCardConnect(
            context, reader, scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_T1
        )
        _check(scard, result, reader)
        try:
            yield Card(scard, handle, reader)
        finally:
            scard.SCardDisconnect(handle, scard.SCARD_RESET_CARD)


@contextmanager
def _context() -> Iterator[tuple[ModuleType, int]]:
    """Yield the library and a connection to pcscd, which may be another one than the last time."""
    try:
        from smartcard import scard
    except ImportError as missing:
        raise ReaderSoftwareMissing(detail="The library for card readers is missing") from missing
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    _check(scard, result, "")
    try:
        yield scard, context
    finally:
        scard.SCardReleaseContext(context)


def _await_card(
    scard: ModuleType, context: int, reader: str, wait_s: float, tell_waiting: Callable[[], None]
) -> None:
    """Return once a card is in the reader: at once if there is one now."""
    known, timeout_ms = scard.SCARD_STATE_UNAWARE, 0
    result, names = scard.SCardListReaders(context, [])
    if _is(result, scard.SCARD_S_SUCCESS) and reader not in names:
        raise ReaderUnknown(detail=f"There is no reader {reader}; there is: {', '.join(names)}")
    while True:
        result, states = scard.SCardGetStatusChange(context, timeout_ms, [(reader, known)])
        if _is(result, scard.SCARD_E_TIMEOUT):
            raise CardAbsent(detail=f"There is no card in {reader}")
        _check(scard, result, reader)
        if states[0][1] & scard.SCARD_STATE_PRESENT:
            return
        if known == scard.SCARD_STATE_UNAWARE and wait_s:
            tell_waiting()
        known, timeout_ms = states[0][1], round(wait_s * 1000)


def _is(result: int, code: int) -> bool:
    """Compare results, which are signed on some platforms."""
    return result & _DWORD == code & _DWORD


def _check(scard: ModuleType, result: int, reader: str) -> None:
    """Pass a success and turn everything else into what a holder can act on."""
    if not _is(result, scard.SCARD_S_SUCCESS):
        _fail(scard, result & _DWORD, reader)


def _fail(scard: ModuleType, result: int, reader: str) -> NoReturn:
    told = f"{scard.SCardGetErrorMessage(result).rstrip('.')} ({result:08X})"
    service = {scard.SCARD_E_NO_SERVICE, scard.SCARD_E_SERVICE_STOPPED, scard.SCARD_F_COMM_ERROR,
               scard.SCARD_E_INVALID_HANDLE, scard.SCARD_W_SECURITY_VIOLATION}  # fmt: skip
    pulled = {scard.SCARD_W_REMOVED_CARD, scard.SCARD_W_RESET_CARD, scard.SCARD_E_NOT_TRANSACTED}
    if result in {code & _DWORD for code in service}:
        raise ReaderServiceDown(detail=f"The service for card readers does not answer: {told}")
    if result in {code & _DWORD for code in pulled}:
        raise CardPulled(detail=f"The card left {reader}")
    if _is(result, scard.SCARD_E_UNKNOWN_READER) or _is(result, scard.SCARD_E_READER_UNAVAILABLE):
        raise ReaderUnknown(detail=f"There is no reader {reader}")
    if _is(result, scard.SCARD_E_NO_SMARTCARD):
        raise CardAbsent(detail=f"There is no card in {reader}")
    if _is(result, scard.SCARD_E_SHARING_VIOLATION):
        raise CardBusy(detail=f"Another program holds the card in {reader}")
    raise CardUnreadable(detail=f"The card in {reader} cannot be read: {told}")
