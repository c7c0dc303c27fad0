"""Notes: what is written beside an order, of which the registry sees a salted hash alone.

::

    reference = SHA-256("jiaozi/note/1" || salt (16 bytes) || note in UTF-8)

Who is shown note and salt can check them against the order in a receipt.
"""

from hashlib import sha256

NOTE_CHARACTERS_MAX = 140
SALT_LENGTH = 16

_DOMAIN = b"jiaozi/note/1"


def note_reference(salt: bytes, note: str) -> bytes:
    """Return the 32 bytes that stand in the order."""
    return sha256(_DOMAIN + salt + note.encode()).digest()
