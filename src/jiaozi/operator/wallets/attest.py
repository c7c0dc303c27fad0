"""Attest that a key is the key of a wallet, for the payment requests that it signs."""

from collections.abc import Callable
from dataclasses import dataclass

from jiaozi.operator.wallets.model import Wallet
from jiaozi.protocol.attestations import sign_attestation
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.suites import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestWallet:
    """The use case; its dependencies."""

    operator: int
    network: NetworkId
    certify: Signer
    now_ms: Callable[[], int]

    def __call__(self, wallet: Wallet) -> bytes:
        """Return the attestation."""
        return sign_attestation(
            operator=self.operator,
            wallet=wallet.number,
            key=wallet.public_key,
            now_ms=self.now_ms(),
            signer=self.certify,
            network=self.network,
        )
