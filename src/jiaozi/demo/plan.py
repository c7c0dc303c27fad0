"""Who does what with how much in the demo: drawn from a seed, so that the totals are known.

Every payment that is meant to settle does so whatever the order of events: nobody spends more than
what came in before payments begin, and nobody's balance can pass its cap even if all payments to
them come first. Pure: the same arguments give the same plan.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random

from jiaozi.central_bank.rulebook.model import ClassLimits
from jiaozi.demo.market_plan import GUARANTEE_FEN, LOADED_FEN, ROOM_FEN, Market, choose_people
from jiaozi.protocol.money import FEN_MAX
from jiaozi.protocol.refusals import Code

PEOPLE_MIN = 20
YUAN = 100
ISSUE_STEP_FEN = 1_000_000 * YUAN
"""Money is issued in whole millions of yuan."""
COMPANY_OPERATOR = 1001
IN_EMERGENCIES = 3
"""How many of the calm people have emergencies; others go to the market."""

_CLASSES = (4, 3, 2, 3, 4, 2, 4, 3, 4, 1)
_EXCHANGE_FEN = {
    1: (15_000 * YUAN, 30_000 * YUAN),
    2: (1_000 * YUAN, 10_000 * YUAN),
    3: (500 * YUAN, 5_000 * YUAN),
    4: (200 * YUAN, 2_000 * YUAN),
}
_SALARY_FEN = (4_000 * YUAN, 9_000 * YUAN)
_PAYMENT_FEN = (1 * YUAN, 300 * YUAN)
_OUT_OF_REACH_FEN = 10_000_000 * YUAN
_COMPANY_SPARE_FEN = 50_000 * YUAN
_REFUSALS_SHARE = 50
_SPARE_FEN = 10 * YUAN
_TRIES_MAX = 1_000


@dataclass(slots=True, kw_only=True)
class Person:
    """A holder, and the sums that bound what they may still do.

    Attributes:
        index: From 0; also makes the phone number.
        salary_fen: Zero for whoever is not employed by the company.
        kept_fen: Needed later, so not spent.
        offline_fen: What the market day takes out of the wallet; below zero what it brings.
    """

    index: int
    operator: int
    wallet_class: int
    exchange_fen: int
    salary_fen: int = 0
    kept_fen: int = 0
    in_fen: int = 0
    out_fen: int = 0
    redeem_fen: int = 0
    offline_fen: int = 0

    @property
    def phone(self) -> str:
        """A phone number that is nobody's."""
        return f"+8619900{self.index:06d}"

    @property
    def balance_fen(self) -> int:
        """The balance once every payment is settled, redemption and market aside."""
        return self.exchange_fen + self.salary_fen + self.in_fen - self.out_fen

    @property
    def final_fen(self) -> int:
        """The balance at the end."""
        return self.balance_fen - self.redeem_fen - self.offline_fen


