"""rules.md §A, §B.5, §E: what officers decide: keys, quotas, rulebooks; each in force at once."""

import pytest

from jiaozi.central_bank.rulebook.model import ClassLimits, Rulebook
from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Certified, Use, certify
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.ids import DAY_MS
from jiaozi.protocol.order_types import Holder, OrderType
from jiaozi.protocol.refusals import SETTLED, Code
from tests.registry.builders import new_wallet
from tests.registry.effects import refused
from tests.registry.network import START_MS, UNLIMITED, certified, key, person
from tests.registry.world import RegistryWorld, registry_world

ONE, OTHER, NEW = 1001, 1002, 1003
STRICT = Rulebook(
    hash=b"strict".ljust(32),
    name="strict",
    limits={(Holder.PERSONAL, 2): ClassLimits(single_fen=100, balance_cap_fen=500)},
)


async def test_rulebook_binds_from_its_start_on(database_dsn: str) -> None:
    async with registry_world(database_dsn, rulebooks=[UNLIMITED, STRICT]) as world:
        await world.provide(ONE, 10_000)
        payer, payee = await world.open_wallets(2, balance_fen=1000)
        await world.settle(world.orders.rulebook(STRICT.hash, START_MS + DAY_MS))
        world.clock.now_ms = START_MS + DAY_MS - 1
        assert (await world.pay(payer, payee, 101)).outcome == SETTLED
        world.clock.now_ms = START_MS + DAY_MS
        await refused(world, world.orders.payment(payer, payee, 101), Code.LIMIT_SINGLE, 100)


async def test_lowered_cap_leaves_what_is_there_and_stops_credits(database_dsn: str) -> None:
    async with registry_world(database_dsn, rulebooks=[UNLIMITED, STRICT]) as world:
        await world.provide(ONE, 10_000)
        one, two = await world.open_wallets(2, balance_fen=1000)
        await world.settle(world.orders.rulebook(STRICT.hash, START_MS + 1))
        world.clock.advance(1)
        await refused(world, world.orders.exchange(one, 1), Code.PAYEE_CANNOT_RECEIVE)
        assert (await world.redeem(one, 600)).outcome == SETTLED
        assert (await world.pay(two, one, 100)).outcome == SETTLED


async def test_class_that_a_rulebook_drops_keeps_its_money(database_dsn: str) -> None:
    async with registry_world(database_dsn, rulebooks=[UNLIMITED, STRICT]) as world:
        await world.provide(ONE, 10_000)
        one, two = await world.open_wallets(2, balance_fen=1000, wallet_class=3)
        await world.settle(world.orders.rulebook(STRICT.hash, START_MS + 1))
        world.clock.advance(1)
        await refused(world, world.orders.payment(one, two, 1), Code.CLASS_UNKNOWN)
        await refused(world, world.orders.exchange(one, 1), Code.PAYEE_CANNOT_RECEIVE)
        order = world.orders.open_account(new_wallet(ONE, 10**8), wallet_class=3)
        await refused(world, order, Code.CLASS_UNKNOWN)
        assert (await world.redeem(one, 1000)).outcome == SETTLED


async def test_rulebook_survives_a_restart(database_dsn: str) -> None:
    async with registry_world(database_dsn, rulebooks=[UNLIMITED, STRICT]) as world:
        await world.settle(world.orders.rulebook(STRICT.hash, START_MS + 1))
        world.clock.advance(1)
        await world.restart()
        assert world.control.rulebook_at(world.clock.now_ms) is STRICT


async def test_rulebook_must_be_known_and_start_later(world: RegistryWorld) -> None:
    now_ms = world.clock.now_ms
    await refused(world, world.orders.rulebook(bytes(32), now_ms + 1), Code.RULEBOOK_UNKNOWN)
    known = world.control.rulebook_at(now_ms).hash
    for starts_at_ms in (0, now_ms):
        order = world.orders.rulebook(known, starts_at_ms)
        await refused(world, order, Code.STARTS_IN_THE_PAST, now_ms)


