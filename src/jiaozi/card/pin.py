"""PIN and PUK: digits that few tries may guess at, pulled card or not.

A try is counted on disk before the digits are compared, and given back when they are right. So
whoever cuts the power in between has used it up.
"""

import hmac
from dataclasses import dataclass, field, replace

PIN_TRIES = 3
PUK_TRIES = 10


@dataclass(frozen=True, slots=True)
class Secret:
    """Digits that only the holder knows, and how often they may still be tried."""

    digits: bytes = field(repr=False)
    tries_left: int

    def tried(self) -> "Secret":
        """Count a try."""
        return replace(self, tries_left=self.tries_left - 1)

    def is_shown_by(self, digits: bytes) -> bool:
        """Compare, in a time that tells nothing of the digits."""
        return hmac.compare_digest(self.digits, digits)
