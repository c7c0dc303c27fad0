"""Many holders at once on a network that loses, doubles and delays: the totals are exact."""

import asyncio
import random
from collections import deque

import httpx
import pytest

from jiaozi.protocol import numbers
from jiaozi.protocol.order_types import OrderType
from tests.operator.builders import OPERATOR, OperatorWorld, until
from tests.operator.fake_registry import Fault
from tests.operator.holders import Holder
from tests.operator.test_deposits import BOOKS_DIFFER

FUNDED_FEN = 1_000_00
VAULT = numbers.vault_of(OPERATOR)
UNFINISHED = """
    SELECT (SELECT count(*) FROM exchange WHERE state NOT IN ('captured', 'released'))
        + (SELECT count(*) FROM redemption WHERE state NOT IN ('credited', 'refused', 'dead'))
"""


class Storm:
    """Faults for three requests of ten, for as long as it lasts."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self.is_over = False

    def __bool__(self) -> bool:
        return not self.is_over and self._chance.random() < 0.3

    def popleft(self) -> Fault:
        return self._chance.choice(list(Fault))


async def live(world: OperatorWorld, holder: Holder, others: list[Holder], seed: int) -> None:
    """Exchange, pay and redeem in some order; whatever the answer, go on."""
    chance = random.Random(seed)
    for _ in range(6):
        amount_fen = chance.randint(1, 200_00)
        match chance.choice(("exchange", "exchange", "pay", "redeem")):
            case "exchange":
                await holder.exchange(amount_fen)
            case "redeem":
                await holder.redeem(holder.redeem_order(amount_fen))
            case _:
                payee = chance.choice(others)
                order = holder.payment(payee.number, amount_fen)
                for _ in range(2):
                    await world.http.post("/v1/orders", content=order)


LONG = [pytest.param(seed, marks=pytest.mark.chaos) for seed in range(3, 40)]


@pytest.mark.parametrize("seed", [1, 2, *LONG])
async def test_no_fen_is_lost_doubled_or_invented(world: OperatorWorld, seed: int) -> None:
    holders = [await world.open_wallet(deposit_fen=FUNDED_FEN) for _ in range(6)]
    vault_fen = world.ledger.accounts[VAULT].balance_fen
    storm = Storm(random.Random(seed))
    faults: deque[Fault] = storm  # type: ignore[assignment]
    world.registry.faults = faults
    await asyncio.gather(
        *(live(world, holder, holders, seed * 100 + i) for i, holder in enumerate(holders))
    )
    storm.is_over = True
    await world.operator.resolver.step(2**62)

    async def is_finished() -> bool:
        return await world.database_value(UNFINISHED) == 0

    await until(is_finished)
    ledger = world.ledger
    sold, bought = ledger.settled_fen(OrderType.EXCHANGE), ledger.settled_fen(OrderType.REDEEM)
    assert sold > bought > 0
    in_wallets = sum(world.balance_fen(each) for each in holders)
    assert in_wallets == sold - bought == vault_fen - ledger.accounts[VAULT].balance_fen
    deposits = [await world.deposit_fen(each) for each in holders]
    assert [held for _, held in deposits] == [0] * len(holders)
    assert sum(balance for balance, _ in deposits) == len(holders) * FUNDED_FEN - sold + bought
    async with world.database.connection() as connection:
        assert await connection.fetch(BOOKS_DIFFER) == []
    await world.until_followed()
    told = [await _history_sum(each) for each in holders]
    assert told == [world.balance_fen(each) for each in holders]


async def _history_sum(holder: Holder) -> int:
    answer = await holder.ask("GET", f"{holder.path}/history?limit=500")
    assert answer.status_code == httpx.codes.OK
    signs = {"in": 1, "out": -1}
    return sum(
        signs[each["direction"]] * each["amount_fen"]
        for each in answer.json()["entries"]
        if each["state"] == "settled"
    )
