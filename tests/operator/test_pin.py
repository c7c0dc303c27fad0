"""rules.md §E.6: a second factor is for one order, after its PIN; PINs cannot be guessed."""

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from jiaozi.operator.second_factor import stretching
from jiaozi.operator.second_factor.model import (
    FIRST_LOCK_MS,
    LOCK_MS_MAX,
    TRIES,
    Pin,
    begin_try,
    check_fit,
)
from jiaozi.operator.second_factor.stretching import PinStretching
from jiaozi.protocol import cose
from jiaozi.protocol.domains import Domain, external_aad
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.legs import Leg
from jiaozi.protocol.numbers import AccountNumber
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import OrderHead, parse, payload, submission
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.service.keys import KdfCost
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.copies import operator_database
from tests.operator.builders import OPERATOR, OperatorWorld, operator_world
from tests.operator.holders import LIFETIME_MS, Holder, send_order

CHEAP = KdfCost(memory_kib=8, passes=1, lanes=1)
PIN, OTHER_PIN, WRONG = "602817", "719305", "835264"
ABOVE_FEN = 500

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(postgres: EmbeddedPostgres) -> AsyncIterator[OperatorWorld]:
    """One world for all of this file; each test has wallets of its own."""
    name = f"pin_{secrets.token_hex(8)}"
    async with operator_world(await operator_database(postgres, name)) as world:
        yield world
    await postgres.drop_database(name)


@pytest_asyncio.fixture(loop_scope="module")
async def holder(world: OperatorWorld) -> Holder:
    """A wallet with money, a PIN, and a second factor above `ABOVE_FEN`."""
    holder = await world.open_wallet(deposit_fen=10_000)
    await holder.exchange(10_000)
    world.ledger.accounts[holder.number].body["second_factor_above_fen"] = ABOVE_FEN
    assert (await set_pin(holder, PIN)).status_code == 200
    return holder


async def set_pin(
    holder: Holder, pin: str, old: str | None = None, change_id: bytes | None = None
) -> httpx.Response:
    body: dict[str, Any] = {"change_id": (change_id or secrets.token_bytes(16)).hex(), "pin": pin}
    return await holder.ask(
        "POST", f"{holder.path}/pin", body | ({} if old is None else {"old_pin": old})
    )


def payment(
    holder: Holder, payee: int, amount_fen: int, *more: Leg, **head: int
) -> tuple[bytes, list[Leg]]:
    """Payload and legs of a payment that nobody has signed yet."""
    leg = Leg(holder.number, AccountNumber(payee), amount_fen, secrets.token_bytes(16))
    fields: dict[str, Any] = {
        "id": holder.new_id(),
        "type": OrderType.PAYMENT,
        "expires_ms": holder.clock() + LIFETIME_MS,
    }
    legs = [leg, *more]
    return payload(OrderHead(**(fields | head)), legs), legs


def body_of(signed: bytes, legs: list[Leg], pin: str) -> dict[str, Any]:
    return {
        "payload": base64.b64encode(signed).decode(),
        "legs": [base64.b64encode(each.encoded()).decode() for each in legs],
        "pin": pin,
    }


async def countersign(
    holder: Holder, signed: bytes, legs: list[Leg], pin: str = PIN
) -> httpx.Response:
    return await holder.ask("POST", f"{holder.path}/countersignatures", body_of(signed, legs, pin))


def joined(holder: Holder, signed: bytes, legs: list[Leg], answer: httpx.Response) -> bytes:
    """The order with both signatures."""
    assert answer.status_code == 200, answer.text
    half = cose.decode(base64.b64decode(answer.json()["countersignature"]), size_max=4096)
    aad = external_aad(Domain.ORDER, holder.network)
    own = cose.signature_by(signed, holder.signer, aad)
    return submission(cose.join(signed, [own, *half.signatures]), legs)


