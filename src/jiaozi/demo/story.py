"""The order of events, from the first key to the audit.

::

    start      PostgreSQL, central bank, two operators; keys and genesis if they are new
    issue      reserves are funded, money is issued into both vaults, under two officers
    first      two people open wallets and one pays the other
    wallets    the others open deposits and wallets of all four classes, and a company does
    exchange   deposits become digital yuan
    payroll    the company pays from an ISO 20022 file, twice, which pays nobody twice
    payments   people pay each other
    refusals   some try what no party may let through
    redeem     some turn digital yuan into deposits again
    emergency  a lost phone gets a new key, a false claim is objected to, payments are halted
    market     a day without network: purses pay each other, one is copied and found out
    destroy    what came back to the vaults is destroyed, under two officers
    day        every operator's day so far, as its daily statement states it
    audit      both ledgers are rebuilt from the blocks, by the auditor's key

At the end the figures are compared with what the plan adds up to.
"""

import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import httpx

from jiaozi.demo.books import Books, differences, expected_books
from jiaozi.demo.company import PHONE, Company, Payroll
from jiaozi.demo.emergencies import Emergencies
from jiaozi.demo.errors import DemoFailed
from jiaozi.demo.findings import Audit, Day, audit_from_genesis, state_days
from jiaozi.demo.market_day import Found, market_day
from jiaozi.demo.officers import officers_at_desk
from jiaozi.demo.people import People, all_at_once, people_at_operators
from jiaozi.demo.plan import COMPANY_OPERATOR, IN_EMERGENCIES, Person, Plan
from jiaozi.local.network import LocalNetwork
from jiaozi.service.files import make_directory

FUNDED_TIMES = 2
"""Reserves are funded with so many times what is issued."""
BALANCES_COMPARED = 40

Stage: TypeAlias = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""Shows a step: told its name and how many parts it has, gives what is called after each."""


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened: how often, how much was moved, in how long."""

    name: str
    count: int
    amount_fen: int | None
    elapsed_s: float


