"""Exchange a deposit into a wallet."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from jiaozi.operator.deposits.model import CoreBanking
from jiaozi.operator.exchange.model import (
    ORDER_LIFETIME_MS,
    RESUME_AFTER_MS,
    Exchange,
    ExchangeState,
    exchange_after,
)
from jiaozi.operator.exchange.store import ExchangeStore
from jiaozi.operator.registry.model import Decided, StoredOrder, stored_order
from jiaozi.operator.registry.settle import SettleOrder
from jiaozi.operator.screening.screen import ScreenCustomer
from jiaozi.protocol import numbers
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.ids import is_order_id, new_order_id
from jiaozi.protocol.legs import SALT_LENGTH, Leg
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead, parse, sign_order
from jiaozi.protocol.refusals import Code, Refusal, refuse
from jiaozi.protocol.suites import Signer

_log = structlog.get_logger("jiaozi.exchange")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangeDeposit:
    """The use case; its dependencies."""

    operator: int
    network: NetworkId
    store: ExchangeStore
    core: CoreBanking
    settle: SettleOrder
    vault: Signer
    screen: ScreenCustomer
    now_ms: Callable[[], int]

    async def __call__(
        self, wallet: AccountNumber, exchange_id: bytes, deposit_id: str, amount_fen: int
    ) -> Exchange:
        """Exchange, or return what became of the exchange of this id.

        The caller has checked that wallet and deposit are the holder's.

        Raises:
            Refusal: ``malformed``, ``amount_out_of_range``; ``not_served``; ``already_used`` when
                the id stands for another exchange.
        """
        if not is_order_id(exchange_id):
            raise refuse(Code.MALFORMED, "exchange_id")
        if not 0 < amount_fen <= FEN_MAX:
            raise refuse(Code.AMOUNT_OUT_OF_RANGE)
        if await self.store.find_exchange(wallet, exchange_id) is None:
            await self.screen.exchange(wallet)
        now_ms = self.now_ms()
        opened = Exchange(
            wallet=wallet,
            id=exchange_id,
            deposit_id=deposit_id,
            amount_fen=amount_fen,
            state=ExchangeState.OPENED,
            order=None,
            decided=None,
        )
        await self.store.add_exchange(
            opened, created_ms=now_ms, next_try_ms=now_ms + RESUME_AFTER_MS
        )
        exchange = await self._again(opened)
        if (exchange.deposit_id, exchange.amount_fen) != (deposit_id, amount_fen):
            raise refuse(Code.ALREADY_USED)
        return await self.advance(exchange)

    async def advance(self, exchange: Exchange) -> Exchange:
        """Take an exchange as far as it goes now; any number of times, at any moment.

        Each turn takes one step and stores it, so that a crash anywhere loses no step and repeats
        at most the last, which has no effect a second time.
        """
        while True:
            before = exchange
            match exchange.state:
                case ExchangeState.OPENED:
                    await self._hold(exchange)
                case ExchangeState.HELD:
                    await self._settle(exchange)
                case ExchangeState.SETTLED:
                    await self.core.capture(exchange.core_key)
                    await self.store.close_exchange(exchange, ExchangeState.CAPTURED)
                case ExchangeState.REJECTED | ExchangeState.REFUSED | ExchangeState.DEAD:
                    await self.core.release(exchange.core_key)
                    await self.store.close_exchange(exchange, ExchangeState.RELEASED)
                case ExchangeState.CAPTURED | ExchangeState.RELEASED:
                    return exchange
            exchange = await self._again(exchange)
            if exchange.state is before.state:
                return exchange

    async def _hold(self, exchange: Exchange) -> None:
        try:
            await self.core.hold(exchange.core_key, exchange.deposit_id, exchange.amount_fen)
        except Refusal as refusal:
            if refusal.code is not Code.DEPOSIT_INSUFFICIENT:
                raise
            await self.store.reject_exchange(exchange, Decided((int(refusal.code),)))
        else:
            if not await self.store.keep_exchange_order(exchange, self._sign(exchange)):
                _log.info("exchange_went_on_elsewhere", key=exchange.core_key)

    async def _settle(self, exchange: Exchange) -> None:
        assert exchange.order is not None, "a held exchange has its order"
        verdict = await self.settle(exchange.order)
        state = exchange_after(verdict)
        if state is not ExchangeState.HELD:
            decided = verdict if isinstance(verdict, Decided) else None
            await self.store.decide_exchange(exchange, state, decided)

    def _sign(self, exchange: Exchange) -> StoredOrder:
        now_ms = self.now_ms()
        vault = numbers.vault_of(self.operator)
        head = OrderHead(
            id=new_order_id(now_ms, secrets.token_bytes(10)),
            type=OrderType.EXCHANGE,
            expires_ms=now_ms + ORDER_LIFETIME_MS,
        )
        leg = Leg(vault, exchange.wallet, exchange.amount_fen, secrets.token_bytes(SALT_LENGTH))
        return stored_order(parse(sign_order(head, [self.vault], self.network, legs=[leg])))

    async def _again(self, exchange: Exchange) -> Exchange:
        found = await self.store.find_exchange(exchange.wallet, exchange.id)
        assert found is not None, "an exchange is never removed"
        return found
