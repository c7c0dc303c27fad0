"""What time it is at the least, for a purse that has no clock (rules.md §G.4).

Times come with headers of the registry, from whomever. The floor is the latest of them, with the
key that signed it. Of some earlier time another key has signed as much: so late it is *certainly*.

Nothing lowers the floor but the revocation list, when it names that key. Whoever had stolen it may
have signed any time; but what it signed before was true, and the list's head was signed after. So
the floor falls to the head's time, and no further than to what is certain. Nothing raises it but
headers: a floor before the head's time stays. To make a false time certain takes two stolen keys.
"""

from collections.abc import Container
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """A time that has passed, in Unix milliseconds.

    Attributes:
        key: Of the registry, that signed it; empty when the time does not rest on one key.
        certain_ms: What two keys have signed, or the purse's own certificate says.
    """

    time_ms: int
    key: bytes = b""
    certain_ms: int

    def told(self, key: bytes, time_ms: int) -> "Floor":
        """Take a time that a key of the registry has signed: what is known only grows."""
        if key == self.key:
            return Floor(time_ms=max(self.time_ms, time_ms), key=key, certain_ms=self.certain_ms)
        if time_ms > self.time_ms:
            return Floor(time_ms=time_ms, key=key, certain_ms=self.time_ms)
        return Floor(time_ms=self.time_ms, key=self.key, certain_ms=max(self.certain_ms, time_ms))

    def without(self, revoked: Container[bytes], head_ms: int) -> "Floor":
        """Believe no time of revoked keys that is later than the head of the list that says so."""
        if self.key not in revoked:
            return self
        certain_ms = max(self.certain_ms, min(self.time_ms, head_ms))
        return Floor(time_ms=certain_ms, certain_ms=certain_ms)