async def test_quota_is_set_for_known_operators(world: RegistryWorld) -> None:
    await refused(world, world.orders.quota(NEW, 1), Code.OPERATOR_UNKNOWN)


async def test_number_is_opened_once(world: RegistryWorld) -> None:
    wallet = await world.open_wallet()
    stranger = world.orders.open_account(wallet, key=key("a stranger").public_key)
    await refused(world, stranger, Code.ACCOUNT_EXISTS)


async def test_wallet_opens_in_a_class_of_the_rulebook(world: RegistryWorld) -> None:
    for wallet_class in (0, 3, 2**63 - 1):
        order = world.orders.open_account(new_wallet(ONE, 10**9), wallet_class=wallet_class)
        await refused(world, order, Code.CLASS_UNKNOWN)


def keys_of(operator: int) -> list[Certified]:
    return [
        certified(Use.OPERATOR_TRANSPORT, key(f"transport {operator}"), operator),
        certified(Use.OPERATOR_CERTIFY, key(f"certify {operator}"), operator),
        certified(Use.OPERATOR_VAULT, key(f"vault {operator}"), operator),
    ]


@pytest.mark.parametrize("at_once", [True, False])
async def test_new_operator_is_certified(own_world: RegistryWorld, at_once: bool) -> None:
    world = own_world
    orders = [world.orders.certify(each) for each in keys_of(NEW)]
    if at_once:
        await world.settle(*orders)
    else:
        for each in orders:
            await world.settle(each)
        await world.restart()
    await world.fund_reserve(NEW, 1000)
    await refused(world, world.orders.issue(NEW, 1000), Code.QUOTA_EXCEEDED, 0, 0)
    await world.settle(world.orders.quota(NEW, 1000))
    await world.issue(NEW, 1000)
    wallet = await world.open_wallet(NEW, balance_fen=300)
    payee = await world.open_wallet(ONE)
    assert (await world.pay(wallet, payee, 100)).outcome == SETTLED
    assert (await world.redeem(wallet, 200)).outcome == SETTLED


async def test_wallet_may_name_any_group_before_its_operator_has_a_vault(
    own_world: RegistryWorld,
) -> None:
    world = own_world
    await world.settle(*map(world.orders.certify, keys_of(NEW)[:2]))
    group = numbers.vault_of(NEW).to_bytes(16, "big")
    await world.open_wallet(NEW, group=group)
    await world.settle(world.orders.certify(keys_of(NEW)[2]))
    vault = await world.account(numbers.vault_of(NEW))
    other = await world.open_wallet(NEW, group=group)
    assert (await world.account(other.number)).head != vault.number


async def test_rotated_vault_key_takes_the_place_of_the_old_one(own_world: RegistryWorld) -> None:
    world = own_world
    wallet = await world.open_wallet()
    old = world.orders.exchange(wallet, 1)
    rotated = key("vault 1001, rotated")
    await world.settle(world.orders.certify(certified(Use.OPERATOR_VAULT, rotated, ONE)))
    await refused(world, old, Code.SIGNER_FOREIGN)
    await world.restart()
    legs = [world.orders.leg(numbers.vault_of(ONE), wallet.number, 1)]
    await world.settle(world.orders.sign(world.orders.head(OrderType.EXCHANGE), [rotated], legs))


async def test_b5_only_the_key_in_the_vaults_record_signs_for_it(own_world: RegistryWorld) -> None:
    world = own_world
    await world.fund_reserve(ONE, 1000)
    issue, destroy = world.orders.issue(ONE, 100), world.orders.destroy(ONE, 1)
    rotated = key("vault 1001, rotated")
    await world.settle(world.orders.certify(certified(Use.OPERATOR_VAULT, rotated, ONE)))
    await refused(world, issue, Code.SIGNER_FOREIGN)
    await refused(world, destroy, Code.SIGNER_FOREIGN)


