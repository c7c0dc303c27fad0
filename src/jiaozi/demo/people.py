"""A thousand holders at their operators, over the same HTTP API that any wallet uses.

Each has a key of their own, made here, and signs what they order. They keep no keystore: the demo
outlives no crash. The company (`company`) uses a wallet as people do.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import httpx

from jiaozi.demo.errors import DemoFailed
from jiaozi.demo.plan import Person, Planned
from jiaozi.protocol.genesis import Network
from jiaozi.protocol.numbers import parse_number
from jiaozi.protocol.order_types import Holder
from jiaozi.protocol.refusals import Refusal
from jiaozi.wallet.answers import NotTaken
from jiaozi.wallet.client import OperatorClient
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.exchange import exchange
from jiaozi.wallet.keystore import Keystore
from jiaozi.wallet.model import Standing, State
from jiaozi.wallet.open import Terms, learn_network, new_keystore, opening_body, request_code
from jiaozi.wallet.pay import Payee, sign_payment
from jiaozi.wallet.redeem import redeem
from jiaozi.wallet.store import Journal
from jiaozi.wallet.transport import Credentials, Patience, Transport
from jiaozi.wallet.wallet import Wallet, wallet_of

AT_ONCE = 32
"""How many act at the same time."""

_LANES = 8
"""HTTP clients for each operator: a client's pool costs more the more connections it has."""
_PATIENCE = Patience(total_s=90.0, attempt_s=30.0)
_DEPOSIT_CLASS, _COUNTER_CLASS, _DOCUMENT_CLASS = 2, 1, 3
Item = TypeVar("Item")


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """An operator as its customers reach it, over one of several HTTP clients."""

    url: str
    http: httpx.AsyncClient
    client: OperatorClient
    network: Network

    async def open_deposit(self, phone: str, amount_fen: int) -> str:
        """Have a deposit account with money in it; operators in demo mode give one."""
        body = {"phone": phone, "amount_fen": amount_fen}
        answer = await self.http.post(f"{self.url}/v1/demo/deposits", json=body)
        if answer.status_code != httpx.codes.CREATED:
            raise DemoFailed(detail=f"No deposit account was opened: {answer.text}")
        return str(answer.json()["deposit_id"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A person with a deposit account and an open wallet."""

    person: Person
    deposit_id: str
    wallet: Wallet


class People:
    """All holders; made by `people_at_operators`."""

    def __init__(self, branches: dict[int, list[Branch]], journal: Journal) -> None:
        self.customers: dict[int, Customer] = {}
        self._branches = branches
        self._journal = journal

    def branch(self, operator: int, lane: int = 0) -> Branch:
        """Return an operator, as it is reached over one of the lanes."""
        lanes = self._branches[operator]
        return lanes[lane % len(lanes)]

    def hold(self, person: Person, wallet: Wallet) -> None:
        """Let a person go on with another key to their wallet."""
        self.customers[person.index] = replace(self.customers[person.index], wallet=wallet)

    def wallet_with(self, person: Person, keystore: Keystore) -> Wallet:
        """Return a person's wallet under a keystore's key."""
        branch = self.branch(person.operator, person.index)
        return wallet_of(keystore, self._journal, branch.http, patience=_PATIENCE)

    async def open_wallet(self, person: Person) -> None:
        """Open a deposit account and a wallet.

        Raises:
            Refusal: The operator says no.
        """
        branch = self.branch(person.operator, person.index)
        deposit_id = await branch.open_deposit(person.phone, person.exchange_fen)
        registration = await request_code(branch.client, person.phone)
        if registration.demo_code is None:
            raise DemoFailed(detail="The operator is not in demo mode")
        keystore = new_keystore(branch.url, branch.network, SYSTEM_EDGE)
        terms = Terms(
            wallet_class=person.wallet_class,
            holder=Holder.PERSONAL,
            evidence=evidence_of(person, deposit_id),
        )
        answer = await branch.client.open_wallet(
            opening_body(keystore, registration, registration.demo_code, terms),
            Credentials(
                key_id=keystore.public.public_key.hex(),
                signer=keystore.signer,
                network=branch.network.id,
            ),
        )
        number = parse_number(answer["number"])
        opened = replace(keystore, public=replace(keystore.public, number=number))
        wallet = self.wallet_with(person, opened)
        self.customers[person.index] = Customer(person=person, deposit_id=deposit_id, wallet=wallet)

    async def exchange(self, person: Person) -> None:
        """Exchange the whole deposit.

        Raises:
            DemoFailed: It did not settle.
        """
        customer = self.customers[person.index]
        done = await exchange(
            customer.wallet, deposit_id=customer.deposit_id, amount_fen=person.exchange_fen
        )
        _check_settled(done.standing, "exchange")

    async def pay(self, planned: Planned) -> None:
        """Send one signed order and see that it ends as planned.

        Raises:
            DemoFailed: It ended otherwise.
        """
        payer = self.customers[planned.payer].wallet
        payee = self.customers[planned.payee].wallet
        signing = payer
        if planned.signer is not None:
            signing = replace(payer, signer=self.customers[planned.signer].wallet.signer)
        order = sign_payment(signing, [Payee(payee.number, planned.amount_fen)])
        [reply] = await payer.client.send_orders([order.submission])
        refusal = refusal_of(reply.answer)
        code = None if refusal is None else refusal.code
        if code is not planned.refusal:
            wanted = (
                "settle" if planned.refusal is None else f"be refused as {planned.refusal.name}"
            )
            raise DemoFailed(detail=f"A payment had to {wanted}, but: {refusal or 'it settled'}")

    async def redeem(self, person: Person) -> None:
        """Redeem what the plan says.

        Raises:
            DemoFailed: It did not settle.
        """
        customer = self.customers[person.index]
        done = await redeem(
            customer.wallet, deposit_id=customer.deposit_id, amount_fen=person.redeem_fen
        )
        _check_settled(done.standing, "redemption")

    async def check_balances(self, person: Person) -> None:
        """See that wallet and deposit hold what the plan says.

        Raises:
            DemoFailed: One does not.
        """
        customer = self.customers[person.index]
        balance_fen = (await customer.wallet.client.wallet())["balance_fen"]
        if balance_fen != person.final_fen:
            raise DemoFailed(
                detail=f"A wallet holds {balance_fen} fen instead of {person.final_fen}"
            )
        [deposit] = (await customer.wallet.client.deposits())["deposits"]
        if (deposit["available_fen"], deposit["held_fen"]) != (person.redeem_fen, 0):
            raise DemoFailed(detail=f"A deposit holds {deposit} instead of {person.redeem_fen} fen")


@asynccontextmanager
async def people_at_operators(
    operator_urls: dict[int, str], journal_path: Path
) -> AsyncIterator[People]:
    """Connect to all operators; the journal is shared by all wallets."""
    async with AsyncExitStack() as stack:
        journal = stack.enter_context(Journal(journal_path))
        branches = {code: await _lanes(url, stack) for code, url in operator_urls.items()}
        yield People(branches, journal)


async def _lanes(url: str, stack: AsyncExitStack) -> list[Branch]:
    network: Network | None = None
    lanes = []
    for _ in range(_LANES):
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=60.0, trust_env=False))
        client = OperatorClient(Transport(http, url, edge=SYSTEM_EDGE, patience=_PATIENCE))
        network = network or await learn_network(client, expected=None)
        lanes.append(Branch(url=url, http=http, client=client, network=network))
    return lanes


async def all_at_once(
    act: Callable[[Item], Coroutine[Any, Any, None]],
    items: Iterable[Item],
    advance: Callable[[], None],
) -> None:
    """Do something with every item, `AT_ONCE` at a time; the first failure ends it all."""
    slots = asyncio.Semaphore(AT_ONCE)

    async def run(item: Item) -> None:
        async with slots:
            await act(item)
        advance()

    running = [asyncio.create_task(run(each)) for each in items]
    try:
        await asyncio.gather(*running)
    finally:
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def evidence_of(person: Person, deposit_id: str) -> dict[str, Any]:
    """Return what a person shows of themselves."""
    evidence: dict[str, Any] = {}
    if person.wallet_class <= _DOCUMENT_CLASS:
        evidence["identity_document"] = {
            "type": "resident-identity-card",
            "number": f"DEMO{person.index:014d}",
            "name": f"Person {person.index}",
        }
    if person.wallet_class <= _DEPOSIT_CLASS:
        evidence["deposit_id"] = deposit_id
    if person.wallet_class <= _COUNTER_CLASS:
        evidence["counter_attestation"] = {"branch": "Chengdu", "clerk": "C-1024"}
    return evidence


def refusal_of(answer: object) -> Refusal | None:
    """Return why an order did not settle.

    Raises:
        DemoFailed: Nothing definite came back.
    """
    match answer:
        case Standing(state=State.SETTLED):
            return None
        case Standing(refusal=Refusal() as refusal) | NotTaken(refusal=refusal):
            return refusal
        case _:
            raise DemoFailed(detail="An order had no definite answer in time")


def _check_settled(standing: Standing, what: str) -> None:
    if standing.state is not State.SETTLED:
        reason = standing.refusal or "no definite answer in time"
        raise DemoFailed(detail=f"A {what} did not settle: {reason}")
