"""Who pays whom on the offline market day, so that its totals are known beforehand. Pure.

One purse is copied, a card where there are readers: the same money is spent at two stalls. What the
purse never held is paid to the stalls all the same, from the guarantee of the operator that
certified it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

YUAN = 100
GUARANTEE_FEN = 10_000 * YUAN
"""What each operator sets aside."""
LOADED_FEN = 150 * YUAN
"""What each buyer takes along."""
ROOM_FEN = 1_000 * YUAN
"""Who buys or sells has room for so much more below all caps."""


@dataclass(frozen=True, slots=True)
class Trader:
    """Somebody with a purse.

    Attributes:
        operator: Counts the operators from 0.
        has_card: The purse is on a card, where there is a reader for it.
    """

    name: str
    operator: int
    is_stall: bool = False
    has_card: bool = False


@dataclass(frozen=True, slots=True)
class Sale:
    """A payment between purses.

    Attributes:
        hops: How often its money has changed hands then.
        is_copy: It is paid from a copy of the purse, as it was before it paid anything.
    """

    payer: str
    payee: str
    amount_fen: int
    hops: int = 1
    is_copy: bool = False


BUYERS = (
    Trader("Lin", 0),
    Trader("Mei", 1),
    Trader("Bo", 0),
    Trader("Hua", 1, has_card=True),
    Trader("Wen", 0, has_card=True),
)
STALLS = (
    Trader("vegetables", 0, is_stall=True),
    Trader("noodles", 1, is_stall=True),
    Trader("tea", 0, is_stall=True),
)
TRADERS = (*BUYERS, *STALLS)
CARDHOLDERS = tuple(each.name for each in TRADERS if each.has_card)
COPIED = "Wen"
SALES = (
    Sale("Lin", "vegetables", 38_00),
    Sale("Mei", "vegetables", 62_50),
    Sale("Bo", "noodles", 25_00),
    Sale("Mei", "noodles", 18_00),
    Sale("Hua", "tea", 44_20),
    Sale("vegetables", "noodles", 70_00, hops=2),
    Sale(COPIED, "tea", 90_00),
    Sale(COPIED, "noodles", 90_00, is_copy=True),
)


@dataclass(frozen=True, slots=True)
class Market:
    """The day, played by people of the plan: their indices by the traders' names."""

    people: Mapping[str, int]

    @property
    def loaded_fen(self) -> int:
        """What leaves wallets in the morning."""
        return LOADED_FEN * len(BUYERS)

    @property
    def paid_fen(self) -> int:
        """What is paid without network."""
        return sum(each.amount_fen for each in SALES)

    @property
    def unloaded_fen(self) -> int:
        """What stalls bring to their wallets in the evening."""
        return sum(held_fen(each.name) for each in STALLS)

    @property
    def covered_fen(self) -> int:
        """What the guarantee pays: spent from the copied purse, and never in it."""
        return max(0, -held_fen(COPIED))

    @property
    def offline_fen(self) -> int:
        """What is left in purses at night."""
        return self.loaded_fen - self.unloaded_fen + self.covered_fen

    def moves(self) -> Iterator[tuple[int, int]]:
        """Yield for each of the people what leaves their wallet; below zero what comes."""
        for each in TRADERS:
            yield self.people[each.name], -held_fen(each.name) if each.is_stall else LOADED_FEN


def held_fen(name: str) -> int:
    """Return what a purse holds in the evening, by the registry's count."""
    loaded_fen = 0 if any(name == each.name for each in STALLS) else LOADED_FEN
    came_fen = sum(each.amount_fen for each in SALES if each.payee == name)
    return loaded_fen + came_fen - sum(each.amount_fen for each in SALES if each.payer == name)


def choose_people(
    candidates: Sequence[int], operators: Sequence[int], operator_of: Callable[[int], int]
) -> Market:
    """Choose who is who.

    Args:
        candidates: Indices of people who have `LOADED_FEN` and `ROOM_FEN`, the likeliest first.
        operators: Codes.
        operator_of: Tells an index's operator.

    Raises:
        ValueError: There are too few.
    """
    left, people = list(candidates), {}
    for each in TRADERS:
        code = operators[each.operator % len(operators)]
        found = next((index for index in left if operator_of(index) == code), None)
        if found is None:
            raise ValueError("too few people have money left for a market")
        left.remove(found)
        people[each.name] = found
    return Market(people)
