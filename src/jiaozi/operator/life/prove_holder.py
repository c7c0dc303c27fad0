"""Prove that a wallet is one's own: by its phone, and by the evidence of its class."""

from dataclasses import dataclass

from jiaozi.operator.customers.model import Evidence, check_evidence, document_subject
from jiaozi.operator.customers.privacy import Privacy
from jiaozi.operator.customers.prove_phone import ProvenPhone
from jiaozi.operator.life import store
from jiaozi.operator.wallets.model import Wallet, WalletState
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveHolder:
    """The use case; its dependencies."""

    privacy: Privacy

    async def __call__(
        self,
        connection: Connection,
        phone: ProvenPhone,
        wallet: Wallet | None,
        evidence: Evidence,
    ) -> None:
        """Check that phone and evidence are those of the wallet's holder, for its class.

        Raises:
            Refusal: ``rebind_not_proven``, alike for whatever does not fit;
                ``evidence_insufficient``.
        """
        if wallet is None or wallet.state is not WalletState.OPEN:
            raise refuse(Code.REBIND_NOT_PROVEN)
        digest = None
        if evidence.document is not None:
            subject = document_subject(wallet.holder, evidence.document)
            digest = self.privacy.digest("document", subject)
        if not await store.is_holders(connection, wallet.number, phone.digest, digest):
            raise refuse(Code.REBIND_NOT_PROVEN)
        check_evidence(wallet.wallet_class, wallet.holder, evidence)
