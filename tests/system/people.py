"""Holders at real operators who do not give up: the same request again until it has its outcome."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import httpx

from jiaozi.operator.registry.answers import RawAnswer
from jiaozi.protocol.numbers import AccountNumber
from tests.operator.builders import OperatorWorld, new_phone
from tests.operator.clock import Clock
from tests.operator.holders import Holder, send_order
from tests.system.parties import Parties

DEPOSIT_FEN = 5_000_00
_PAUSE_S = 0.1
_PATIENCE_S = 90
Result = TypeVar("Result")


@dataclass
class People:
    """Holders, and what their wallets and deposits must hold by the answers they got."""

    parties: Parties
    holders: list[Holder] = field(default_factory=list)
    wallets_fen: Counter[AccountNumber] = field(default_factory=Counter)
    deposits_fen: Counter[AccountNumber] = field(default_factory=Counter)
    settled: list[bytes] = field(default_factory=list)
    """Orders that holders signed and that settled."""

    async def open(self, code: int, http: httpx.AsyncClient) -> Holder:
        """Open a wallet with a deposit behind it, however often it takes."""
        unused: Any = None
        world = OperatorWorld(
            unused, unused, unused, unused, http, Clock(), self.parties.network_id
        )
        phone = new_phone()
        caller = world.new_caller()
        body = await insist(lambda: world.opening(phone, caller))

        async def open_it() -> str | None:
            answer = await caller.ask("POST", "/v1/wallets", body)
            return str(answer.json()["number"]) if answer.status_code == 201 else None

        holder = world.holder(caller, await insist(open_it), phone)
        holder.deposit_id = await insist(lambda: world.fund(phone, DEPOSIT_FEN))
        self.holders.append(holder)
        self.deposits_fen[holder.number] = DEPOSIT_FEN
        return holder

    async def exchange(self, holder: Holder, amount_fen: int) -> None:
        exchange_id = holder.new_id()
        body = {
            "exchange_id": exchange_id.hex(),
            "deposit_id": holder.deposit_id,
            "amount_fen": amount_fen,
        }
        if await self._saga(holder, "exchanges", body) == "settled":
            self.deposits_fen[holder.number] -= amount_fen
            self.wallets_fen[holder.number] += amount_fen

    async def redeem(self, holder: Holder, amount_fen: int) -> None:
        order = holder.redeem_order(amount_fen)
        if await self._saga(holder, "redemptions", holder.redemption(order)) == "settled":
            self.settled.append(order)
            self.wallets_fen[holder.number] -= amount_fen
            self.deposits_fen[holder.number] += amount_fen

    async def pay(self, payer: Holder, payee: Holder, amount_fen: int) -> None:
        order = payer.payment(payee.number, amount_fen)

        async def send() -> list[RawAnswer] | None:
            answers = await asyncio.gather(*(send_order(payer.http, order) for _ in range(2)))
            return [each for each in answers if each[0] == 1] or None

        answer, *others = await insist(send)
        assert others in ([], [answer]), f"one order, two outcomes: {answer} and {others[0]}"
        if answer[1] == [0]:
            self.settled.append(order)
            self.wallets_fen[payer.number] -= amount_fen
            self.wallets_fen[payee.number] += amount_fen

    async def _saga(self, holder: Holder, what: str, body: dict[str, Any]) -> str:
        async def ask() -> str | None:
            answer = await holder.ask("POST", f"{holder.path}/{what}", body)
            state = answer.json().get("state")
            return state if state in ("settled", "refused") else None

        return await insist(ask)

    async def _read(self, holder: Holder, url: str) -> dict[str, Any]:
        """Ask until it is answered: an answer doubled in the storm may wait in a connection."""

        async def ask() -> dict[str, Any] | None:
            answer = await holder.ask("GET", url)
            return answer.json() if answer.status_code == httpx.codes.OK else None

        return await insist(ask)

    async def compare(self) -> None:
        """Hold what every holder has against the answers; not a fen may differ."""
        for each in self.holders:
            wallet = await self._read(each, each.path)
            [deposit] = (await self._read(each, "/v1/deposits"))["deposits"]
            assert wallet["balance_fen"] == self.wallets_fen[each.number]
            assert deposit["held_fen"] == 0
            assert deposit["available_fen"] == self.deposits_fen[each.number]
        total_fen = self.wallets_fen.total() + self.deposits_fen.total()
        assert total_fen == len(self.holders) * DEPOSIT_FEN


async def insist(ask: Callable[[], Awaitable[Result | None]]) -> Result:
    """Ask until there is a definite answer."""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            try:
                result = await ask()
            except (httpx.TransportError, AssertionError, ValueError):
                result = None
            if result is not None:
                return result
            await asyncio.sleep(_PAUSE_S)
