"""Freeze a wallet as its operator, and lift a freeze: under a case number, by a clerk.

The case number is random and stands in the registry; the clerks who froze and lifted stay here,
with the files that asked for it.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from jiaozi.operator.life import store
from jiaozi.operator.wallets import store as wallets
from jiaozi.operator.wallets.certify import CertifyOrders
from jiaozi.operator.wallets.model import OPENING_LIFETIME_MS, CertifyOrder
from jiaozi.operator.wallets.sign import Certifier
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import FreezeScope, OrderType
from jiaozi.protocol.refusals import Code, refuse
from jiaozi.storage.database import Connection, Database

CASE_LENGTH = 16
_CLERK = re.compile(r"[A-Za-z0-9-]{1,32}")
_FILE_NUMBER_LENGTH_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class FreezeWallet:
    """The use cases; their dependencies."""

    database: Database
    certifier: Certifier
    orders: CertifyOrders
    now_ms: Callable[[], int]

    async def freeze(
        self,
        wallet: int,
        scope: FreezeScope,
        *,
        amount_fen: int | None = None,
        clerk: str,
        file_number: str,
    ) -> tuple[bytes, CertifyOrder]:
        """Freeze a wallet; returns the case number and what became of the order.

        Raises:
            Refusal: ``malformed``, or ``wallet_unknown``.
        """
        _check_who_and_why(clerk, file_number)
        case = secrets.token_bytes(CASE_LENGTH)
        async with self.database.transaction() as connection:
            await _check_known(connection, wallet)
            order = self.certifier.order(
                OrderType.OPERATOR_FREEZE,
                self.now_ms(),
                OPENING_LIFETIME_MS,
                number=wallet,
                case=case,
                scope=int(scope),
                amount_fen=amount_fen,
            )
            await self.orders.keep(connection, AccountNumber(wallet), order)
            await store.add_freeze(connection, case, order, clerk, file_number)
        return case, await self.orders.advance(order.id)

    async def lift(self, wallet: int, case: bytes, *, clerk: str, file_number: str) -> CertifyOrder:
        """Lift a freeze of this operator's or of the holder's.

        Raises:
            Refusal: ``malformed``, or ``wallet_unknown``.
        """
        _check_who_and_why(clerk, file_number)
        if len(case) != CASE_LENGTH:
            raise refuse(Code.MALFORMED, "case")
        async with self.database.transaction() as connection:
            await _check_known(connection, wallet)
            order = self.certifier.order(
                OrderType.OPERATOR_UNFREEZE,
                self.now_ms(),
                OPENING_LIFETIME_MS,
                number=wallet,
                case=case,
            )
            await self.orders.keep(connection, AccountNumber(wallet), order)
            await store.add_lift(connection, case, order, clerk, file_number)
        return await self.orders.advance(order.id)


def _check_who_and_why(clerk: str, file_number: str) -> None:
    if not _CLERK.fullmatch(clerk):
        raise refuse(Code.MALFORMED, "clerk")
    if not 0 < len(file_number) <= _FILE_NUMBER_LENGTH_MAX:
        raise refuse(Code.MALFORMED, "file_number")


async def _check_known(connection: Connection, wallet: int) -> None:
    if await wallets.find_wallet(connection, wallet) is None:
        raise refuse(Code.WALLET_UNKNOWN)
