"""The port to whoever tells whether a document is a customer's own.

What a customer types is no proof: a document's number and name are known to others. Until somebody
vouches for it, a document joins nobody to a holder that came by another phone.
"""

from typing import Protocol

from jiaozi.operator.customers.model import IdentityDocument, Phone
from jiaozi.protocol.order_types import Holder


class DocumentVerifier(Protocol):
    """Checks documents with the authority that issues them."""

    async def is_genuine(self, phone: Phone, kind: Holder, document: IdentityDocument) -> bool:
        """Say whether a document is that of the customer who has just proven a phone.

        Raises:
            Refusal: ``unavailable``: it cannot be told now.
        """


class NoVerification:
    """Vouches for nothing: a document counts together with its phone only."""

    async def is_genuine(self, phone: Phone, kind: Holder, document: IdentityDocument) -> bool:
        """Say no."""
        return False
