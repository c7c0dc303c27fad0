"""A certify key in a thief's hands: who it makes devices for, who loses by it, and for how long.

In the story the key is operator 1001's. The thief's purses are no purses: they hold what they say.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest
import pytest_asyncio

from jiaozi.operator.keys import OperatorKeys
from jiaozi.operator.offline.cases import Report, ReportCases
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.operator.registry.model import Undecided
from jiaozi.operator.rotate_keys import RotatingKey
from jiaozi.operator.wallets.model import OrderState
from jiaozi.protocol import cbor
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.offline import loading, news, synchronisation
from jiaozi.protocol.offline.certificate import Chain, Profile
from jiaozi.protocol.offline.enrolment import Enrolment, sign_enrolment
from jiaozi.protocol.offline.purse import new_purse
from jiaozi.protocol.refusals import SETTLED as AS_ORDERED
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.suites import Ed25519Signer, Signer
from jiaozi.service.rates import Allowance
from jiaozi.storage.database import Database
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.operator.builders import operator_keys, until
from tests.operator.holders import Holder
from tests.operator.offline import Card, Desks, open_desks, pay
from tests.operator.test_offline import SETTLED, WAITS, states
from tests.operator.test_rotate_keys import Kept
from tests.protocol.builders import refusal_of
from tests.registry.network import Keys, certified

pytestmark = pytest.mark.asyncio(loop_scope="module")
ONE, TWO = 1001, 1002
STOLEN = "certify"


@dataclass
class Theft:
    """Two operators, whose first one's certify key somebody else has too."""

    desks: Desks
    of_operator: Kept
    holder: Holder = field(init=False)
    honest: Card = field(init=False)
    """A card of the operator's, with money."""

    async def begin(self) -> None:
        self.holder = await self.desks.customer()
        self.honest = await self.desks.enrol(self.holder)
        await self.desks.load(self.holder, self.honest, 100_00)

    def rogue(self) -> Card:
        """A device that the thief made."""
        return self.desks.rogue(self.honest, self.of_operator.signers[STOLEN])

    async def change_key(self) -> None:
        """The operator certifies with a new key, and officers revoke the stolen one."""
        orders, here = self.desks.orders, self.desks.here
        await self.certify(self.of_operator.create(f"{STOLEN}-2"))
        await here.operator.rotate_keys.step()
        await self.settle(orders.revoke(self.of_operator.signers[STOLEN].public_key))

    async def certify(self, key: Signer) -> None:
        """Officers take up a key that the root certified for the operator."""
        since_ms = self.desks.orders.now_ms() - DAY_MS
        what = replace(certified(Use.OPERATOR_CERTIFY, key, ONE), not_before_ms=since_ms)
        await self.settle(self.desks.orders.certify(what))

    async def settle(self, order: bytes) -> None:
        officer = RegistryClient(
            self.desks.at.registry.url, network=self.desks.network,
            signer=self.desks.orders.keys.officers[0], now_ms=self.desks.at.registry.clock,
        )  # fmt: skip
        async with officer:
            [answer] = await officer.submit([order])
        assert answer[:2] == [1, [0]], answer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def theft(postgres: EmbeddedPostgres) -> AsyncIterator[Theft]:
    """The operators, before anything is noticed."""
    kept = Kept()

    def keys_of(keys: Keys, code: int) -> OperatorKeys:
        given = operator_keys(keys, code)
        if code != ONE:
            return given
        kept.signers[STOLEN] = given.certify
        rotating = RotatingKey(kept, Use.OPERATOR_CERTIFY, STOLEN)
        return replace(given, certify=rotating, rotating=(rotating,))

    async with open_desks(postgres, "theft", keys_of) as desks:
        theft = Theft(desks, kept)
        await theft.begin()
        yield theft


async def report(desks: Desks, operator: int) -> Report:
    world = desks.world(operator).operator
    return await ReportCases(authority=world.desk.authority, database=world.database)()


async def guarantee_fen(desks: Desks) -> int:
    return int((await desks.supply())["in_guarantee_fen"])


