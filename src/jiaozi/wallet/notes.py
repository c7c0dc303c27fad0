"""Notes: what a holder writes beside an order, of which the registry sees a salted hash alone.

::

    reference = SHA-256("jiaozi/note/1" || salt (16 bytes) || note in UTF-8)

The note stays in the wallet's own journal. Who is shown note and salt can check them against the
order in a receipt.
"""

from hashlib import sha256

from jiaozi.wallet.model import Note

NOTE_CHARACTERS_MAX = 140

_DOMAIN = b"jiaozi/note/1"


def reference_of(note: Note) -> bytes:
    """Return the 32 bytes that stand in the order."""
    return sha256(_DOMAIN + note.salt + note.text.encode()).digest()
