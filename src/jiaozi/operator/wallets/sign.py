"""Sign what the certify key says of wallets: openings, and orders about open ones."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from jiaozi.operator.customers.model import WalletClass
from jiaozi.operator.registry.model import StoredOrder, stored_order
from jiaozi.operator.wallets.model import (
    OPENING_LIFETIME_MS,
    SERIALS,
    Wallet,
    WalletRequest,
    WalletState,
    wallet_number,
)
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead, parse, sign_order
from jiaozi.protocol.suites import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class Certifier:
    """An operator's certify key, and the network it signs for."""

    operator: int
    network: NetworkId
    key: Signer

    def new_number(self) -> AccountNumber:
        """Draw a wallet number."""
        return wallet_number(self.operator, secrets.randbelow(SERIALS))

    def opening(
        self,
        number: AccountNumber,
        request: WalletRequest,
        group: bytes,
        now_ms: int,
        *,
        opened_by: AccountNumber | None = None,
        parent: AccountNumber | None = None,
    ) -> Wallet:
        """Sign the order that opens a wallet."""
        order = self.order(
            OrderType.OPEN_ACCOUNT,
            now_ms,
            OPENING_LIFETIME_MS,
            number=number,
            suite=request.suite,
            key=request.public_key,
            wallet_class=int(request.wallet_class),
            holder=int(request.holder),
            group=group,
            parent=parent,
            **request.limits,
        )
        return Wallet(
            number=number,
            wallet_class=WalletClass(request.wallet_class),
            holder=request.holder,
            suite=request.suite,
            public_key=request.public_key,
            state=WalletState.OPENING,
            order=order,
            outcome=None,
            created_ms=now_ms,
            opened_by=opened_by,
            parent=parent,
        )

    def order(
        self,
        order_type: OrderType,
        now_ms: int,
        lifetime_ms: int,
        others: Sequence[Signer] = (),
        /,
        **body: int | bytes | None,
    ) -> StoredOrder:
        """Sign an order without legs, alone or with others."""
        head = OrderHead(
            id=new_order_id(now_ms, secrets.token_bytes(10)),
            type=order_type,
            expires_ms=now_ms + lifetime_ms,
        )
        signers = [self.key, *others]
        return stored_order(parse(sign_order(head, signers, self.network, legs=(), **body)))
