"""Redeem digital yuan into a deposit, by an order that the holder signed."""

from collections.abc import Callable
from dataclasses import dataclass

from jiaozi.operator.deposits.model import CoreBanking
from jiaozi.operator.exchange.model import (
    RESUME_AFTER_MS,
    Redemption,
    RedemptionState,
    redemption_after,
)
from jiaozi.operator.exchange.store import ExchangeStore
from jiaozi.operator.registry.model import Decided, stored_order
from jiaozi.operator.registry.settle import SettleOrder
from jiaozi.operator.wallets.model import Wallet
from jiaozi.protocol import cose, numbers
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import Order, check_window, parse
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.protocol.suites import Signer


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeemToDeposit:
    """The use case; its dependencies.

    Attributes:
        certify: May have signed too: the second factor (second_factor/countersign.py).
    """

    operator: int
    network: NetworkId
    store: ExchangeStore
    core: CoreBanking
    settle: SettleOrder
    certify: Signer
    now_ms: Callable[[], int]

    async def __call__(self, wallet: Wallet, submission: bytes, deposit_id: str) -> Redemption:
        """Redeem, or return what became of the redemption by this order.

        The caller has checked that wallet and deposit are the holder's.

        Raises:
            Refusal: A shape code; ``legs_not_allowed``, ``signer_foreign``, ``signature_invalid``;
                ``already_used`` when the order stands for another redemption; ``expired`` or
                ``id_time_ahead`` for an order that is new.
        """
        order = parse(submission)
        self._check(wallet, order)
        redemption = await self.store.find_redemption(wallet.number, order.id)
        if redemption is None:
            redemption = await self._keep(order, deposit_id)
        if (redemption.order.identity, redemption.deposit_id) != (order.identity, deposit_id):
            raise refuse(Code.ALREADY_USED)
        return await self.advance(redemption)

    async def advance(self, redemption: Redemption) -> Redemption:
        """Take a redemption as far as it goes now; any number of times, at any moment.

        Each turn takes one step and stores it, as `ExchangeDeposit.advance` does.
        """
        while True:
            before = redemption
            match redemption.state:
                case RedemptionState.STORED:
                    await self._settle(redemption)
                case RedemptionState.SETTLED:
                    await self.core.credit(
                        redemption.core_key, redemption.deposit_id, redemption.amount_fen
                    )
                    await self.store.close_redemption(redemption)
                case RedemptionState.CREDITED | RedemptionState.REFUSED | RedemptionState.DEAD:
                    return redemption
            redemption = await self._again(redemption)
            if redemption.state is before.state:
                return redemption

    def _check(self, wallet: Wallet, order: Order) -> None:
        """Check all that would keep the order from ever settling: it would be kept open in vain."""
        vault = numbers.vault_of(self.operator)
        ends = [(leg.debit, leg.credit) for leg in order.legs]
        if order.type is not OrderType.REDEEM or ends != [(wallet.number, vault)]:
            raise refuse(Code.LEGS_NOT_ALLOWED, 0)
        if {*order.keys} - {self.certify.public_key} != {wallet.public_key}:
            raise refuse(Code.SIGNER_FOREIGN)
        if not cose.verify(order.message, external_aad(Domain.ORDER, self.network)):
            raise refuse(Code.SIGNATURE_INVALID)

    async def _keep(self, order: Order, deposit_id: str) -> Redemption:
        now_ms = self.now_ms()
        check_window(order, now_ms)
        [leg] = order.legs
        new = Redemption(
            wallet=leg.debit,
            deposit_id=deposit_id,
            amount_fen=leg.amount,
            state=RedemptionState.STORED,
            order=stored_order(order),
            decided=None,
        )
        await self.store.add_redemption(
            new, created_ms=now_ms, next_try_ms=now_ms + RESUME_AFTER_MS
        )
        return await self._again(new)

    async def _settle(self, redemption: Redemption) -> None:
        verdict = await self.settle(redemption.order)
        state = redemption_after(verdict)
        if state is not RedemptionState.STORED:
            decided = verdict if isinstance(verdict, Decided) else None
            await self.store.decide_redemption(redemption, state, decided)

    async def _again(self, redemption: Redemption) -> Redemption:
        found = await self.store.find_redemption(redemption.wallet, redemption.order.id)
        assert found is not None, "a redemption is never removed"
        return found
