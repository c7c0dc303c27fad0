"""A card as a process: the purse application in the slot of a virtual reader."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from jiaozi.card import virtual_reader
from jiaozi.card.purse import PurseApplication
from jiaozi.card.storage import Storage


def emulate(directory: Path, *, host: str, port: int, tell: Callable[[str], None]) -> NoReturn:
    """Be the card in a directory, blank if there is none, for as long as the process lives.

    Raises:
        CardInUse: Another process is this card.
        NotCanonical: The card's state is damaged.
        ValueError: It is of another format.
        OSError: The directory cannot be used.
    """
    with Storage(directory) as storage:
        virtual_reader.serve(PurseApplication(storage), host, port, tell=tell)
