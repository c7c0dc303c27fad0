"""The central bank's desk in the demo: every order is approved by two officers.

They sign the very bytes one after the other, each with a key of their own, and where the order
table asks for it the operator signs with its vault key. Here all these keys lie in one directory;
elsewhere the file is passed around (`jiaozi central-bank approve`).
"""

import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from jiaozi.central_bank.certification.approve import (
    Approval,
    order_of,
    sign_approval,
    submission_of,
)
from jiaozi.central_bank.certification.keys import OFFICER_KEY, VAULT_KEY
from jiaozi.central_bank.issuance.issue import destroy, issue
from jiaozi.central_bank.issuance.propose import Desk
from jiaozi.central_bank.issuance.reserve_system import BuiltInReserves
from jiaozi.central_bank.issuance.send import Sender
from jiaozi.demo.errors import DemoFailed
from jiaozi.local.directory import DataDirectory
from jiaozi.local.setup import OFFICERS
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.numbers import OperatorCode, operator_of
from jiaozi.protocol.order_types import ORDER_TYPES, HaltScope, OrderType, Role
from jiaozi.protocol.refusals import SETTLED
from jiaozi.protocol.suites import Signer
from jiaozi.service.keys import FileKeyStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Officers:
    """Two officers, the operators' vault keys, and the line to the registry."""

    network: NetworkId
    pair: tuple[Signer, Signer]
    vaults: dict[int, Signer]
    sender: Sender

    async def fund_reserve(self, operator: int, amount_fen: int) -> None:
        """Credit an operator's reserve."""
        await self.decide(lambda desk: desk.fund_reserve(operator, amount_fen, f"demo-{operator}"))

    async def issue(self, operator: int, amount_fen: int) -> None:
        """Issue into an operator's vault."""
        await self.decide(lambda desk: desk.issue(operator, amount_fen))

    async def destroy(self, operator: int, amount_fen: int) -> None:
        """Destroy money of an operator's vault."""
        await self.decide(lambda desk: desk.destroy(operator, amount_fen))

    async def halt_payments(self, until_ms: int) -> None:
        """Stop all payments until a time; the halt ends by itself."""
        subject = int(OrderType.PAYMENT)
        await self.decide(lambda desk: desk.halt(HaltScope.ORDER_TYPE, until_ms, subject=subject))

    async def decide(self, propose: Callable[[Desk], Approval]) -> None:
        """Draw up an order, have it approved, send it.

        Raises:
            DemoFailed: It did not settle.
        """
        approval = propose(Desk(time.time_ns() // 1_000_000, secrets.token_bytes))
        order = order_of(approval)
        signers = list(self.pair)
        if Role.VAULT in ORDER_TYPES[order.type].signers:
            signers.append(self.vaults[_operator_of(approval)])
        for each in signers:
            approval = sign_approval(approval, each, self.network)
        settle, reserves = self.sender.settle, BuiltInReserves()
        match order.type:
            case OrderType.ISSUE:
                outcome = await issue(approval, reserves=reserves, settle=settle)
            case OrderType.DESTROY:
                outcome = await destroy(approval, reserves=reserves, settle=settle)
            case _:
                outcome = await settle(submission_of(approval))
        if outcome != SETTLED:
            raise DemoFailed(detail=f"The order {order.type.name} ended as {outcome}")


@asynccontextmanager
async def officers_at_desk(directory: DataDirectory, registry_url: str) -> AsyncIterator[Officers]:
    """Open the keys of two officers and of the operators' vaults."""
    passphrase = directory.passphrase.read_text("utf-8").strip()
    places = directory.network
    network = NetworkId(bytes.fromhex(places.network_id.read_text("ascii")))
    first, second = (
        FileKeyStore(places.officer(label), passphrase).signer(OFFICER_KEY)
        for label in OFFICERS[:2]
    )
    vaults = {
        int(each.name): FileKeyStore(each, passphrase).signer(VAULT_KEY)
        for each in directory.operators.iterdir()
    }
    async with httpx.AsyncClient(base_url=registry_url, trust_env=False) as http:
        sender = Sender(http=http, network=network, officer=first)
        yield Officers(network=network, pair=(first, second), vaults=vaults, sender=sender)


def _operator_of(approval: Approval) -> OperatorCode:
    [leg] = order_of(approval).legs
    return operator_of(max(leg.debit, leg.credit))
