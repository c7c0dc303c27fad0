"""Bytes and values that no order may have: refused by its entry of the catalogue, no effect."""

import pytest

from jiaozi.central_bank.registry.intake import ORDERS_PER_REQUEST_MAX
from jiaozi.protocol import cbor, cose, numbers
from jiaozi.protocol.domains import Domain, external_aad
from jiaozi.protocol.legs import leg_hash
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import ORDER_BYTES_MAX, Leg, payload, submission
from jiaozi.protocol.refusals import SETTLED, Code, Refusal
from tests.registry.builders import Wallet, new_wallet
from tests.registry.effects import refused, state
from tests.registry.world import RegistryWorld


def signed(world: RegistryWorld, payer: Wallet, data: bytes, legs: list[bytes]) -> bytes:
    """A submission over any payload, with a signature that holds."""
    aad = external_aad(Domain.ORDER, world.network.id)
    return cbor.encode([cose.sign1(data, payer.signer, aad), legs])


async def pay(world: RegistryWorld, amount: int, **changed: int) -> bytes:
    """A payment of any amount between two fresh wallets."""
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    leg = Leg(**{"debit": payer.number, "credit": payee.number, **changed}, amount=amount, salt=bytes(16))  # type: ignore[arg-type]  # fmt: skip  # noqa: E501
    return world.orders.sign(world.orders.head(OrderType.PAYMENT), [payer.signer], [leg])


@pytest.mark.parametrize("amount", [0, -1, -(2**63), 2**63, 2**64 - 1])
async def test_amount_is_from_one_fen_to_2_63_less_one(world: RegistryWorld, amount: int) -> None:
    await refused(world, await pay(world, amount), Code.AMOUNT_OUT_OF_RANGE)


async def test_sum_of_amounts_stays_below_2_63(world: RegistryWorld) -> None:
    payer, one, two = await world.open_wallets(3, balance_fen=1000)
    legs = [world.orders.leg(payer.number, each.number, 2**62) for each in (one, two)]
    order = world.orders.sign(world.orders.head(OrderType.PAYMENT), [payer.signer], legs)
    await refused(world, order, Code.AMOUNT_OUT_OF_RANGE)


async def test_largest_amount_is_only_more_than_there_is(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=1000, wallet_class=1)
    order = world.orders.payment(payer, payee, 2**63 - 1)
    await refused(world, order, Code.INSUFFICIENT_FUNDS, 1000)


async def test_payment_to_self_is_refused(world: RegistryWorld) -> None:
    wallet = await world.open_wallet(balance_fen=1000)
    await refused(world, world.orders.payment(wallet, wallet, 1), Code.TO_SELF, 0)


@pytest.mark.parametrize(
    "number", [0, -1, 10**16, 2**64 - 1, numbers.vault_of(1001), numbers.ISSUANCE]
)
async def test_payment_to_what_is_no_wallet_is_refused(world: RegistryWorld, number: int) -> None:
    await refused(world, await pay(world, 1, credit=number), Code.LEGS_NOT_ALLOWED, 0)
    await refused(world, await pay(world, 1, debit=number), Code.LEGS_NOT_ALLOWED, 0)


async def test_wrong_check_digit_is_an_unknown_payee(world: RegistryWorld) -> None:
    wallet = new_wallet(1001, 10**9)
    wrong = wallet.number - wallet.number % 10 + (wallet.number + 1) % 10
    await refused(world, await pay(world, 1, credit=wrong), Code.PAYEE_CANNOT_RECEIVE)


