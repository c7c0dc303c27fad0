"""What the blocks say of operators' vaults and reserves, day by day.

Only the ends of a settled order's legs count, not its type: what leaves a vault for anywhere but
issuance is exchanged, what enters it from anywhere but issuance is redeemed: the guarantee too.
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
    funded_fen: int = 0

    @property
    def vault_fen(self) -> int:
        """By how much the vault grew."""
        return self.issued_fen + self.redeemed_fen - self.destroyed_fen - self.exchanged_fen

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
            _count(flows, leg.amount, from_vault=not grows, with_issuance=other == numbers.ISSUANCE)
        elif number == numbers.reserve_of(operator) and grows:
            flows.funded_fen += leg.amount


def _count(flows: Flows, amount_fen: int, *, from_vault: bool, with_issuance: bool) -> None:
    match from_vault, with_issuance:
        case False, True:
            flows.issued_fen += amount_fen
        case True, True:
            flows.destroyed_fen += amount_fen
        case True, False:
            flows.exchanged_fen += amount_fen
        case _:
            flows.redeemed_fen += amount_fen


def _pattern(operators: Iterable[int]) -> re.Pattern[bytes]:
    """Find the number of a vault or reserve in bytes: an order without one needs no parsing."""
    accounts = (f(each) for each in operators for f in (numbers.vault_of, numbers.reserve_of))
    encoded = sorted(cbor.encode(int(each)) for each in accounts)
    return re.compile(b"|".join(map(re.escape, encoded)) or b"(?!)")