async def test_vault_never_gets_a_key_that_is_not_valid_now(world: RegistryWorld) -> None:
    for not_before_ms, not_after_ms in ((0, 1), (2**47, 2**48 - 1)):
        dead = certified(
            Use.OPERATOR_VAULT, key(f"vault, {not_after_ms}"), ONE,
            not_before_ms=not_before_ms, not_after_ms=not_after_ms,
        )  # fmt: skip
        await refused(world, world.orders.certify(dead), Code.CERTIFICATE_INVALID)


async def test_certificate_is_the_roots_and_of_a_fresh_key(world: RegistryWorld) -> None:
    fresh = certified(Use.OFFICER, key("fresh"), person=person(9))
    root, network = world.keys.root, world.network.id
    for data in (
        certify(fresh, world.keys.officers[0], network),
        certify(fresh, root, NetworkId(bytes(32))),
        certify(certified(Use.AUDITOR, world.keys.vault(ONE)), root, network),
    ):
        order = world.orders.sign(
            world.orders.head(OrderType.CERTIFY), world.keys.officers[:2], certificate=data
        )
        await refused(world, order, Code.CERTIFICATE_INVALID)


async def test_revoked_key_stays_revoked(own_world: RegistryWorld) -> None:
    world = own_world
    auditor = world.keys.auditor
    await world.settle(world.orders.revoke(auditor.public_key))
    await world.restart()
    assert world.control.keys[auditor.public_key].revoked
    again = world.orders.certify(certified(Use.AUDITOR, auditor))
    await refused(world, again, Code.CERTIFICATE_INVALID)


async def test_unknown_key_cannot_be_revoked(world: RegistryWorld) -> None:
    await refused(world, world.orders.revoke(key("nobody").public_key), Code.CERTIFICATE_UNKNOWN)


async def test_two_officers_always_remain(own_world: RegistryWorld) -> None:
    world = own_world
    ann, bob, cyn = world.keys.officers
    await world.settle(world.orders.revoke(cyn.public_key))
    await refused(world, world.orders.revoke(bob.public_key), Code.LAST_OFFICERS)
    second_key = certified(Use.OFFICER, key("ann, second key"), person=person(1))
    await world.settle(world.orders.certify(second_key))
    await refused(world, world.orders.revoke(bob.public_key), Code.LAST_OFFICERS)
    await world.settle(world.orders.revoke(ann.public_key))
    assert not world.control.keys[bob.public_key].revoked


async def test_a_key_that_signs_blocks_always_remains(own_world: RegistryWorld) -> None:
    world = own_world
    old, new = world.keys.block, key("next block key")
    await refused(world, world.orders.revoke(old.public_key), Code.LAST_BLOCK_KEY)
    later = certified(Use.REGISTRY_BLOCK, key("later"), not_before_ms=START_MS + DAY_MS)
    await world.settle(world.orders.certify(later))
    await refused(world, world.orders.revoke(old.public_key), Code.LAST_BLOCK_KEY)
    await world.settle(world.orders.certify(certified(Use.REGISTRY_BLOCK, new)))
    await world.settle(world.orders.revoke(new.public_key))
    await refused(world, world.orders.revoke(old.public_key), Code.LAST_BLOCK_KEY)


@pytest.mark.parametrize(("first_ms", "last_ms"), [(0, START_MS + 1), (START_MS + 2, 2**47)])
async def test_officer_whose_certificate_is_not_valid_now_does_not_count(
    database_dsn: str, first_ms: int, last_ms: int
) -> None:
    async with registry_world(database_dsn, officers=2) as world:
        other = certified(
            Use.OFFICER, key("x"), person=person(9), not_before_ms=first_ms, not_after_ms=last_ms
        )
        await world.settle(world.orders.certify(other))
        world.clock.advance(1)
        order = world.orders.revoke(world.keys.officers[0].public_key)
        await refused(world, order, Code.LAST_OFFICERS)
