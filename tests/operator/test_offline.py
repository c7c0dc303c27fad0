"""The desk for offline devices, in front of the real registry."""

import asyncio
import itertools
import random
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
import pytest_asyncio

from jiaozi.operator.offline.cases import Report, ReportCases
from jiaozi.operator.offline.guarantee import MoveGuarantee
from jiaozi.operator.offline.model import Suspicion
from jiaozi.operator.wallets.model import OrderState
from jiaozi.protocol import cbor, cose, numbers
from jiaozi.protocol.domains import Domain, external_aad
from jiaozi.protocol.offline import news
from jiaozi.protocol.offline.certificate import Profile
from jiaozi.protocol.offline.enrolment import Enrolment, sign_enrolment
from jiaozi.protocol.offline.log import collected_entry, next_head
from jiaozi.protocol.offline.operator_messages import read_load
from jiaozi.protocol.offline.proofs import ProofKind, verify_proof
from jiaozi.protocol.offline.purse import Purse
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import parse
from jiaozi.protocol.refusals import Code
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.operator.builders import until
from tests.operator.holders import Holder
from tests.operator.offline import (
    GUARANTEE_FEN,
    Card,
    Desks,
    balance_fen,
    open_desks,
    pay,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")
ONE, TWO = 1001, 1002
FORMS = ("csv", "camt053", "pdf")
OPEN, SETTLED, WAITS, ELSEWHERE, RETURNED = range(5)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desks(postgres: EmbeddedPostgres) -> AsyncIterator[Desks]:
    """Two operators with guarantees at a registry, for all tests."""
    async with open_desks(postgres) as desks:
        yield desks


def states(became: list[Any]) -> list[int]:
    return [each[3] for each in became]


def code_of(answer: Any) -> int:  # noqa: ANN401
    return int(answer.json()["code"])


async def loaded(desks: Desks, amount_fen: int, operator: int = ONE) -> tuple[Holder, Card]:
    """A wallet, and a card of its with money."""
    holder = await desks.customer(operator)
    card = await desks.enrol(holder)
    await desks.load(holder, card, amount_fen)
    return holder, card


async def test_money_goes_onto_a_card_to_another_and_back_into_a_wallet(desks: Desks) -> None:
    before_fen = (await desks.supply())["offline_fen"]
    _, payer = await loaded(desks, 100_00)
    payee_wallet = await desks.customer(TWO)
    payee = await desks.enrol(payee_wallet)
    pay(payer, payee, 30_00)
    assert states(await desks.hand_in(payee.log, TWO)) == [SETTLED]
    assert await desks.shadow_fen(payer.key) == 70_00
    assert await desks.shadow_fen(payee.key, TWO) == 30_00
    await desks.synchronise(payee)
    await desks.synchronise(payer)
    assert (payer.purse.balances_fen[0], payee.purse.balances_fen[0]) == (70_00, 30_00)
    unload = payee.unload(payee_wallet.number, 25_00)
    assert states(await desks.hand_in_payments(unload, operator=TWO)) == [SETTLED]
    assert await balance_fen(payee_wallet) == 1_025_00
    await desks.synchronise(payee)
    assert payee.purse.balance_fen == 5_00
    assert (await desks.supply())["offline_fen"] == before_fen + 75_00


async def test_enrolling_again_gives_the_same_certificates(desks: Desks) -> None:
    holder, signer = await desks.customer(), Ed25519Signer(secrets.token_bytes(32))
    answers = [await desks.ask_to_enrol(holder, signer) for _ in range(3)]
    assert [each.status_code for each in answers] == [201, 201, 201]
    assert len({each.content for each in answers}) == 1
    at_once = await asyncio.gather(*(desks.ask_to_enrol(holder, signer) for _ in range(4)))
    assert {each.content for each in at_once} == {answers[0].content}


async def test_a_device_may_ask_for_less_than_the_rulebook_and_not_for_more(desks: Desks) -> None:
    holder = await desks.customer()
    card = await desks.enrol(holder, limits={"payment_fen": 10_00})
    assert card.purse.device.limits.payment_fen == 10_00
    signer = Ed25519Signer(secrets.token_bytes(32))
    refused = await desks.ask_to_enrol(holder, signer, limits={"payment_fen": 10_000_00})
    assert code_of(refused) == Code.DEVICE_LIMITS_TOO_HIGH


@pytest.mark.parametrize("changed", [{"wallet": None}, {"operator": TWO}])
async def test_a_device_is_enrolled_for_whom_it_names(
    desks: Desks, changed: dict[str, Any]
) -> None:
    holder = await desks.customer()
    signer = Ed25519Signer(secrets.token_bytes(32))
    refused = await desks.ask_to_enrol(holder, signer, **changed)
    assert code_of(refused) == Code.NOT_ALLOWED


async def test_a_device_belongs_to_one_wallet(desks: Desks) -> None:
    holder, other = await desks.customer(), await desks.customer()
    card = await desks.enrol(holder)
    assert code_of(await desks.ask_to_enrol(other, card.signer)) == Code.NOT_ALLOWED
    changed = await desks.ask_to_enrol(holder, card.signer, profile=Profile.SOFTWARE)
    assert code_of(changed) == Code.NOT_ALLOWED


async def test_a_load_is_signed_once_and_given_for_ever(desks: Desks) -> None:
    holder, card = await loaded(desks, 10_00)
    messages = [await desks.fetch_load(holder, card.key, 1) for _ in range(3)]
    assert len(set(messages)) == 1
    load, certifier = read_load(messages[0], desks.anchor)
    assert (load.amount_fen, load.number, certifier.operator) == (10_00, 1, ONE)
    stranger = await desks.customer()
    path = f"{stranger.path}/devices/{card.key.hex()}/loads/1"
    assert code_of(await stranger.ask("GET", path)) == Code.NOT_FOUND


async def test_an_anonymous_card_is_loaded_and_unloaded_and_shown_to_nobody(desks: Desks) -> None:
    holder, card = await desks.customer(), await desks.enrol_anonymous()
    await desks.load(holder, card, 50_00)
    assert (await holder.ask("GET", f"{holder.path}/devices")).json() == {"devices": []}
    shown = await holder.ask("GET", f"{holder.path}/devices/{card.key.hex()}")
    assert code_of(shown) == Code.NOT_FOUND
    stranger = await desks.customer()
    unload = card.unload(stranger.number, 20_00)
    assert states(await desks.hand_in_payments(unload)) == [SETTLED]
    assert await balance_fen(stranger) == 1_020_00
    far = card.unload((await desks.customer(TWO)).number, 5_00)
    assert states(await desks.hand_in_payments(far)) == [ELSEWHERE]
    assert states(await desks.hand_in_payments(far, operator=TWO)) == [SETTLED]
    await desks.synchronise(card)
    assert card.purse.balance_fen == 25_00


async def test_an_anonymous_card_takes_a_code_of_a_clerk_that_is_good_once(desks: Desks) -> None:
    card, other = [
        sign_enrolment(
            Enrolment(operator=ONE, profile=Profile.CARD),
            Ed25519Signer(secrets.token_bytes(32)),
            desks.network.id,
        )
        for _ in range(2)
    ]
    code, late = await desks.issue_codes(2)
    query = "UPDATE issue_code SET created_ms = 0, expires_ms = 1 WHERE hash = $1"
    async with desks.here.database.connection() as connection:
        await connection.execute(query, sha256(late).digest())
    for wrong in (None, bytes(10), late):
        refused = await desks.ask_to_enrol_anonymously(card, wrong)
        assert code_of(refused) == Code.CODE_WRONG
    answers = await asyncio.gather(*(desks.ask_to_enrol_anonymously(card, code) for _ in range(3)))
    answers += [await desks.ask_to_enrol_anonymously(card, each) for each in (code, None, late)]
    assert {each.status_code for each in answers} == {201}
    assert len({each.content for each in answers}) == 1, "the same request, the same certificates"
    assert code_of(await desks.ask_to_enrol_anonymously(other, code)) == Code.CODE_WRONG
    held = await desks.here.database_value("SELECT array_agg(hash) FROM issue_code")
    assert code not in held
    assert sha256(code).digest() in held


async def test_g1_logs_in_any_order_any_number_of_times_at_any_operator_come_to_the_same(
    desks: Desks,
) -> None:
    _, first = await loaded(desks, 100_00)
    _, second = await loaded(desks, 100_00, TWO)
    cards = [first, second, await desks.enrol(await desks.customer())]
    for payer, payee in itertools.permutations(cards, 2):
        if payer.purse.balance_fen >= 7_00:
            pay(payer, payee, 7_00)
    handed = [(each.log, operator) for each in cards for operator in (ONE, TWO)] * 2
    random.Random(4).shuffle(handed)
    for log, operator in handed:
        assert set(states(await desks.hand_in(log, operator))) == {SETTLED}
    for card in cards:
        operator = card.purse.device.operator
        assert await desks.shadow_fen(card.key, operator) == card.purse.balance_fen
        await desks.synchronise(card)


async def test_at_once_logs_settle_each_payment_once(desks: Desks) -> None:
    _, payer = await loaded(desks, 100_00)
    payee = await desks.enrol(await desks.customer(TWO))
    for _ in range(5):
        pay(payer, payee, 3_00)
    answers = await asyncio.gather(
        *(desks.hand_in(card.log, at) for card in (payer, payee) for at in (ONE, TWO, ONE))
    )
    assert all(set(states(each)) <= {OPEN, SETTLED} for each in answers)
    assert set(states(await desks.hand_in(payer.log))) == {SETTLED}
    assert await desks.shadow_fen(payer.key) == 85_00
    assert (await desks.device(payer.key))["payments"] == 5


async def test_a_lost_answer_is_given_again(desks: Desks) -> None:
    _, card = await loaded(desks, 10_00)
    answers = [(await desks.ask_to_synchronise(card)).content for _ in range(3)]
    said: list[Any] = [cbor.decode(each, size_max=1 << 16) for each in answers]
    assert said[0][:2] == said[1][:2] == said[2][:2]
    await desks.synchronise(card)
    await desks.synchronise(card)
    assert card.purse.checkpoint_number == 2


async def test_a_device_goes_on_at_a_desk_that_was_restored_without_its_checkpoints(
    desks: Desks,
) -> None:
    _, card = await loaded(desks, 10_00)
    for _ in range(2):
        await desks.synchronise(card)
    async with desks.here.database.transaction() as connection:
        await connection.execute("DELETE FROM offline_checkpoint WHERE device = $1", card.key)
    await desks.synchronise(card)
    assert card.purse.checkpoint_number == 3


async def test_g3_an_old_log_gets_no_checkpoint_and_stops_nobodys_device(desks: Desks) -> None:
    _, card = await loaded(desks, 50_00)
    payee = await desks.enrol(await desks.customer())
    before = card.clone()
    pay(card, payee, 20_00)
    assert states(await desks.hand_in(payee.log)) == [SETTLED]
    assert code_of(await desks.ask_to_synchronise(before)) == Code.DEVICE_SUSPENDED
    noted = {each.key: each.suspicion for each in (await report(desks)).suspected}
    assert noted[card.key] is Suspicion.ROLLED_BACK
    await desks.synchronise(card)


async def test_g3_a_double_spend_is_proven_its_payee_paid_and_nobody_else_accused(
    desks: Desks,
) -> None:
    guarantee_fen = (await desks.supply())["in_guarantee_fen"]
    _, cheat = await loaded(desks, 50_00)
    clone = cheat.clone()
    payees = [await desks.enrol(await desks.customer(TWO)) for _ in range(2)]
    pay(cheat, payees[0], 50_00)
    pay(clone, payees[1], 50_00)
    assert states(await desks.hand_in(payees[1].log, TWO)) == [SETTLED]
    assert states(await desks.hand_in(payees[0].log, TWO)) == [SETTLED]
    known = await desks.device(cheat.key)
    assert (known["convicted"], known["shadow_fen"], known["covered_fen"]) == (True, 0, 50_00)
    assert (await desks.supply())["in_guarantee_fen"] == guarantee_fen - 50_00
    for payee in payees:
        await desks.synchronise(payee)
        assert payee.purse.balance_fen == 50_00
    assert code_of(await desks.ask_to_synchronise(cheat)) == Code.DEVICE_ENDED

    async def is_reported() -> bool:
        return any(each.proof.device == cheat.key for each in (await report(desks)).cases)

    await until(is_reported)
    found = await report(desks)
    [case] = [each for each in found.cases if each.proof.device == cheat.key]
    assert verify_proof(case.encoded, desks.anchor).kind is ProofKind.DOUBLE_SPEND
    assert found.covered_fen[cheat.key] == 50_00
    assert not {each.key for each in payees} & set(found.covered_fen)
    revoked = (await desks.here.http.get("/v1/offline/revocations")).content
    said: Any = cbor.decode(revoked, size_max=1 << 16)
    purse = payees[0].purse
    for frame in said[1]:
        purse = news.learn_revocations(purse, frame)
    assert not purse.revocations.accept(cheat.purse.device)


async def test_an_unload_that_contradicts_a_payment_convicts_and_pays_nothing(
    desks: Desks,
) -> None:
    holder, cheat = await loaded(desks, 30_00)
    clone = cheat.clone()
    payee = await desks.enrol(await desks.customer())
    pay(cheat, payee, 30_00)
    assert states(await desks.hand_in(payee.log)) == [SETTLED]
    before_fen = await balance_fen(holder)
    unload = clone.unload(holder.number, 30_00)
    assert states(await desks.hand_in_payments(unload)) == [RETURNED]
    assert (await desks.device(cheat.key))["convicted"]
    assert await balance_fen(holder) == before_fen
    await desks.synchronise(payee)
    assert payee.purse.balance_fen == 30_00


async def test_g2_a_payment_that_the_guarantee_cannot_cover_waits_and_settles_later(
    desks: Desks,
) -> None:
    move = guarantee_of(desks, TWO)
    _, cheat = await loaded(desks, 300_00, TWO)
    held_fen = await move.balance_fen()
    shares_fen = 0
    while (await move.release(1_00 << shares_fen)).state is OrderState.SETTLED:
        shares_fen += 1  # until hardly more is left than the share of all devices
    lacking_fen = await move.balance_fen()
    clones = [cheat.clone() for _ in range(2 + lacking_fen // 300_00)]
    payees = [await desks.enrol(await desks.customer()) for _ in clones]
    for clone, payee in zip(clones, payees, strict=True):
        pay(clone, payee, 300_00)
    told = [states(await desks.hand_in(each.log))[0] for each in payees]
    assert set(told) == {SETTLED, WAITS}
    waits = payees[told.index(WAITS)]
    assert code_of(await desks.ask_to_synchronise(waits)) == Code.SYNCHRONISATION_WAITS
    assert (await move.fund(held_fen + 3_000_00)).state is OrderState.SETTLED
    async with desks.here.database.connection() as connection:
        await connection.execute(
            "UPDATE offline_payment SET next_try_ms = 0 WHERE state = 'waiting'"
        )

    async def is_settled() -> bool:
        return states(await desks.hand_in(waits.log)) == [SETTLED]

    await until(is_settled)
    await desks.synchronise(waits)
    assert waits.purse.balance_fen == 300_00


async def report(desks: Desks) -> Report:
    desk = desks.here.operator.desk
    return await ReportCases(authority=desk.authority, database=desks.here.operator.database)()


async def test_g3_a_log_that_convicts_its_device_is_kept_and_what_it_pays_is_settled(
    desks: Desks,
) -> None:
    _, card = await loaded(desks, 30_00)
    payee = await desks.enrol(await desks.customer())
    payment = pay(card, payee, 10_00)
    doubled = payee.clone()
    doubled.purse = twice_collected(doubled, payment)
    assert states(await desks.hand_in(doubled.log)) == [SETTLED, SETTLED]
    found = await report(desks)
    [case] = [each for each in found.cases if each.proof.device == payee.key]
    assert case.proof.kind is ProofKind.LOG
    assert payee.key in {each.key for each in found.suspected}
    assert code_of(await desks.ask_to_synchronise(doubled)) == Code.DEVICE_SUSPENDED


def twice_collected(card: Card, payment: bytes) -> Purse:
    """A purse whose log takes a payment a second time."""
    entry = collected_entry(payment)
    purse = card.purse
    return replace(
        purse,
        entries=(*purse.entries, entry),
        head=next_head(purse.head, entry),
        position=purse.position + 1,
    )


async def test_g6_a_lost_card_is_revoked_and_what_is_left_claimed_after_the_wait(
    desks: Desks,
) -> None:
    holder, card = await loaded(desks, 40_00)
    path = f"{holder.path}/devices/{card.key.hex()}"
    shown = (await holder.ask("GET", path)).json()
    assert (shown["state"], shown["shadow_fen"], shown["claim_from_ms"]) == (
        "enrolled", 40_00, None
    )  # fmt: skip
    revoked = [(await holder.ask("POST", f"{path}/revocation")).json() for _ in range(2)]
    assert revoked[0] == revoked[1]
    assert revoked[0]["state"] == "revoked"
    await asyncio.sleep(1.5)
    order = await claim(desks, holder, card.key, 40_00)
    answer = await desks.post_order(holder, order)
    assert answer[:2] == [1, [0]], answer
    assert await balance_fen(holder) == 1_000_00

    async def is_told() -> bool:
        entries = (await holder.ask("GET", f"{holder.path}/history")).json()["entries"]
        return entries[0]["type"] == "claim" and entries[0]["amount_fen"] == 40_00

    await until(is_told)
    path = f"{holder.path}/statements?from=2026-01-01"
    told = {form: await holder.ask("GET", f"{path}&format={form}") for form in FORMS}
    assert {each.status_code for each in told.values()} == {200}
    assert {"load", "claim"} <= set(re.findall(r"load|claim", told["csv"].text))


async def claim(desks: Desks, holder: Holder, device: bytes, amount_fen: int) -> bytes:
    """A claim that holder and operator have signed."""
    leg = desks.orders.leg(numbers.OFFLINE, holder.number, amount_fen)
    draft = parse(
        desks.orders.sign(
            desks.orders.head(OrderType.CLAIM), [holder.signer], [leg], number=holder.number,
            device=device,
        )
    )  # fmt: skip
    payload = draft.message.payload
    body = cbor.encode([payload, [leg.encoded()]])
    path = f"{holder.path}/devices/{device.hex()}/claims"
    answer = await holder.send_bytes("POST", path, body)
    assert answer.status_code == 200, answer.text
    operators = cose.decode(answer.content, size_max=4096).signatures
    aad = external_aad(Domain.ORDER, desks.network.id)
    own = cose.signature_by(payload, holder.signer, aad)
    return cbor.encode([cose.join(payload, [own, *operators]), [leg.encoded()]])


async def test_an_operator_signs_no_claim_but_on_a_device_of_the_wallet(desks: Desks) -> None:
    holder, card = await loaded(desks, 10_00)
    stranger = await desks.customer()
    leg = desks.orders.leg(numbers.OFFLINE, stranger.number, 10_00)
    for who, to in ((stranger, stranger), (holder, stranger)):
        draft = parse(
            desks.orders.sign(
                desks.orders.head(OrderType.CLAIM), [who.signer], [leg], number=to.number,
                device=card.key,
            )
        )  # fmt: skip
        body = cbor.encode([draft.message.payload, [leg.encoded()]])
        path = f"{who.path}/devices/{card.key.hex()}/claims"
        refused = await who.send_bytes("POST", path, body)
        assert code_of(refused) in (Code.NOT_FOUND, Code.NOT_ALLOWED)


async def test_a_guarantee_is_moved_once_by_a_command_that_is_given_again(desks: Desks) -> None:
    move, before_fen = guarantee_of(desks, ONE), (await desks.supply())["in_guarantee_fen"]
    assert (await move.fund(5_00)).state is OrderState.SETTLED
    assert (await desks.supply())["in_guarantee_fen"] == before_fen + 5_00
    assert (await move.release(5_00)).state is OrderState.SETTLED
    assert (await move.release(GUARANTEE_FEN * 5)).state is OrderState.REFUSED
    assert (await desks.supply())["in_guarantee_fen"] == before_fen


def guarantee_of(desks: Desks, operator: int) -> MoveGuarantee:
    """What moves an operator's guarantee, as a clerk has it."""
    world = desks.world(operator)
    return MoveGuarantee(
        operator=operator,
        network=desks.network.id,
        database=world.operator.database,
        orders=world.operator.desk.orders,
        registry=world.operator.registry,
        vault=world.settings.keys.vault,
        now_ms=desks.at.registry.clock,
    )


@pytest.mark.parametrize("path", ["logs", "payments", "synchronisations", "devices"])
@pytest.mark.parametrize(
    "body", [b"", b"\xff", b"\x00" * 100, cbor.encode([b"", b"", b""]), b"\x9f" * 50, b"\xa0"]
)
async def test_hostile_bodies_are_refused_by_their_shape(
    desks: Desks, path: str, body: bytes
) -> None:
    answer = await desks.here.http.post(f"/v1/offline/{path}", content=body)
    assert answer.status_code in (400, 413), answer.text
    assert answer.headers["content-type"] == "application/problem+json"