@pytest.mark.parametrize(
    ("key", "value", "field"),
    [
        (1, bytes(16), "id"),
        (1, None, "id"),
        (2, 99, "type"),
        (2, True, "type"),
        (3, 0, "not_before"),
        (4, -1, "expires"),
        (4, 2**48, "expires"),
        (5, bytes(31), "reference"),
        (5, "thirty-two characters of a text!", "reference"),
        (6, bytes(33), "link"),
        (7, [], "legs"),
        (8, {1: 1}, "body"),
        (9, 1, "payload"),
    ],
)
async def test_field_of_the_wrong_kind_is_named(
    world: RegistryWorld, key: int, value: object, field: str
) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    leg = world.orders.leg(payer.number, payee.number, 1).encoded()
    head = world.orders.head(OrderType.PAYMENT)
    fields = {1: head.id, 2: 3, 4: head.expires_ms, 7: [leg_hash(leg)]}
    fields |= {key: value}
    data = cbor.encode({key: value for key, value in sorted(fields.items()) if value is not None})
    await refused(world, signed(world, payer, data, [leg]), Code.MALFORMED, field)


async def test_payload_that_is_not_canonical_is_refused(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    legs = [world.orders.leg(payer.number, payee.number, 1)]
    data = payload(world.orders.head(OrderType.PAYMENT), legs)
    encoded = [each.encoded() for each in legs]
    assert data.startswith(b"\xa4\x01")
    twice = b"\xa5" + data[1:] + b"\x07\x80"
    for other in (data + b"\x00", data[:-1], b"\xbf" + data[1:] + b"\xff", twice, b""):
        order = signed(world, payer, other, encoded)
        await refused(world, order, Code.NOT_CANONICAL, "payload")
    await world.settle(submission(cose.sign1(data, payer.signer, _aad(world)), legs))


def _aad(world: RegistryWorld) -> bytes:
    return external_aad(Domain.ORDER, world.network.id)


async def test_order_that_is_too_long_is_refused(world: RegistryWorld) -> None:
    payer = await world.open_wallet(balance_fen=1000)
    order = signed(world, payer, bytes(ORDER_BYTES_MAX), [])
    await refused(world, order, Code.TOO_LARGE, "cose", ORDER_BYTES_MAX)


@pytest.mark.parametrize("item", [[], [b""], [b"", []], [[], b""], {1: 2}, 7, b"", None, "text"])
async def test_item_that_is_no_submission_is_refused_alone(
    world: RegistryWorld, item: object
) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    bad, good = await world.submit(cbor.encode(item), world.orders.payment(payer, payee, 1))
    assert bad.refusal is not None
    assert bad.refusal.code is Code.MALFORMED
    assert good.outcome == SETTLED


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", Code.MALFORMED),
        (b"\xff", Code.NOT_CANONICAL),
        (b"\x82\x40", Code.NOT_CANONICAL),
        (b"\x9f\xff", Code.NOT_CANONICAL),
        (b"\x18\x05", Code.NOT_CANONICAL),
        (b"\xc0\x00", Code.NOT_CANONICAL),
        (b"\x81" * 5000, Code.NOT_CANONICAL),
        (b"\x5b" + b"\xff" * 8, Code.NOT_CANONICAL),
        (cbor.encode(bytes(10_000)), Code.NOT_CANONICAL),
        (b"\x00" * (ORDERS_PER_REQUEST_MAX + 1), Code.TOO_LARGE),
    ],
)
async def test_request_that_cannot_be_read_is_refused_as_a_whole(
    world: RegistryWorld, body: bytes, code: Code
) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    before = await state(world)
    good = world.orders.payment(payer, payee, 1) if body else b""
    with pytest.raises(Refusal) as raised:
        await world.submit(good, body)
    assert raised.value.code is code
    assert await state(world) == before


async def test_truncated_request_takes_nothing(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    order = world.orders.payment(payer, payee, 1)
    before = await state(world)
    for length in range(1, len(order), 7):
        with pytest.raises(Refusal) as raised:
            await world.submit(world.orders.payment(payer, payee, 1), order[:length])
        assert raised.value.code is Code.NOT_CANONICAL
    assert await state(world) == before


async def test_two_thousand_orders_are_one_request(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=ORDERS_PER_REQUEST_MAX)
    order = world.orders.payment(payer, payee, 1)
    answers = await world.submit(*[order] * ORDERS_PER_REQUEST_MAX)
    assert {each.outcome for each in answers} == {SETTLED}
    assert await world.balance_fen(payer) == ORDERS_PER_REQUEST_MAX - 1