async def test_g2_a_payee_of_a_device_that_nobody_enrolled_is_paid_at_its_own_desk(
    theft: Theft,
) -> None:
    desks, rogue = theft.desks, theft.rogue()
    payee = await desks.enrol(await desks.customer(TWO))
    before_fen = await guarantee_fen(desks)
    pay(rogue, payee, 30_00)
    assert states(await desks.hand_in(payee.log, TWO)) == [SETTLED]
    assert await desks.shadow_fen(payee.key, TWO) == 30_00
    known = await desks.device(rogue.key)
    assert (known["convicted"], known["covered_fen"], known["wallet"]) == (True, 30_00, None)
    assert await guarantee_fen(desks) == before_fen - 30_00
    await desks.synchronise(payee)
    payment = rogue.pay(payee.ask(1))
    assert refusal_of(lambda: payee.collect(payment)).code is Code.DEVICE_REVOKED
    assert await desks.figure("offline_devices_taken_up", TWO) == 1
    for operator in (ONE, TWO):  # its own operator learns of it too

        async def is_told(operator: int = operator) -> bool:
            told = (await report(desks, operator)).strangers
            return rogue.key in {each.key for each in told if each.outcome == AS_ORDERED}

        await until(is_told)
    assert await desks.figure("offline_devices_taken_up", ONE) == 1
    assert payee.key not in {each.key for each in (await report(desks, TWO)).strangers}


async def test_g2_what_was_paid_to_such_a_device_settles_once_its_certificate_comes(
    theft: Theft,
) -> None:
    """A payment names its payee by key alone: until the payee's log comes, it waits."""
    desks, honest, rogue = theft.desks, theft.honest, theft.rogue()
    pay(honest, rogue, 10_00)
    assert states(await desks.hand_in(honest.log)) == [WAITS]
    assert (await desks.ask_to_synchronise(honest)).status_code == httpx.codes.CONFLICT
    assert states(await desks.hand_in(rogue.log, TWO)) == [SETTLED]

    async def goes_on() -> bool:
        return (await desks.ask_to_synchronise(honest)).status_code == httpx.codes.OK

    await until(goes_on)
    await desks.synchronise(honest)
    assert honest.purse.balance_fen == 90_00
    assert await desks.shadow_fen(rogue.key) == 10_00


async def test_g2_an_honest_device_is_accused_by_no_certificate_that_comes(theft: Theft) -> None:
    desks, honest = theft.desks, theft.honest
    nobody = theft.rogue()
    payment = honest.clone().pay(nobody.ask(1_00))
    assert states(await desks.hand_in_payments(payment, operator=TWO)) == [WAITS]
    known = await desks.device(honest.key)
    assert (known["convicted"], known["revoked_ms"]) == (False, None)
    assert honest.key not in {each.key for each in (await report(desks, TWO)).strangers}


async def test_g2_a_desk_accuses_no_device_of_its_own_that_a_restored_registry_has_lost(
    theft: Theft, postgres: EmbeddedPostgres
) -> None:
    desks, own = theft.desks, await theft.desks.enrol(theft.holder)
    async with (
        await Database.open(postgres.dsn("theft_registry"), pool_size=1) as registry,
        registry.transaction() as connection,
    ):
        await connection.execute("DELETE FROM device WHERE key = $1", own.key)
    pay(theft.rogue(), own, 1_00)
    assert states(await desks.hand_in(own.log)) == [WAITS]
    with pytest.raises(Refusal) as refused:
        await desks.device(own.key)
    assert refused.value.code is Code.NOT_FOUND


async def test_g4_the_key_is_revoked_its_purses_are_refused_and_honest_ones_go_on(
    theft: Theft,
) -> None:
    desks, honest, rogues = theft.desks, theft.honest, [theft.rogue() for _ in range(3)]
    payee = await desks.enrol(await desks.customer(TWO))
    late = await desks.enrol(await desks.customer(TWO))
    pay(rogues[0], payee, 20_00)
    pay(rogues[1], late, 20_00)
    assert (await desks.send_load(theft.holder, honest.key, 2, 10_00))[:2] == [1, [0]]
    load = await desks.fetch_load(theft.holder, honest.key, 2)
    checkpoint = (await desks.ask_to_synchronise(honest)).content
    await theft.change_key()
    revoked_at_s = asyncio.get_running_loop().time()
    await desks.here.operator.registry.block_keys.learn()
    await desks.synchronise(payee)
    assert payee.purse.balance_fen == 20_00, "it surfaced in time"
    refused = refusal_of(lambda: payee.collect(rogues[2].pay(payee.ask(1))))
    assert refused.code is Code.DEVICE_REVOKED

    # What was on its way to a device is signed again, and says the same.
    for frame in payee.purse.revocations.frames_after(honest.purse.revocations.number):
        honest.purse = news.learn_revocations(honest.purse, frame)
    refused = refusal_of(lambda: loading.take_load(honest.purse, load))
    assert refused.code is Code.CERTIFICATE_REVOKED
    again = await desks.fetch_load(theft.holder, honest.key, 2)
    assert loading.take_load(honest.purse, again).balance_fen == honest.purse.balance_fen + 10_00
    assert await desks.fetch_load(theft.holder, honest.key, 2) == again
    assert (await desks.ask_to_synchronise(honest)).content != checkpoint
    await desks.synchronise(honest)
    assert refusal_of(lambda: honest.pay(payee.ask(1))).code is Code.DEVICE_REVOKED
    before = honest.purse.chain
    await renew(theft)
    assert honest.purse.chain != before
    pay(honest, payee, 5_00)
    renewed = honest.purse.chain
    await renew(theft)
    assert honest.purse.chain == renewed, "the same until it is about to end"

    await asyncio.sleep(max(0.0, revoked_at_s + 1.1 - asyncio.get_running_loop().time()))
    before_fen = await guarantee_fen(desks)
    [became] = await desks.hand_in(late.log, TWO)
    assert (became[3], became[4][0]) == (WAITS, Code.SURFACED_TOO_LATE)
    [told] = [each for each in (await report(desks, TWO)).strangers if each.key == rogues[1].key]
    assert told.outcome is not None
    assert told.outcome[0] == Code.SURFACED_TOO_LATE
    more = rogues[0].pay(late.ask(1_00))
    assert (await desks.hand_in_payments(more, operator=TWO))[0][4][0] == Code.SURFACED_TOO_LATE
    assert await guarantee_fen(desks) == before_fen
    assert (await desks.hand_in(late.log, TWO))[0][4][0] == Code.SURFACED_TOO_LATE
    await desks.synchronise(late)
    assert late.purse.balance_fen == 0, "it goes on without what nobody pays"


