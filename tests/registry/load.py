"""Payments by many clients at once, whatever happens to the registry, and the reckoning after it.

Each order is remembered before it is sent. At the end every one is sent again until it has its
outcome: what was acknowledged must come again, the same; what was not may be either, once. The
balances must be those that the settled orders make, to the fen.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

import httpx

from jiaozi.protocol import blocks, cbor
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.orders import parse
from jiaozi.protocol.refusals import Code
from tests.registry.builders import Wallet
from tests.registry.limited import UNCAPPED
from tests.registry.network import OPERATORS
from tests.registry.served import Served
from tests.registry.waiting import until

START_FEN = 1_000
AMOUNT_FEN_MAX = 400
BODY_BYTES_MAX = 64 << 20
_TRY_AGAIN = {Code.BUSY, Code.UNAVAILABLE, Code.UNKNOWN}

Answer = list[object]


@dataclass
class Load:
    """Clients that pay, and all that they sent and heard."""

    served: Served
    wallets: list[Wallet]
    sent: dict[bytes, Wallet] = field(default_factory=dict)
    """Order and payer."""
    acknowledged: dict[bytes, Answer] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    stopping: bool = False

    @classmethod
    async def prepare(cls, served: Served, wallets: int) -> "Load":
        """Open wallets of both operators, each with some money."""
        opened = []
        for operator in OPERATORS:
            await served.provide(operator, wallets // 2 * START_FEN)
            opened += await served.open_wallets(
                wallets // 2, operator, balance_fen=START_FEN, wallet_class=UNCAPPED
            )
        return cls(served, opened)

    async def run(self, clients: int, orders_per_request: int) -> None:
        """Pay until `stopping`."""
        async with asyncio.TaskGroup() as group:
            for number in range(clients):
                group.create_task(self._pay(random.Random(number), orders_per_request))

    async def _pay(self, chance: random.Random, orders_per_request: int) -> None:
        operator = chance.choice(OPERATORS)
        own = [each for each in self.wallets if each.operator == operator]
        while not self.stopping:
            orders = [self._order(chance, own) for _ in range(orders_per_request)]
            orders += chance.sample(orders, 1)  # a client that sends twice
            await until(partial(self._is_over, operator, orders), timeout_s=120, pause_s=0.1)

    async def _is_over(self, operator: int, orders: list[bytes]) -> bool:
        """Send orders again, as a client does that has no answer."""
        return await self._send(operator, orders) or self.stopping

    def _order(self, chance: random.Random, own: Sequence[Wallet]) -> bytes:
        payer = chance.choice(own)
        payee = chance.choice([each for each in self.wallets if each is not payer])
        order = self.served.orders.payment(payer, payee, chance.randint(1, AMOUNT_FEN_MAX))
        self.sent[order] = payer
        return order

    async def _send(self, operator: int, orders: list[bytes]) -> bool:
        """Send orders once and keep the final answers; say whether all have one."""
        caller = self.served.operator(operator)
        try:
            response = await caller.send("POST", "/v1/orders", b"".join(orders))
        except httpx.TransportError as error:
            self.failures[type(error).__name__] += 1
            return False
        if response.status_code != 200:
            assert response.status_code in (429, 503, 504), response.text
            assert "retry-after" in response.headers
            self.failures[str(response.status_code)] += 1
            return False
        answers = cbor.decode(response.content, size_max=len(response.content))
        assert isinstance(answers, list)
        for order, answer in zip(orders, answers, strict=True):
            if answer[0] == 1:
                assert self.acknowledged.setdefault(order, answer) == answer
            else:
                assert answer[1] in _TRY_AGAIN, answer
                self.failures[Code(answer[1]).name] += 1
        return all(answer[0] == 1 for answer in answers)

    async def reckon(self) -> None:
        """Send everything again, and compare answers, balances, blocks and supply."""
        for operator in OPERATORS:
            orders = [order for order, payer in self.sent.items() if payer.operator == operator]
            for start in range(0, len(orders), 1000):
                request = orders[start : start + 1000]
                await until(partial(self._send, operator, request), timeout_s=60)
        assert self.acknowledged.keys() == self.sent.keys()
        expected = {each.number: START_FEN for each in self.wallets}
        for order, answer in self.acknowledged.items():
            if answer[1] == [0]:
                for leg in parse(order).legs:
                    expected[leg.debit] -= leg.amount
                    expected[leg.credit] += leg.amount
        for wallet in self.wallets:
            assert await self.served.balance_fen(wallet) == expected[wallet.number]
        supply = (await self.served.http.get("/v1/supply")).json()
        assert supply["with_public_fen"] == len(self.wallets) * START_FEN
        assert supply["in_vaults_fen"] == 0
        await self._compare_blocks()

    async def _compare_blocks(self) -> None:
        """Find each order in the blocks once, where its answer says, with its outcome."""
        places: dict[bytes, Answer] = {}
        height = 0
        while True:
            response = await self.served.auditor.get(f"/v1/blocks?from={height}&limit=100")
            items = cbor.decode_sequence(
                response.content, items_max=200, item_size_max=BODY_BYTES_MAX
            )
            values = [value for value, _ in items]
            for header, body in zip(values[::2], values[1::2], strict=True):
                self._read_block(height, header, body, places)
                height += 1
            if not values:
                break
        for order, answer in self.acknowledged.items():
            assert places[order] == answer

    def _read_block(
        self, height: int, header: object, body: object, places: dict[bytes, Answer]
    ) -> None:
        assert isinstance(header, bytes)
        assert isinstance(body, bytes)
        signed = blocks.read_header(
            header,
            block_keys=BlockKeys.stated(self.served.keys.block.public_key),
            network=self.served.network.id,
        )
        assert signed.header.height == height
        assert signed.header.body_hash == blocks.body_hash(body)
        if height == 0:
            return
        for position, item in enumerate(blocks.read_body(body, signed.header.count)):
            assert item.submission not in places, "an order stands in the blocks twice"
            places[item.submission] = [1, list(item.outcome), height, position]
