"""Draw up the orders that officers decide, ready to be approved.

Each lives for 24 hours from the moment it is drawn up. Time and randomness come in as arguments;
the id is made here, once: whoever sends the order again sends the same approval.
"""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from jiaozi.central_bank.certification.approve import Approval, propose
from jiaozi.protocol import numbers
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import FreezeScope, HaltScope, OrderType
from jiaozi.protocol.orders import APPROVAL_LIFETIME_MAX_MS, Leg, OrderHead, payload

_ID_RANDOM_LENGTH = 10
_SALT_LENGTH = 16
_CASE_LENGTH = 16
_RTGS_DOMAIN = b"jiaozi/rtgs/1"


@dataclass(frozen=True, slots=True)
class Desk:
    """Where orders are drawn up.

    Attributes:
        now_ms: Unix time in milliseconds.
        random: Returns that many random bytes.
    """

    now_ms: int
    random: Callable[[int], bytes]

    def fund_reserve(self, operator: int, amount_fen: int, rtgs_reference: str) -> Approval:
        """Credit an operator's reserve for what it paid in through the payment system."""
        return self._movement(
            OrderType.FUND_RESERVE,
            numbers.SETTLEMENT,
            numbers.reserve_of(operator),
            amount_fen,
            reference=reference_of(rtgs_reference),
        )

    def issue(self, operator: int, amount_fen: int) -> Approval:
        """Issue money into an operator's vault against its reserve."""
        vault = numbers.vault_of(operator)
        return self._movement(OrderType.ISSUE, numbers.ISSUANCE, vault, amount_fen)

    def destroy(self, operator: int, amount_fen: int) -> Approval:
        """Destroy money of an operator's vault; its reserve is credited."""
        vault = numbers.vault_of(operator)
        return self._movement(OrderType.DESTROY, vault, numbers.ISSUANCE, amount_fen)

    def set_quota(self, operator: int, quota_fen: int) -> Approval:
        """Bound what an operator's vault may hold."""
        return self._decision(OrderType.QUOTA, operator=operator, quota_fen=quota_fen)

    def put_in_force(self, rulebook_hash: bytes, starts_at_ms: int) -> Approval:
        """Put a rulebook in force from a time on."""
        return self._decision(
            OrderType.RULEBOOK, rulebook_hash=rulebook_hash, starts_at_ms=starts_at_ms
        )

    def certify(self, certificate: bytes) -> Approval:
        """Make a certificate that the root signed known to the registry."""
        return self._decision(OrderType.CERTIFY, certificate=certificate)

    def revoke(self, key: bytes) -> Approval:
        """End what a certified key may do, from the next order on."""
        return self._decision(OrderType.REVOKE, key=key)

    def halt(
        self, scope: HaltScope, until_ms: int, *, subject: int = 0, orders_per_s: int | None = None
    ) -> Approval:
        """Stop or slow down what a scope names; a time that has passed ends a halt."""
        return self._decision(
            OrderType.HALT,
            scope=int(scope),
            subject=subject or None,
            until_ms=until_ms,
            orders_per_s=orders_per_s,
        )

    def reassign(self, failed: int, carrier: int) -> Approval:
        """Have another operator carry on the wallets of a failed one."""
        return self._decision(OrderType.REASSIGN, operator=failed, carrier=carrier)

    def freeze(
        self, wallet: int, scope: FreezeScope, amount_fen: int | None = None
    ) -> tuple[bytes, Approval]:
        """Freeze a wallet as the central bank; returns the new case number too."""
        case = self.random(_CASE_LENGTH)
        approval = self._decision(
            OrderType.AUTHORITY_FREEZE,
            number=wallet,
            case=case,
            scope=int(scope),
            amount_fen=amount_fen,
        )
        return case, approval

    def unfreeze(self, wallet: int, case: bytes) -> Approval:
        """Lift any freeze of a wallet."""
        return self._decision(OrderType.AUTHORITY_UNFREEZE, number=wallet, case=case)

    def accept_generations_from(self, oldest: int) -> Approval:
        """Accept no older generation of offline devices any more."""
        return self._decision(OrderType.OLDEST_GENERATION, generation=oldest)

    def convict(self, device: bytes, proof_hash: bytes) -> Approval:
        """Convict an offline device by the hash of a proof that the officers verified."""
        return self._decision(OrderType.CONVICT, device=device, proof=proof_hash)

    def write_off(self, device: bytes) -> Approval:
        """Cover what a revoked offline device lacks, without accusing it."""
        return self._decision(OrderType.WRITE_OFF, device=device)

    def _movement(
        self,
        order_type: OrderType,
        debit: AccountNumber,
        credit: AccountNumber,
        amount_fen: int,
        reference: bytes | None = None,
    ) -> Approval:
        leg = Leg(debit, credit, amount_fen, self.random(_SALT_LENGTH))
        return propose(payload(self._head(order_type, reference), [leg]), [leg])

    def _decision(self, order_type: OrderType, **body: int | bytes | None) -> Approval:
        return propose(payload(self._head(order_type), (), **body))

    def _head(self, order_type: OrderType, reference: bytes | None = None) -> OrderHead:
        return OrderHead(
            id=new_order_id(self.now_ms, self.random(_ID_RANDOM_LENGTH)),
            type=order_type,
            expires_ms=self.now_ms + APPROVAL_LIFETIME_MAX_MS,
            reference=reference,
        )


def reference_of(rtgs_reference: str) -> bytes:
    """Return the 32 bytes by which an order names a transaction of the payment system.

    Not salted: it concerns two institutions, and an auditor with the payment system's statement
    finds it there.
    """
    return sha256(_RTGS_DOMAIN + rtgs_reference.encode()).digest()
