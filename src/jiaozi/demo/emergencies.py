"""What may go wrong: a lost phone, somebody who claims one that is not lost, a halt.

The demo's rulebook has waits of seconds where the rules ask for days. Payments go there and back,
so that nobody's balance is another at the end.
"""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from jiaozi.demo.errors import DemoFailed
from jiaozi.demo.officers import Officers
from jiaozi.demo.people import People, evidence_of, refusal_of
from jiaozi.demo.plan import Person, Planned
from jiaozi.protocol.ids import new_order_id
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead, sign_order
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.errors import WalletError
from jiaozi.wallet.keystore import Keystore
from jiaozi.wallet.open import new_keystore, request_code
from jiaozi.wallet.rebind import ask_for_new_key, rebind_state, rebound

TRIED_FEN = 1_00
HALT_MS = 1_500
_POLL_S = 0.2
_TIMEOUT_S = 30.0
_LIFETIME_MS = 60_000


@dataclass(frozen=True, slots=True)
class _Claim:
    """A new key that somebody asked for."""

    person: Person
    keystore: Keystore
    rebind_id: str


class Emergencies:
    """Plays them with people who have little planned."""

    def __init__(self, people: People, officers: Officers) -> None:
        self._people = people
        self._officers = officers

    async def lose_a_phone(self, person: Person, friend: Person) -> None:
        """Have a lost key replaced, and pay with the new one, there and back.

        Raises:
            DemoFailed: The new key does not pay, or the old one still does.
        """
        old = self._people.customers[person.index].wallet
        claim = await self._claim(person)
        await self._pay(person, friend, Code.ACCOUNT_FROZEN)
        await self._until_state(claim, "completed")
        await self._pay(person, friend, Code.SIGNER_FOREIGN)
        keystore = rebound(claim.keystore, old.number)
        self._people.hold(person, self._people.wallet_with(person, keystore))
        await _until(lambda: self._is_known(person))
        await self._pay(person, friend)
        await self._pay(friend, person)

    async def object_to_a_claim(self, person: Person) -> None:
        """Claim a phone that is not lost; its holder objects, and nothing completes by itself.

        Raises:
            DemoFailed: The objection did not stop it.
        """
        wallet = self._people.customers[person.index].wallet
        claim = await self._claim(person)
        head = OrderHead(
            id=new_order_id(time.time_ns() // 1_000_000, secrets.token_bytes(10)),
            type=OrderType.REBIND_OBJECT,
            expires_ms=time.time_ns() // 1_000_000 + _LIFETIME_MS,
        )
        objection = sign_order(head, [wallet.signer], wallet.network, number=wallet.number)
        [reply] = await wallet.client.send_orders([objection])
        refusal = refusal_of(reply.answer)
        if refusal is not None:
            raise DemoFailed(detail=f"The old key could not object: {refusal}")
        await self._until_state(claim, "objected")

    async def halt_payments(self, payer: Person, payee: Person) -> None:
        """Halt payments for a moment: one is refused, and the same people pay when it is over.

        Raises:
            DemoFailed: A payment went through, or none did afterwards.
        """
        await self._officers.halt_payments(time.time_ns() // 1_000_000 + HALT_MS)
        await self._pay(payer, payee, Code.HALTED)
        await asyncio.sleep(HALT_MS / 1000)
        await self._pay(payer, payee)
        await self._pay(payee, payer)

    async def _claim(self, person: Person) -> _Claim:
        """Ask for a new key with all that the person can show."""
        customer = self._people.customers[person.index]
        branch = self._people.branch(person.operator, person.index)
        registration = await request_code(branch.client, person.phone)
        if registration.demo_code is None:
            raise DemoFailed(detail="The operator is not in demo mode")
        keystore = new_keystore(branch.url, branch.network, SYSTEM_EDGE)
        answer = await ask_for_new_key(
            branch.client,
            customer.wallet.number,
            keystore,
            registration,
            registration.demo_code,
            evidence_of(person, customer.deposit_id),
        )
        return _Claim(person, keystore, answer["rebind_id"])

    async def _until_state(self, claim: _Claim, state: str) -> None:
        branch = self._people.branch(claim.person.operator, claim.person.index)
        number = self._people.customers[claim.person.index].wallet.number

        async def is_there() -> bool:
            told = await rebind_state(branch.client, number, claim.keystore, claim.rebind_id)
            return bool(told["state"] == state)

        await _until(is_there)

    async def _is_known(self, person: Person) -> bool:
        """Say whether the operator has learnt the new key."""
        try:
            await self._people.customers[person.index].wallet.client.wallet()
        except (Refusal, WalletError):
            return False
        return True

    async def _pay(self, payer: Person, payee: Person, refusal: Code | None = None) -> None:
        await self._people.pay(Planned(payer.index, payee.index, TRIED_FEN, refusal))


async def _until(question: Callable[[], Awaitable[bool]]) -> None:
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            while True:
                if await question():
                    return
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise DemoFailed(detail="What had to come did not come in time") from None
