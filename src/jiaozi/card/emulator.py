"""A card as a process: the purse application in the slot of a virtual reader."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from jiaozi.card import virtual_reader
from jiaozi.card.purse import PurseApplication
from jiaozi.card.storage import CardInUse, Storage
from jiaozi.protocol.cbor import NotCanonical
from jiaozi.protocol.refusals import Refusal


class CardUnusable(Exception):
    """The card's directory holds no card that can be used here."""


def emulate(directory: Path, *, host: str, port: int, tell: Callable[[str], None]) -> NoReturn:
    """Be the card in a directory, blank if there is none, for as long as the process lives.

    Raises:
        CardUnusable: Another process is this card, or its state cannot be read.
    """
    try:
        application = PurseApplication(Storage(directory))
    except (CardInUse, NotCanonical, Refusal, ValueError, OSError) as error:
        raise CardUnusable(f"The card in {directory} cannot be used: {error}") from error
    virtual_reader.serve(application, host, port, tell=tell)
