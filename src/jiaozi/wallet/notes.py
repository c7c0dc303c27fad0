"""Notes: what a holder writes beside an order, kept in the wallet's own journal."""

from jiaozi.protocol.notes import note_reference
from jiaozi.wallet.model import Note


def reference_of(note: Note) -> bytes:
    """Return the 32 bytes that stand in the order."""
    return note_reference(note.salt, note.text)