@dataclass(slots=True)
class Account:
    """What happened so far."""

    steps: list[Step] = field(default_factory=list)
    wallets: int = 0
    payments: int = 0
    refused: int = 0
    rebinds: int = 0
    objections: int = 0
    halts: int = 0
    payroll: Payroll = field(default_factory=lambda: Payroll(settled=0, settled_fen=0, refused=0))
    first_payment_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The whole story.

    Attributes:
        days: Every operator's day so far.
        problems: Figures that are not as expected; none when all is well.
    """

    account: Account
    books: Books
    days: tuple[Day, ...]
    audit: Audit
    market: Found
    problems: tuple[str, ...]

    @property
    def is_well(self) -> bool:
        """Whether books and audit are as they must be."""
        return not self.problems and self.audit.verdict == "ok"


class Story:
    """The demo on running parties; `play` tells it once."""

    def __init__(self, network: LocalNetwork, plan: Plan, stage: Stage, started_s: float) -> None:
        """Take the parties, what is to happen, and the clock time from which is counted."""
        self._network = network
        self._plan = plan
        self._stage = stage
        self._started_s = started_s
        self._account = Account()
        self._company = Company(
            directory=network.directory.path / "demo",
            passphrase_file=network.directory.passphrase,
            operator_url=network.operator_urls[COMPANY_OPERATOR],
        )
        make_directory(self._company.directory)

    async def play(self) -> Told:
        """Play everything in order.

        Raises:
            DemoFailed: Something did not happen as it must.
            Refusal: A party refused what it must not.
        """
        plan = self._plan
        journal = self._company.directory / "people.sqlite"
        async with people_at_operators(self._network.operator_urls, journal) as people:
            await self._issue()
            await self._pay_first(people)
            await self._open_wallets(people)
            await self._pay_salaries(people)
            first = plan.first_payment
            others = [each for each in plan.payments if each is not first]
            with self._step("payments", len(others), _sum(others)) as advance:
                await all_at_once(people.pay, others, advance)
            self._account.payments = len(plan.payments)
            with self._step("refused on purpose", len(plan.refused), None) as advance:
                await all_at_once(people.pay, plan.refused, advance)
            self._account.refused = len(plan.refused)
            redeemed_fen = sum(each.redeem_fen for each in plan.redeemers)
            await self._for_all("redemptions", plan.redeemers, people.redeem, redeemed_fen)
            await self._go_through_emergencies(people)
            found = await self._go_to_market(people)
            await self._destroy()
            await self._compare_balances(people)
        return await self._tell(found)

    async def _issue(self) -> None:
        codes = tuple(self._network.operators)
        issued_fen = sum(map(self._plan.issued_fen, codes))
        url = self._network.central_bank_url
        async with officers_at_desk(self._network.directory, url) as officers:
            funded_fen = FUNDED_TIMES * issued_fen
            with self._step("reserves funded", len(codes), funded_fen) as advance:
                for code in codes:
                    await officers.fund_reserve(code, FUNDED_TIMES * self._plan.issued_fen(code))
                    advance()
            with self._step("issued by two officers", len(codes), issued_fen) as advance:
                for code in codes:
                    await officers.issue(code, self._plan.issued_fen(code))
                    advance()

    async def _pay_first(self, people: People) -> None:
        """Let two people open wallets and one pay the other, before the crowd comes."""
        first = self._plan.first_payment
        with self._step("first payment", 1, first.amount_fen) as advance:
            for index in (first.payer, first.payee):
                await people.open_wallet(self._plan.people[index])
                await people.exchange(self._plan.people[index])
            await people.pay(first)
            self._account.first_payment_s = time.monotonic() - self._started_s
            advance()

    async def _open_wallets(self, people: People) -> None:
        plan = self._plan
        early = {plan.first_payment.payer, plan.first_payment.payee}
        crowd = [each for each in plan.people if each.index not in early]
        await self._for_all("wallets opened", crowd, people.open_wallet, None)
        exchanged_fen = sum(each.exchange_fen for each in crowd)
        await self._for_all("deposits exchanged", crowd, people.exchange, exchanged_fen)
        self._account.wallets = len(plan.people)

    async def _pay_salaries(self, people: People) -> None:
        plan, company = self._plan, self._company
        branch = people.branch(COMPANY_OPERATOR)
        with self._step("company: wallet, exchange", 2, plan.company_exchange_fen) as advance:
            deposit_id = await branch.open_deposit(PHONE, plan.company_exchange_fen)
            payer = await company.open_wallet(deposit_id)
            self._account.wallets += 1
            advance()
            await company.exchange(deposit_id, plan.company_exchange_fen)
            advance()
        company.write_payroll(
            payer,
            [
                (people.customers[each.index].wallet.number, each.salary_fen)
                for each in plan.employees
            ],
        )
        with self._step("salaries by ISO 20022", len(plan.employees), plan.payroll_fen) as advance:
            self._account.payroll = payroll = await company.pay_file()
            for _ in range(payroll.settled):
                advance()
        if (payroll.settled, payroll.settled_fen) != (len(plan.employees), plan.payroll_fen):
            raise DemoFailed(detail=f"Not all salaries were paid: {payroll}")

    async def _go_through_emergencies(self, people: People) -> None:
        loser, claimed, friend = self._plan.calm[:IN_EMERGENCIES]
        url = self._network.central_bank_url
        async with officers_at_desk(self._network.directory, url) as officers:
            emergencies = Emergencies(people, officers)
            with self._step("lost phone: a new key", 1, None) as advance:
                await emergencies.lose_a_phone(loser, friend)
                advance()
            with self._step("false claim: objection", 1, None) as advance:
                await emergencies.object_to_a_claim(claimed)
                advance()
            with self._step("payments halted for a moment", 1, None) as advance:
                await emergencies.halt_payments(friend, loser)
                advance()
        self._account.rebinds, self._account.objections, self._account.halts = 1, 1, 1

    async def _go_to_market(self, people: People) -> Found:
        place = self._company.directory / "market"
        with market_day(self._network, people, self._plan.market, place) as day:
            return await day.play(self._step)

    async def _destroy(self) -> None:
        amounts = {code: self._plan.destroyed_fen(code) for code in self._network.operators}
        due = {code: amount for code, amount in amounts.items() if amount}
        url = self._network.central_bank_url
        with self._step("destroyed by two officers", len(due), sum(due.values())) as advance:
            async with officers_at_desk(self._network.directory, url) as officers:
                for code, amount_fen in due.items():
                    await officers.destroy(code, amount_fen)
                    advance()

    async def _compare_balances(self, people: People) -> None:
        crowd = self._plan.people
        sample = crowd[:: max(1, len(crowd) // BALANCES_COMPARED)]
        await self._for_all("balances compared", sample, people.check_balances, None)

    async def _tell(self, found: Found) -> Told:
        codes = tuple(self._network.operators)
        funded_fen = FUNDED_TIMES * sum(map(self._plan.issued_fen, codes))
        expected = expected_books(self._plan, codes, funded_fen)
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.get(f"{self._network.central_bank_url}/v1/supply")
        problems = differences(expected, answer.json())
        with self._step("the day so far, stated", len(codes), None) as advance:
            days = await state_days(self._network)
            advance()
        problems += [
            f"{each.difference_fen} fen of operator {each.operator}'s day are not explained"
            for each in days
            if each.difference_fen
        ]
        with self._step("audit from genesis", 1, None) as advance:
            state = self._company.directory / "audit"
            audit = await audit_from_genesis(self._network, state)
            advance()
        if (audit.issued_fen, audit.destroyed_fen) != (expected.issued_fen, expected.destroyed_fen):
            problems.append("the audit found other sums issued or destroyed")
        problems += found.differences(self._plan.market)
        return Told(
            account=self._account,
            books=expected,
            days=days,
            audit=audit,
            market=found,
            problems=tuple(problems),
        )

    async def _for_all(
        self,
        name: str,
        crowd: Iterable[Person],
        act: Callable[[Person], Coroutine[Any, Any, None]],
        amount_fen: int | None,
    ) -> None:
        acting = list(crowd)
        with self._step(name, len(acting), amount_fen) as advance:
            await all_at_once(act, acting, advance)

    @contextmanager
    def _step(self, name: str, count: int, amount_fen: int | None) -> Iterator[Callable[[], None]]:
        """Show a step while it lasts, and note it when it is done."""
        started = time.monotonic()
        with self._stage(name, count) as advance:
            yield advance
        elapsed_s = time.monotonic() - started
        self._account.steps.append(Step(name, count, amount_fen, elapsed_s))


def _sum(payments: Iterable[Any]) -> int:
    return sum(each.amount_fen for each in payments)
