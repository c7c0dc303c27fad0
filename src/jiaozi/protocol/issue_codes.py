"""Issue codes: what lets somebody who is not known enrol one device, once.

An operator's clerk makes them and hands them out with blank cards. A code is 10 random bytes,
written as four groups of four characters that are not mistaken for one another (Crockford's base
32: no I, L, O and U).
"""

CODE_LENGTH = 10
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BITS = 5
_GROUP = 4
_CHARACTERS = CODE_LENGTH * 8 // _BITS
_READ_AS = str.maketrans("OIL", "011", "- \t\r\n")


def write_issue_code(code: bytes) -> str:
    """Return a code as people copy it, such as ``7K3M-QX9T-0ABC-DEFG``."""
    if len(code) != CODE_LENGTH:
        raise ValueError(f"an issue code has {CODE_LENGTH} bytes")
    number = int.from_bytes(code, "big")
    shifts = range(_BITS * (_CHARACTERS - 1), -1, -_BITS)
    text = "".join(_ALPHABET[number >> shift & 2**_BITS - 1] for shift in shifts)
    return "-".join(text[start : start + _GROUP] for start in range(0, _CHARACTERS, _GROUP))


def read_issue_code(text: str) -> bytes:
    """Read a code as people type it: in either case, with O for 0 and I or L for 1.

    Raises:
        ValueError: It is none.
    """
    plain = text.upper().translate(_READ_AS)
    if len(plain) != _CHARACTERS or any(each not in _ALPHABET for each in plain):
        raise ValueError(f"an issue code has {_CHARACTERS} letters and digits")
    number = 0
    for each in plain:
        number = number << _BITS | _ALPHABET.index(each)
    return number.to_bytes(CODE_LENGTH, "big")