async def test_b5_a_key_that_changes_meanwhile_signs_under_its_own_certificate(
    theft: Theft,
) -> None:
    """Changed, not revoked: whatever is waited for, key and certificate go together."""
    desks, card = theft.desks, theft.honest
    desk = desks.here.operator.desk
    certify: Any = desk.authority.certify
    before, after = theft.of_operator.signer(f"{STOLEN}-2"), theft.of_operator.create("next")
    await theft.certify(after)

    def now_ms() -> int:
        certify.choose(after)
        return desks.at.registry.clock()

    certify.choose(before)
    authority = replace(desk.authority, now_ms=now_ms, _headers=[])
    synchronise = replace(desk.synchronise, authority=authority)
    done = await synchronise(card.log, Allowance(None, ""))
    card.purse = synchronisation.synchronise(card.purse, done.checkpoint, done.time_message)

    certify.choose(before)
    signer = Ed25519Signer(secrets.token_bytes(32))
    asked = Enrolment(operator=ONE, profile=Profile.CARD, wallet=theft.holder.number)
    message = sign_enrolment(asked, signer, desks.network.id)
    chain = await replace(desk.enrol, now_ms=now_ms)(message, theft.holder.number)
    assert new_purse(chain, desks.anchor).device.certified_by == after.public_key


async def test_a_device_is_revoked_or_enrolled_though_the_key_was_revoked_that_had_signed_so(
    theft: Theft,
) -> None:
    desks, lost = theft.desks, await theft.desks.enrol(theft.holder)
    desk = desks.here.operator.desk
    certify: Any = desk.authority.certify
    before, after = (theft.of_operator.signer(each) for each in (f"{STOLEN}-2", "next"))
    signer = Ed25519Signer(secrets.token_bytes(32))
    asked = Enrolment(operator=ONE, profile=Profile.CARD, wallet=theft.holder.number)
    message = sign_enrolment(asked, signer, desks.network.id)

    async def unreachable(_: object) -> Undecided:
        return Undecided.OPEN

    certify.choose(before)
    orders = replace(desk.orders, settle=unreachable)
    assert (await replace(desk.revoke, orders=orders)(lost.key)).state is OrderState.SENT
    with pytest.raises(Refusal) as unanswered:
        await replace(desk.enrol, orders=orders)(message, theft.holder.number)
    assert unanswered.value.code is Code.UNKNOWN
    await theft.settle(desks.orders.revoke(before.public_key))
    certify.choose(after)
    assert (await desk.revoke(lost.key)).state is OrderState.SETTLED
    chain = await desk.enrol(message, theft.holder.number)
    assert new_purse(chain, desks.anchor).device.certified_by == after.public_key


async def renew(theft: Theft) -> None:
    """The honest card asks its desk for its certificates, and takes them."""
    card = theft.honest
    answer = await theft.desks.ask_to_enrol(theft.holder, card.signer)
    assert answer.status_code == httpx.codes.CREATED, answer.text
    parts: Any = cbor.decode(answer.content, size_max=len(answer.content))
    chain = Chain(operator=parts[0], device=parts[1])
    card.purse = synchronisation.renew(card.purse, chain)
