"""rules.md §A: who must have signed; none of these refusals uses up an order id."""

import pytest

from jiaozi.protocol import cose, numbers
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.domains import Domain, NetworkId, external_aad
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import parse, payload, sign_order, submission
from jiaozi.protocol.refusals import Code
from jiaozi.protocol.suites import Ed25519Signer
from tests.registry.builders import new_wallet
from tests.registry.effects import is_used, refused
from tests.registry.network import START_MS, certified, key, person
from tests.registry.world import RegistryWorld

ONE, OTHER = 1001, 1002


async def test_wrong_signature_is_refused(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    order = world.orders.payment(payer, payee, 100)
    signature = parse(order).message.signatures[0].value
    for place in (0, 31, 32, 63):
        changed = bytearray(signature)
        changed[place] ^= 1
        wrong = order.replace(signature, bytes(changed))
        await refused(world, wrong, Code.SIGNATURE_INVALID)


async def test_order_of_another_network_is_refused(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    legs = [world.orders.leg(payer.number, payee.number, 100)]
    head = world.orders.head(OrderType.PAYMENT)
    order = sign_order(head, [payer.signer], NetworkId(b"another network".ljust(32)), legs=legs)
    await refused(world, order, Code.SIGNATURE_INVALID)


async def test_signature_made_for_another_kind_of_message_is_refused(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    legs = [world.orders.leg(payer.number, payee.number, 100)]
    signed = payload(world.orders.head(OrderType.PAYMENT), legs)
    aad = external_aad(Domain.CERTIFICATE, world.network.id)
    order = submission(cose.sign1(signed, payer.signer, aad), legs)
    await refused(world, order, Code.SIGNATURE_INVALID)


async def test_foreign_key_spends_nothing(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    for thief in (
        payee.signer,
        key("a key that nobody knows"),
        world.keys.certify(ONE),
        world.keys.vault(ONE),
        world.keys.transport(ONE),
        *world.keys.officers,
    ):
        legs = [world.orders.leg(payer.number, payee.number, 100)]
        order = world.orders.sign(world.orders.head(OrderType.PAYMENT), [thief], legs)
        await refused(world, order, Code.SIGNER_FOREIGN)
        legs = [world.orders.leg(payer.number, numbers.vault_of(ONE), 100)]
        order = world.orders.sign(world.orders.head(OrderType.REDEEM), [thief], legs)
        await refused(world, order, Code.SIGNER_FOREIGN)


async def test_foreign_key_uses_up_no_id_of_the_wallet(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    head = world.orders.head(OrderType.PAYMENT)
    legs = [world.orders.leg(payer.number, payee.number, 100)]
    await refused(world, world.orders.sign(head, [payee.signer], legs), Code.SIGNER_FOREIGN)
    await world.settle(world.orders.sign(head, [payer.signer], legs))


async def test_wallet_that_does_not_exist_spends_nothing(world: RegistryWorld) -> None:
    [payee] = await world.open_wallets(1)
    order = world.orders.payment(new_wallet(ONE, 10**8), payee, 100)
    await refused(world, order, Code.ACCOUNT_UNKNOWN)


async def test_orders_of_a_wallet_come_from_its_operator_only(world: RegistryWorld) -> None:
    payer, payee = await world.open_wallets(2, balance_fen=1000)
    officer = certified(Use.OFFICER, world.keys.officers[0], person=person(1))
    for order in (
        world.orders.payment(payer, payee, 100),
        world.orders.redeem(payer, 100),
        world.orders.exchange(payer, 100),
        world.orders.open_account(new_wallet(ONE, 10**8)),
    ):
        await refused(world, order, Code.OTHER_OPERATOR, operator=OTHER)
        await refused(world, order, Code.OTHER_OPERATOR, caller=officer)
        await world.settle(order, operator=ONE)


@pytest.mark.parametrize("signer", ["certify 1002", "vault 1001", "transport 1001", "officer 1"])
async def test_wallets_are_opened_by_the_certify_key_of_their_operator(
    world: RegistryWorld, signer: str
) -> None:
    wallet = new_wallet(ONE, 10**8 + world.orders.series)
    order = world.orders.sign(
        world.orders.head(OrderType.OPEN_ACCOUNT), [key(signer)], number=wallet.number, suite=-8,
        key=wallet.signer.public_key, wallet_class=1, holder=1, group=wallet.group,
    )  # fmt: skip
    code = Code.SIGNER_FOREIGN if signer == "certify 1002" else Code.CERTIFICATE_OTHER_USE
    await refused(world, order, code)


async def test_exchange_takes_the_vault_key_of_the_operator(world: RegistryWorld) -> None:
    [wallet] = await world.open_wallets(1)
    legs = [world.orders.leg(numbers.vault_of(ONE), wallet.number, 100)]
    for thief in (world.keys.vault(OTHER), world.keys.certify(ONE), wallet.signer):
        order = world.orders.sign(world.orders.head(OrderType.EXCHANGE), [thief], legs)
        await refused(world, order, Code.SIGNER_FOREIGN)


def _issue(world: RegistryWorld, *signers: Ed25519Signer) -> bytes:
    legs = [world.orders.leg(numbers.ISSUANCE, numbers.vault_of(ONE), 100)]
    return world.orders.sign(world.orders.head(OrderType.ISSUE), signers, legs)


async def test_issue_takes_vault_key_and_two_officers(world: RegistryWorld) -> None:
    keys = world.keys
    vault, (ann, bob, cyn) = keys.vault(ONE), keys.officers
    await world.fund_reserve(ONE, 100)
    for signers, found in (((vault, ann), 2), ((ann, bob), 2), ((vault,), 1), ((ann, bob, cyn), 2)):
        await refused(world, _issue(world, *signers), Code.SIGNER_MISSING, 3, found)
    for signers in (
        (keys.vault(OTHER), ann, bob),
        (keys.certify(ONE), ann, bob),
        (vault, ann, key("nobody")),
    ):
        await refused(world, _issue(world, *signers), Code.SIGNER_FOREIGN)
    await world.settle(_issue(world, vault, bob, cyn))


@pytest.mark.parametrize("officers", [("officer 1",), ("officer 1", "officer 2 again")])
async def test_one_officer_approves_nothing(own_world: RegistryWorld, officers: list[str]) -> None:
    world = own_world
    for label in officers[1:]:
        await world.settle(
            world.orders.certify(certified(Use.OFFICER, key(label), person=person(1)))
        )
    signers = [key(label) for label in officers]
    wanted = world.orders
    for order in (
        wanted.sign(wanted.head(OrderType.QUOTA), signers, operator=ONE, quota_fen=1),
        wanted.sign(wanted.head(OrderType.REVOKE), signers, key=key("officer 3").public_key),
        wanted.sign(
            wanted.head(OrderType.FUND_RESERVE),
            signers,
            [wanted.leg(numbers.SETTLEMENT, numbers.reserve_of(ONE), 100)],
        ),
        wanted.sign(
            wanted.head(OrderType.RULEBOOK), signers, rulebook_hash=bytes(32), starts_at_ms=2**47
        ),
    ):
        await refused(world, order, Code.SIGNER_MISSING, 2, 1)


async def test_operator_keys_approve_nothing(world: RegistryWorld) -> None:
    orders, keys = world.orders, world.keys
    for thief in (keys.vault(ONE), keys.certify(ONE), keys.transport(ONE), keys.auditor):
        order = orders.sign(
            orders.head(OrderType.QUOTA), [keys.officers[0], thief], operator=ONE, quota_fen=1
        )
        await refused(world, order, Code.CERTIFICATE_OTHER_USE)
    order = orders.sign(
        orders.head(OrderType.QUOTA), [keys.officers[0], keys.root], operator=ONE, quota_fen=1
    )
    await refused(world, order, Code.CERTIFICATE_UNKNOWN)


async def test_revoked_officer_approves_nothing(own_world: RegistryWorld) -> None:
    world = own_world
    before = world.orders.quota(ONE, 1)
    await world.settle(world.orders.revoke(world.keys.officers[2].public_key))
    signers = world.keys.officers[1:]
    order = world.orders.sign(
        world.orders.head(OrderType.QUOTA), signers, operator=ONE, quota_fen=1
    )
    await refused(world, order, Code.CERTIFICATE_REVOKED)
    await world.settle(before)


async def test_revoked_operator_keys_do_nothing(own_world: RegistryWorld) -> None:
    world = own_world
    [wallet] = await world.open_wallets(1, balance_fen=100)
    await world.settle(
        world.orders.revoke(world.keys.vault(ONE).public_key),
        world.orders.revoke(world.keys.certify(ONE).public_key),
    )
    await refused(world, world.orders.exchange(wallet, 100), Code.CERTIFICATE_REVOKED)
    await refused(world, world.orders.destroy(ONE, 100), Code.CERTIFICATE_REVOKED)
    order = world.orders.open_account(new_wallet(ONE, 10**8))
    await refused(world, order, Code.CERTIFICATE_REVOKED)
    assert (await world.redeem(wallet, 100)).outcome == (0,)


@pytest.mark.parametrize(("first_ms", "last_ms"), [(0, START_MS), (START_MS + 1, 2**47)])
async def test_certificate_counts_while_it_is_valid_only(
    own_world: RegistryWorld, first_ms: int, last_ms: int
) -> None:
    world = own_world
    again = certified(
        Use.OFFICER, key("dora"), person=person(9), not_before_ms=first_ms, not_after_ms=last_ms
    )
    await world.settle(world.orders.certify(again))
    signers = [world.keys.officers[0], key("dora")]
    order = world.orders.sign(
        world.orders.head(OrderType.QUOTA), signers, operator=ONE, quota_fen=1
    )
    await refused(world, order, Code.CERTIFICATE_NOT_VALID_NOW)
    assert not await is_used(world, order)