@dataclass(frozen=True, slots=True)
class Planned:
    """A payment of one person to another; ``refusal`` is how it must end, None if it settles."""

    payer: int
    payee: int
    amount_fen: int
    refusal: Code | None = None
    signer: int | None = None
    """Whose key signs; the payer's own unless this is a forgery."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that happens."""

    people: Sequence[Person]
    payments: Sequence[Planned]
    refused: Sequence[Planned]
    company_exchange_fen: int
    market: Market

    @property
    def first_payment(self) -> Planned:
        """A payment that needs no salary to have come in."""
        for each in self.payments:
            payer = self.people[each.payer]
            if each.amount_fen <= payer.exchange_fen - payer.kept_fen:
                return each
        raise ValueError("no payment can be made before salaries are paid")

    @property
    def employees(self) -> list[Person]:
        """Those on the company's payroll."""
        return [each for each in self.people if each.salary_fen]

    @property
    def payroll_fen(self) -> int:
        """The sum of all salaries."""
        return sum(each.salary_fen for each in self.people)

    @property
    def redeemers(self) -> list[Person]:
        """Those who redeem."""
        return [each for each in self.people if each.redeem_fen]

    @property
    def calm(self) -> list[Person]:
        """Those with money who spend least: whom a few more payments bring near no limit."""
        return _calm(self.people)

    def exchanged_fen(self, operator: int) -> int:
        """Return what goes from a vault to the public."""
        people = sum(each.exchange_fen for each in self.people if each.operator == operator)
        return people + (self.company_exchange_fen if operator == COMPANY_OPERATOR else 0)

    def issued_fen(self, operator: int) -> int:
        """Return what is issued into a vault: what it needs, in whole steps."""
        needed_fen = self.exchanged_fen(operator) + GUARANTEE_FEN
        return -(-needed_fen // ISSUE_STEP_FEN) * ISSUE_STEP_FEN

    def destroyed_fen(self, operator: int) -> int:
        """Return what is destroyed at an operator: all that comes back to its vault."""
        return sum(each.redeem_fen for each in self.people if each.operator == operator)


def draw_plan(
    *,
    people: int,
    payments: int,
    operators: Sequence[int],
    limits: Mapping[int, ClassLimits],
    seed: int,
) -> Plan:
    """Draw a plan.

    Args:
        people: How many, `PEOPLE_MIN` at least.
        payments: How many payments between them settle.
        operators: Codes; `COMPANY_OPERATOR` is among them.
        limits: Of personal wallets by class.
        seed: The same seed gives the same plan.
    """
    rng = Random(seed)  # noqa: S311 - the amounts of a play
    crowd = list(_people(rng, people, operators, limits))
    drawn = [_payment(rng, crowd, limits) for _ in range(payments)]
    refused = list(_refused(rng, crowd, limits))
    for each in crowd[::10]:
        spare = each.balance_fen - each.kept_fen
        each.redeem_fen = rng.randrange(spare // 4, spare // 2) if spare > 4 * YUAN else 0
    market = _market(crowd, operators, limits)
    for index, amount_fen in market.moves():
        crowd[index].offline_fen = amount_fen
    return Plan(
        people=crowd,
        payments=drawn,
        refused=refused,
        company_exchange_fen=sum(each.salary_fen for each in crowd) + _COMPANY_SPARE_FEN,
        market=market,
    )


def _people(
    rng: Random, count: int, operators: Sequence[int], limits: Mapping[int, ClassLimits]
) -> Iterator[Person]:
    too_much_fen = _cap(limits[4].balance_cap_fen) + 1
    for index, wallet_class in enumerate(islice(cycle(_CLASSES), count)):
        person = Person(
            index=index,
            operator=operators[(index + index // len(_CLASSES)) % len(operators)],
            wallet_class=wallet_class,
            exchange_fen=rng.randrange(*_EXCHANGE_FEN[wallet_class]),
        )
        if wallet_class != 4 and index % 2:
            person.salary_fen = rng.randrange(*_SALARY_FEN)
        if wallet_class == 1:
            person.kept_fen = too_much_fen
        yield person


def _payment(rng: Random, crowd: Sequence[Person], limits: Mapping[int, ClassLimits]) -> Planned:
    """Draw a payment that settles whatever comes before it, and count it."""
    for _ in range(_TRIES_MAX):
        payer, payee = rng.sample(crowd, 2)
        amount_fen = rng.randrange(*_PAYMENT_FEN)
        had_fen = payer.exchange_fen + payer.salary_fen - payer.kept_fen - payer.out_fen
        terms = limits[payer.wallet_class]
        spends_fen = min(had_fen, _cap(terms.day_fen) - payer.out_fen, _cap(terms.single_fen))
        holds_fen = payee.exchange_fen + payee.salary_fen + payee.in_fen
        room_fen = _cap(limits[payee.wallet_class].balance_cap_fen) - holds_fen
        if amount_fen <= spends_fen and amount_fen <= room_fen:
            payer.out_fen += amount_fen
            payee.in_fen += amount_fen
            return Planned(payer.index, payee.index, amount_fen)
    raise ValueError("too many payments for so few people: their limits are used up")


def _refused(
    rng: Random, crowd: Sequence[Person], limits: Mapping[int, ClassLimits]
) -> Iterator[Planned]:
    """Draw payments that no party may let through, each for another reason."""
    phone_only = [each for each in crowd if each.wallet_class == 4]
    seen_in_person = [each for each in crowd if each.wallet_class == 1]
    single_fen = _cap(limits[4].single_fen)
    cap_fen = _cap(limits[4].balance_cap_fen)
    for _ in range(max(1, len(crowd) // _REFUSALS_SHARE)):
        payer, payee = rng.sample(phone_only, 2)
        rich = rng.choice(seen_in_person)
        yield Planned(payer.index, payee.index, single_fen + 1, Code.LIMIT_SINGLE)
        yield Planned(rich.index, payee.index, _OUT_OF_REACH_FEN, Code.INSUFFICIENT_FUNDS)
        yield Planned(rich.index, payee.index, cap_fen + 1, Code.PAYEE_CANNOT_RECEIVE)
        yield Planned(payer.index, payee.index, YUAN, Code.SIGNER_FOREIGN, signer=payee.index)


def _market(
    crowd: Sequence[Person], operators: Sequence[int], limits: Mapping[int, ClassLimits]
) -> Market:
    """Let those come to the market who have money to take along, and room for what they earn."""

    def may_come(person: Person) -> bool:
        terms = limits[person.wallet_class]
        return (
            person.final_fen >= LOADED_FEN + _SPARE_FEN
            and person.final_fen + ROOM_FEN <= _cap(terms.balance_cap_fen)
            and person.out_fen + LOADED_FEN + _SPARE_FEN <= _cap(terms.day_fen)
        )

    coming = [each.index for each in _calm(crowd)[IN_EMERGENCIES:] if may_come(each)]
    return choose_people(coming, operators, lambda index: crowd[index].operator)


def _calm(crowd: Sequence[Person]) -> list[Person]:
    with_money = [each for each in crowd if each.final_fen >= _SPARE_FEN]
    return sorted(with_money, key=lambda each: (each.out_fen, each.index))


def _cap(cap_fen: int | None) -> int:
    return FEN_MAX if cap_fen is None else cap_fen