def refused(answer: httpx.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["code"]


async def count(world: OperatorWorld, holder: Holder) -> int:
    sql = "SELECT count(*) FROM countersignature WHERE wallet = $1"
    return int(str(await world.database_value(sql, holder.number)))


async def tries(world: OperatorWorld, holder: Holder) -> int:
    sql = "SELECT tries FROM wallet_pin WHERE wallet = $1"
    return int(str(await world.database_value(sql, holder.number)))


async def test_an_order_above_the_amount_settles_with_the_operators_signature_only(
    world: OperatorWorld, holder: Holder
) -> None:
    payee = await world.open_wallet()
    alone = await holder.pay(payee.number, ABOVE_FEN + 1)
    assert alone[1] == [int(Code.SECOND_FACTOR_REQUIRED), ABOVE_FEN]
    order = payment(holder, payee.number, ABOVE_FEN + 1)
    both = joined(holder, *order, await countersign(holder, *order))
    assert (await send_order(world.http, both))[:2] == [1, [0]]
    assert world.balance_fen(payee) == ABOVE_FEN + 1


async def test_what_is_signed_is_that_very_payload_by_the_certify_key(
    world: OperatorWorld, holder: Holder
) -> None:
    signed, legs = payment(holder, (await world.open_wallet()).number, 700)
    answer = (await countersign(holder, signed, legs)).json()
    half = cose.decode(base64.b64decode(answer["countersignature"]), size_max=4096)
    [signature] = half.signatures
    assert half.payload == signed
    assert signature.key == world.registry.keys.certify(OPERATOR).public_key
    assert cose.verify(half, external_aad(Domain.ORDER, world.network))
    identity = await world.database_value(
        "SELECT identity FROM countersignature WHERE wallet = $1", holder.number
    )
    assert identity == half.identity


async def test_a_redemption_that_both_signed_is_credited_once(
    world: OperatorWorld, holder: Holder
) -> None:
    order = parse(holder.redeem_order(4_000))
    signed, legs = order.message.payload, list(order.legs)
    both = joined(holder, signed, legs, await countersign(holder, signed, legs))
    for _ in range(2):
        assert (await holder.redeem(both))["state"] == "settled"
    assert await world.deposit_fen(holder) == (4_000, 0)


async def test_the_operators_signature_alone_spends_nothing(
    world: OperatorWorld, holder: Holder
) -> None:
    signed, legs = payment(holder, (await world.open_wallet()).number, 700)
    answer = (await countersign(holder, signed, legs)).json()
    alone = submission(base64.b64decode(answer["countersignature"]), legs)
    assert (await send_order(world.http, alone))[:2] == [0, int(Code.SIGNER_FOREIGN)]


async def test_each_order_takes_the_pin_again(world: OperatorWorld, holder: Holder) -> None:
    payee = await world.open_wallet()
    for expected in (1, 2):
        assert (await countersign(holder, *payment(holder, payee.number, 700))).status_code == 200
        assert await count(world, holder) == expected
    signed, legs = payment(holder, payee.number, 700)
    without = body_of(signed, legs, PIN)
    del without["pin"]
    answer = await holder.ask("POST", f"{holder.path}/countersignatures", without)
    assert refused(answer) == (400, Code.MALFORMED)
    wrong = await countersign(holder, signed, legs, WRONG)
    assert refused(wrong) == (403, Code.PIN_WRONG)
    assert await count(world, holder) == 2


async def test_only_orders_of_this_wallet_alone_are_countersigned(
    world: OperatorWorld, holder: Holder
) -> None:
    other = await world.open_wallet()
    assert refused(await countersign(holder, *payment(other, holder.number, 1))) == (
        403,
        Code.NOT_ALLOWED,
    )
    strangers_leg = Leg(other.number, holder.number, 1, bytes(16))
    third = await world.open_wallet()
    mixed = payment(holder, third.number, 1, strangers_leg)
    assert refused(await countersign(holder, *mixed)) == (403, Code.NOT_ALLOWED)
    raise_other = _bodily(other, OrderType.RAISE_LIMITS, number=other.number, day_limit_fen=9)
    assert refused(await countersign(holder, *raise_other)) == (403, Code.NOT_ALLOWED)
    assert await count(world, holder) == 0
    assert await tries(world, holder) == 0


def _bodily(holder: Holder, order_type: OrderType, **body: int | bytes) -> tuple[bytes, list[Leg]]:
    head = OrderHead(
        id=holder.new_id(),
        type=order_type,
        expires_ms=holder.clock() + LIFETIME_MS,  # type: ignore[arg-type]
    )
    return payload(head, (), **body), []


async def test_what_raises_or_opens_is_countersigned_and_nothing_of_the_operators_own(
    world: OperatorWorld, holder: Holder
) -> None:
    number, case = holder.number, bytes(16)
    platform = {
        "mandate": bytes(16), "suite": -8, "key": Ed25519Signer(b"m" * 32).public_key,
        "payee": number, "single_limit_fen": 1, "day_limit_fen": 2, "expires_at_ms": 2**40,
    }  # fmt: skip
    for order in (
        _bodily(holder, OrderType.RAISE_LIMITS, number=number, second_factor_above_fen=9_000),
        _bodily(holder, OrderType.HOLDER_UNFREEZE, number=number, case=case),
        _bodily(holder, OrderType.MANDATE, number=number, **platform),
    ):
        assert (await countersign(holder, *order)).status_code == 200
    for order in (
        _bodily(holder, OrderType.SET_CLASS, number=number, wallet_class=1),
        _bodily(holder, OrderType.OPERATOR_UNFREEZE, number=number, case=case),
        _bodily(holder, OrderType.REBIND_REQUEST, number=number, suite=-8, key=platform["key"]),
        _bodily(holder, OrderType.LOWER_LIMITS, number=number, day_limit_fen=1),
    ):
        assert refused(await countersign(holder, *order)) == (422, Code.NOT_COUNTERSIGNED)


async def test_malformed_orders_are_refused_before_a_try_counts(
    world: OperatorWorld, holder: Holder
) -> None:
    payee = (await world.open_wallet()).number
    signed, legs = payment(holder, payee, 700)
    other_leg = Leg(holder.number, payee, 701, bytes(16))
    expired = payment(holder, payee, 1, expires_ms=holder.clock() - 1)
    for answer, code in (
        (await countersign(holder, signed, [other_leg]), Code.LEG_HASH_DIFFERS),
        (await countersign(holder, b"\xff", legs), Code.NOT_CANONICAL),
        (await countersign(holder, signed, []), Code.MALFORMED),
        (await countersign(holder, *expired), Code.EXPIRED),
    ):
        assert answer.json()["code"] == code
    body = body_of(signed, legs, PIN) | {"payload": "*"}
    answer = await holder.ask("POST", f"{holder.path}/countersignatures", body)
    assert (answer.json()["code"], answer.json()["fields"]) == (
        Code.MALFORMED,
        {"field": "body.payload"},
    )
    assert await tries(world, holder) == 0


async def test_five_wrong_tries_lock_and_a_right_pin_waits_too(
    world: OperatorWorld, holder: Holder
) -> None:
    order = payment(holder, (await world.open_wallet()).number, 700)
    for left in reversed(range(TRIES)):
        wrong = await countersign(holder, *order, WRONG)
        assert (refused(wrong), wrong.json()["fields"]) == (
            (403, Code.PIN_WRONG),
            {"tries_left": left},
        )
    assert refused(await countersign(holder, *order)) == (403, Code.PIN_LOCKED)
    assert refused(await set_pin(holder, OTHER_PIN, PIN)) == (403, Code.PIN_LOCKED)
    assert await tries(world, holder) == TRIES
    assert await count(world, holder) == 0


async def test_a_right_pin_takes_the_wrong_tries_back(world: OperatorWorld, holder: Holder) -> None:
    order = payment(holder, (await world.open_wallet()).number, 700)
    for _ in range(TRIES - 1):
        await countersign(holder, *order, WRONG)
    assert (await countersign(holder, *order)).status_code == 200
    assert await tries(world, holder) == 0


async def test_guesses_without_the_wallets_signature_do_not_count(
    world: OperatorWorld, holder: Holder
) -> None:
    signed, legs = payment(holder, (await world.open_wallet()).number, 700)
    body, url = body_of(signed, legs, WRONG), f"{holder.path}/countersignatures"
    stranger = await world.open_wallet()
    for _ in range(TRIES + 1):
        assert (await world.http.post(url, json=body)).status_code == 401
        forged = await holder.ask("POST", url, body, signer=Ed25519Signer(b"f" * 32))
        assert forged.status_code == 401
        assert (await stranger.ask("POST", url, body)).status_code == 403
    assert await tries(world, holder) == 0
    assert (await countersign(holder, signed, legs)).status_code == 200


async def test_a_crowd_of_guesses_has_no_more_tries_than_one(
    world: OperatorWorld, holder: Holder
) -> None:
    order = payment(holder, (await world.open_wallet()).number, 700)
    answers = await asyncio.gather(*(countersign(holder, *order, WRONG) for _ in range(12)))
    codes = [each.json()["code"] for each in answers]
    assert codes.count(Code.PIN_WRONG) == TRIES
    assert codes.count(Code.PIN_LOCKED) == 12 - TRIES


async def test_a_wallet_without_a_pin_has_nothing_countersigned(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    order = payment(holder, (await world.open_wallet()).number, 700)
    assert refused(await countersign(holder, *order)) == (409, Code.PIN_MISSING)
    assert refused(await set_pin(holder, PIN, OTHER_PIN)) == (409, Code.PIN_MISSING)


async def test_a_change_takes_the_present_pin(world: OperatorWorld, holder: Holder) -> None:
    assert refused(await set_pin(holder, OTHER_PIN)) == (409, Code.PIN_EXISTS)
    assert refused(await set_pin(holder, OTHER_PIN, WRONG)) == (403, Code.PIN_WRONG)
    assert (await set_pin(holder, OTHER_PIN, PIN)).status_code == 200
    order = payment(holder, (await world.open_wallet()).number, 700)
    assert refused(await countersign(holder, *order, PIN)) == (403, Code.PIN_WRONG)
    assert (await countersign(holder, *order, OTHER_PIN)).status_code == 200


async def test_a_change_that_is_repeated_changes_once(world: OperatorWorld, holder: Holder) -> None:
    change_id = secrets.token_bytes(16)
    for _ in range(2):
        assert (await set_pin(holder, OTHER_PIN, PIN, change_id)).status_code == 200
    assert await tries(world, holder) == 0


@pytest.mark.parametrize(
    "pin",
    ["12345", "1234567890123", "60281x", "６０２８１７", "", "000000", "123456", "654321", "890123",
     "975319", "121212", "123123", "112233", "444555"],
)  # fmt: skip
async def test_pins_that_are_guessed_first_are_refused(
    world: OperatorWorld, holder: Holder, pin: str
) -> None:
    assert refused(await set_pin(holder, pin, PIN)) == (422, Code.PIN_UNFIT)
    assert await tries(world, holder) == 0


async def test_a_part_of_the_wallets_number_is_no_pin() -> None:
    with pytest.raises(Refusal) as refusal:
        check_fit(1001602817000017, "602817")
    assert refusal.value.code is Code.PIN_UNFIT
    check_fit(1001602817000017, "602871")


async def test_a_lock_grows_with_each_wrong_try_up_to_a_week() -> None:
    pin = Pin(salt=bytes(16), digest=bytes(32), cost=CHEAP, change_id=bytes(16))
    now_ms, locks = 1_000, []
    for _ in range(TRIES + 10):
        pin = begin_try(pin, now_ms)
        locks.append(max(0, pin.locked_until_ms - now_ms))
        if locks[-1]:
            with pytest.raises(Refusal):
                begin_try(pin, pin.locked_until_ms - 1)
        now_ms = max(now_ms, pin.locked_until_ms)
    assert locks[: TRIES - 1] == [0] * (TRIES - 1)
    assert locks[TRIES - 1 : TRIES + 2] == [FIRST_LOCK_MS, 2 * FIRST_LOCK_MS, 4 * FIRST_LOCK_MS]
    assert locks[-1] == LOCK_MS_MAX


async def test_a_digest_depends_on_pepper_wallet_and_salt() -> None:
    made = {
        await PinStretching(pepper, CHEAP).digest(wallet, PIN, salt, CHEAP)
        for pepper, wallet, salt in (
            (b"p" * 32, 1, b"s" * 16),
            (b"q" * 32, 1, b"s" * 16),
            (b"p" * 32, 2, b"s" * 16),
            (b"p" * 32, 1, b"t" * 16),
        )
    }
    assert len(made) == 4


async def test_a_full_queue_is_busy_before_a_try_counts(
    world: OperatorWorld, holder: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stretching, "PLACES_MAX", 0)
    order = payment(holder, (await world.open_wallet()).number, 700)
    assert refused(await countersign(holder, *order, WRONG)) == (429, Code.BUSY)
    assert refused(await set_pin(holder, OTHER_PIN, WRONG)) == (429, Code.BUSY)
    assert await tries(world, holder) == 0


async def test_no_pin_stands_in_the_database_or_in_an_answer(
    world: OperatorWorld, holder: Holder
) -> None:
    order = payment(holder, (await world.open_wallet()).number, 700)
    answers = [
        await set_pin(holder, OTHER_PIN, PIN),
        await countersign(holder, *order, OTHER_PIN),
        await countersign(holder, *order, WRONG),
        await set_pin(holder, "123456", OTHER_PIN),
    ]
    body = body_of(*order, OTHER_PIN) | {"extra": 1}
    answers.append(await holder.ask("POST", f"{holder.path}/countersignatures", body))
    dump = await world.dump()
    for pin in (PIN, OTHER_PIN, WRONG):
        assert all(pin not in each.text for each in answers)
        assert pin not in dump


async def reset(
    world: OperatorWorld, holder: Holder, pin: str = OTHER_PIN, *, phone: str | None = None,
    **changes: object,
) -> httpx.Response:  # fmt: skip
    """Ask for another PIN under a phone's code."""
    begun = await world.register(phone or holder.phone)
    body = {
        "change_id": secrets.token_bytes(16).hex(),
        "pin": pin,
        "registration_id": begun["registration_id"],
        "code": begun["demo_code"],
        **changes,
    }
    return await holder.ask("POST", f"{holder.path}/pin-resets", body)


async def code_with(holder: Holder, pin: str) -> int:
    """What an order above the amount is refused with when this PIN is given; 0 if it is signed."""
    answer = await countersign(holder, *payment(holder, holder.number + 10, ABOVE_FEN + 1), pin)
    return 0 if answer.status_code == 200 else int(answer.json()["code"])


async def test_a_forgotten_pin_is_reset_after_a_day_and_not_before(
    world: OperatorWorld, holder: Holder
) -> None:
    change_id = secrets.token_bytes(16).hex()
    asked_ms = world.clock()
    asked = await reset(world, holder, change_id=change_id)
    assert asked.status_code == 202, asked.text
    assert asked_ms + DAY_MS <= asked.json()["due_ms"] <= world.clock() + DAY_MS
    assert (await reset(world, holder, change_id=change_id)).json() == asked.json()
    for _ in range(TRIES):
        await code_with(holder, WRONG)
    assert await code_with(holder, OTHER_PIN) == Code.PIN_LOCKED
    world.clock.advance(DAY_MS)
    assert await code_with(holder, PIN) == Code.PIN_WRONG
    assert await code_with(holder, OTHER_PIN) == 0


async def test_who_knows_the_present_pin_drops_a_reset(
    world: OperatorWorld, holder: Holder
) -> None:
    assert (await reset(world, holder)).status_code == 202
    assert await code_with(holder, PIN) == 0
    world.clock.advance(DAY_MS)
    assert await code_with(holder, OTHER_PIN) == Code.PIN_WRONG
    assert await code_with(holder, PIN) == 0


async def test_a_reset_dies_with_the_key_that_asked_for_it(
    world: OperatorWorld, holder: Holder
) -> None:
    assert (await reset(world, holder)).status_code == 202
    other = Ed25519Signer(secrets.token_bytes(32))
    async with world.operator.database.transaction() as connection:
        await connection.execute(
            "INSERT INTO rebind_key (wallet, suite, public_key) VALUES ($1, $2, $3)",
            holder.number, int(other.suite), other.public_key,
        )  # fmt: skip
        await connection.execute(
            "UPDATE wallet SET public_key = $2 WHERE number = $1", holder.number, other.public_key
        )
    world.clock.advance(DAY_MS)
    holder.signer = other
    assert await code_with(holder, OTHER_PIN) == Code.PIN_WRONG


async def test_a_reset_takes_the_wallets_phone_its_code_and_a_pin_to_be_reset(
    world: OperatorWorld, holder: Holder
) -> None:
    other = await world.open_wallet()
    for answer, code in (
        (await reset(world, holder, phone=other.phone), Code.REBIND_NOT_PROVEN),
        (await reset(world, holder, code="000000"), Code.CODE_WRONG),
        (await reset(world, holder, "123456"), Code.PIN_UNFIT),
        (await reset(world, other), Code.PIN_MISSING),
    ):
        assert answer.json()["code"] == code
    assert (
        await world.database_value(
            "SELECT count(*) FROM pin_reset WHERE wallet = $1", holder.number
        )
        == 0
    )
