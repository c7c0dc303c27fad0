"""rules.md §B.4: nothing that a person could write finds a place in the registry."""

import pytest

from jiaozi.protocol import cbor, cose, numbers
from jiaozi.protocol.domains import Domain, external_aad
from jiaozi.protocol.order_types import ORDER_TYPES, FieldKind, OrderType, Place
from jiaozi.protocol.orders import Leg, leg_hash, parse
from jiaozi.protocol.refusals import Code
from tests.registry.builders import new_wallet
from tests.registry.effects import refused
from tests.registry.network import key
from tests.registry.world import RegistryWorld

TEXT = "Li Lei, +86 138 0013 8000"
COLUMNS = """
SELECT DISTINCT data_type FROM information_schema.columns
WHERE table_schema = 'public' AND table_name <> 'schema_migration'
"""
HEAD = {1: "id", 2: "type", 3: "not_before", 4: "expires", 5: "reference", 6: "link", 9: "payload"}
GOOD: dict[FieldKind, int | bytes] = {
    FieldKind.UINT: 1,
    FieldKind.SUITE: -8,
    FieldKind.BYTES16: bytes(16),
    FieldKind.BYTES32: bytes(32),
    FieldKind.KEY: key("anyone").public_key,
    FieldKind.CERTIFICATE: bytes(40),
    FieldKind.OPERATOR: 1001,
    FieldKind.WALLET_NUMBER: new_wallet(1001, 1).number,
    FieldKind.HOLDER: 1,
    FieldKind.FREEZE_SCOPE: 1,
    FieldKind.HALT_SCOPE: 1,
    FieldKind.FLAG: 1,
    FieldKind.DEVICE_CERTIFICATE: bytes(40),
    FieldKind.OFFLINE_PAYMENT: bytes(40),
}
SIGNED = {FieldKind.CERTIFICATE, FieldKind.DEVICE_CERTIFICATE, FieldKind.OFFLINE_PAYMENT}


async def test_database_has_no_column_for_text(world: RegistryWorld) -> None:
    async with world.database.connection() as connection:
        types = {row["data_type"] for row in await connection.fetch(COLUMNS)}
    assert types == {"bigint", "integer", "smallint", "boolean", "bytea"}


@pytest.mark.parametrize("order_type", ORDER_TYPES, ids=lambda each: each.name)
@pytest.mark.parametrize("text", [TEXT, TEXT.encode()], ids=["text", "bytes"])
async def test_no_field_of_an_order_takes_text(
    world: RegistryWorld, order_type: OrderType, text: str | bytes
) -> None:
    rule, head = ORDER_TYPES[order_type], world.orders.head(order_type)
    body = {each.key: GOOD[each.kind] for each in rule.body}
    plain: dict[int, object] = {1: head.id, 2: int(order_type), 4: head.expires_ms}
    if body:
        plain[8] = body
    legs = []
    if body and rule.legs:
        ends = [
            numbers.OFFLINE if place is Place.OFFLINE else new_wallet(1001, serial).number
            for serial, place in enumerate(rule.legs, 1)
        ]
        legs = [Leg(ends[0], ends[1], 1, bytes(16))]
        plain[7] = [leg_hash(each.encoded()) for each in legs]
    payloads = [(name, plain | {number: text}) for number, name in HEAD.items()]
    payloads.append(("legs", plain | {7: text}))
    for each in rule.body:
        name = "cose.tag" if each.kind in SIGNED else f"body.{each.name}"
        name = name if text != TEXT else f"body.{each.name}"
        payloads.append((name, plain | {8: body | {each.key: text}}))
    aad = external_aad(Domain.ORDER, world.network.id)
    for name, fields in payloads:
        data = cbor.encode(dict(sorted(fields.items())))
        signed = cose.sign1(data, world.keys.officers[0], aad)
        order = cbor.encode([signed, [each.encoded() for each in legs]])
        await refused(world, order, Code.MALFORMED, name)


async def test_no_leg_takes_text(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=100)
    order = parse(world.orders.payment(payer, payee, 1))
    leg = order.legs[0].encoded()
    for legs in ([TEXT], [leg, TEXT], TEXT):
        await refused(world, cbor.encode([order.cose, legs]), Code.MALFORMED, "legs")
