"""What the blocks say of operators' vaults and reserves, day by day.

Only the ends of a settled order's legs count, not its type. Between vault and issuance money is
issued and destroyed, between vault and guarantee set aside and released, and else exchanged and
redeemed.
"""

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field

from jiaozi.central_bank.statements.store import Block, DayEnd
from jiaozi.protocol import blocks, cbor, numbers
from jiaozi.protocol.daily_statement import day_of
from jiaozi.protocol.legs import Leg
from jiaozi.protocol.orders import parse_view
from jiaozi.protocol.refusals import SETTLED


@dataclass(slots=True)
class Flows:
    """What moved at one operator in one day, in fen."""

    issued_fen: int = 0
    destroyed_fen: int = 0
    exchanged_fen: int = 0
    redeemed_fen: int = 0
    set_aside_fen: int = 0
    released_fen: int = 0
    funded_fen: int = 0

    @property
    def vault_fen(self) -> int:
        """By how much the vault grew."""
        grown_fen = self.issued_fen + self.redeemed_fen + self.released_fen
        return grown_fen - self.destroyed_fen - self.exchanged_fen - self.set_aside_fen

    @property
    def reserve_fen(self) -> int:
        """By how much the reserve grew: issuing and destroying moves it as well."""
        return self.funded_fen + self.destroyed_fen - self.issued_fen


@dataclass(slots=True)
class Gathered:
    """Days of blocks: what moved, by operator and day, and where each day ended."""

    flows: dict[tuple[int, int], Flows] = field(default_factory=lambda: defaultdict(Flows))
    ends: dict[int, DayEnd] = field(default_factory=dict)

    def of(self, operator: int, day: int) -> Flows:
        """Return what moved at an operator in a day."""
        return self.flows.get((operator, day)) or Flows()


async def gather(read: AsyncIterator[Block], operators: Iterable[int]) -> Gathered:
    """Take in blocks, in their order.

    Raises:
        Refusal: A body that is none: this is no registry's database.
    """
    gathered = Gathered()
    codes = set(operators)
    touches_an_institution = _pattern(codes)
    async for block in read:
        day = day_of(block.time_ms)
        gathered.ends[day] = DayEnd(block.height, block.identity)
        if block.height and touches_an_institution.search(block.body):
            for item in blocks.read_body(block.body, block.order_count):
                if item.outcome == SETTLED and touches_an_institution.search(item.submission):
                    for leg in parse_view(item.cose, item.legs).legs:
                        _take(gathered, codes, day, leg)
        await asyncio.sleep(0)
    return gathered


def _take(gathered: Gathered, operators: set[int], day: int, leg: Leg) -> None:
    for number, other, grows in (
        (leg.credit, leg.debit, True),
        (leg.debit, leg.credit, False),
    ):
        operator = numbers.operator_of(number)
        if operator not in operators:
            continue
        flows = gathered.flows[operator, day]
        if number == numbers.vault_of(operator):
            _count(flows, leg.amount, operator, other, grows=grows)
        elif number == numbers.reserve_of(operator) and grows:
            flows.funded_fen += leg.amount


def _count(flows: Flows, amount_fen: int, operator: int, other: int, *, grows: bool) -> None:
    """Count a leg of an operator's vault by the account at its other end."""
    if other == numbers.ISSUANCE:
        name = "issued_fen" if grows else "destroyed_fen"
    elif other == numbers.guarantee_of(operator):
        name = "released_fen" if grows else "set_aside_fen"
    else:
        name = "redeemed_fen" if grows else "exchanged_fen"
    setattr(flows, name, getattr(flows, name) + amount_fen)


def _pattern(operators: Iterable[int]) -> re.Pattern[bytes]:
    """Find the number of a vault or reserve in bytes: an order without one needs no parsing."""
    accounts = (f(each) for each in operators for f in (numbers.vault_of, numbers.reserve_of))
    encoded = sorted(cbor.encode(int(each)) for each in accounts)
    return re.compile(b"|".join(map(re.escape, encoded)) or b"(?!)")
