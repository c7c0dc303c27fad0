"""rules.md §G: what the audit finds when a registry tells false stories of devices."""

from dataclasses import replace

import pytest

from jiaozi.central_bank.audit.audit import AuditOptions, audit_database
from jiaozi.central_bank.audit.model import Rule
from jiaozi.central_bank.registry.state_hash import StateHasher
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.offline.certificate import Profile
from jiaozi.protocol.order_types import HaltScope, OrderType
from tests.audit.offline_story import (
    LOADED_FEN,
    PAID_FEN,
    Played,
    desk_of,
    goes_on_with,
    play_offline,
)
from tests.audit.telling import Teller
from tests.registry.network import certified, key
from tests.registry.offline_builders import (
    CAP_FEN,
    CLAIM_WAIT_S,
    GUARANTEE_FEN,
    LIMITS,
    OFFLINE,
    OfflineDesk,
)
from tests.registry.world import registry_world


@pytest.fixture
def teller(played: Played) -> Teller:
    return goes_on_with(played)


@pytest.fixture
def desk(played: Played) -> OfflineDesk:
    return desk_of(played)


async def test_the_true_story_is_in_order(played: Played, teller: Teller) -> None:
    await teller.is_ok()


async def test_a_payment_of_a_key_that_was_never_enrolled_is_found(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    stranger = desk.purse("stranger")
    at = teller.block(desk.settle(desk.pay(stranger, played.payee, 1)))
    assert "never enrolled" in await teller.finds(Rule.EFFECT, at)


async def test_g3_a_payment_that_the_device_has_not_signed_is_found(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    true = desk.pay(played.payer, played.payee, 1)
    forged = true[:-1] + bytes([true[-1] ^ 1])
    at = teller.block(desk.settle(forged))
    assert "in the order is not signed" in await teller.finds(Rule.ORDER_SIGNATURE, at)


async def test_g1_one_payment_settles_once(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    payment = desk.pay(played.payer, played.payee, 1)
    at = teller.block(desk.settle(payment), desk.settle(payment))
    assert "settled twice" in await teller.finds(Rule.EFFECT, at)


async def test_g2_a_second_payment_under_a_counter_convicts_and_is_covered(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    payments = [desk.pay(played.payer, played.payee, 7_00, counter=2, salt=salt) for salt in (1, 2)]
    teller.block(*map(desk.settle, payments))
    await teller.is_ok()
    at = teller.block(desk.load(played.payer, 1, 2))
    assert "after its end" in await teller.finds(Rule.EFFECT, at)


async def test_g2_a_loss_beyond_the_guarantee_is_found(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    huge = GUARANTEE_FEN
    payments = [desk.pay(played.payer, played.payee, huge, counter=2, salt=salt) for salt in (1, 2)]
    at = teller.block(*map(desk.settle, payments))
    assert "no guarantee covers" in await teller.finds(Rule.EFFECT, at)


async def test_g1_more_than_was_seen_is_not_unloaded(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    at = teller.block(desk.unload(desk.pay(played.payer, played.wallet, 7_01), played.wallet, 7_01))
    assert "more than was seen" in await teller.finds(Rule.EFFECT, at)


async def test_an_unload_goes_to_the_devices_own_wallet(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    at = teller.block(desk.unload(desk.pay(played.payer, played.other, 1), played.other, 1))
    assert "another wallet" in await teller.finds(Rule.EFFECT, at)


async def test_g1_only_what_no_wallet_can_ever_get_stays_on_its_device(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    teller.block(desk.settle(desk.pay(played.payer, played.other, 1)))
    await teller.is_ok()
    at = teller.block(desk.settle(desk.pay(played.payer, played.wallet, 1)))
    assert "settled as one to a device" in await teller.finds(Rule.EFFECT, at)


@pytest.mark.parametrize("number", [1, 3])
async def test_g1_loads_have_numbers_without_a_gap(
    played: Played, teller: Teller, desk: OfflineDesk, number: int
) -> None:
    at = teller.block(desk.load(played.payer, 1, number))
    assert "where 2 was due" in await teller.finds(Rule.EFFECT, at)


async def test_a_load_above_the_devices_cap_is_found(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    rich = teller.orders.exchange(played.wallet, CAP_FEN)
    room_fen = CAP_FEN - (LOADED_FEN - PAID_FEN)
    teller.block(rich, desk.load(played.payer, room_fen, 2))
    await teller.is_ok()
    at = teller.block(desk.load(played.payer, 1, 3))
    assert "above its cap" in await teller.finds(Rule.EFFECT, at)


async def test_another_wallet_loads_no_named_device(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    at = teller.block(desk.load(played.payer, 1, 2, wallet=played.other))
    assert "foreign wallet" in await teller.finds(Rule.EFFECT, at)


async def test_no_load_settles_while_loads_are_halted(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    until_ms = teller.forger.header(len(teller.forger.blocks) - 1).time_ms + 60_000
    halt = teller.orders.by_officers(
        OrderType.HALT, scope=int(HaltScope.OFFLINE_LOADS), until_ms=until_ms
    )
    at = teller.block(halt, desk.load(played.payer, 1, 2))
    assert "halt" in await teller.finds(Rule.EFFECT, at)


async def test_a_certificate_above_the_rulebook_is_found(teller: Teller, desk: OfflineDesk) -> None:
    limits = replace(LIMITS, payment_fen=LIMITS.payment_fen + 1)
    at = teller.block(desk.enrol(desk.purse("greedy"), limits=limits))
    assert "above the rulebook's" in await teller.finds(Rule.EFFECT, at)


async def test_a_certificate_of_a_profile_that_the_rulebook_lacks_is_found(
    teller: Teller, desk: OfflineDesk
) -> None:
    at = teller.block(desk.enrol(desk.purse("terminal"), profile=Profile.TERMINAL))
    assert "above the rulebook's" in await teller.finds(Rule.EFFECT, at)


async def test_a_certificate_of_a_foreign_operator_is_found(
    teller: Teller, desk: OfflineDesk
) -> None:
    at = teller.block(desk.enrol(desk.purse("foreign"), certifier=1002))
    assert "another operator's" in await teller.finds(Rule.EFFECT, at)


async def test_g2_a_guarantee_is_not_released_below_its_share(
    teller: Teller, desk: OfflineDesk
) -> None:
    share_fen = CAP_FEN // 10  # of the one live card of operator 1001
    teller.block(desk.release_guarantee(1001, GUARANTEE_FEN - share_fen))
    await teller.is_ok()
    at = teller.block(desk.release_guarantee(1001, 1))
    assert "guarantee needs" in await teller.finds(Rule.EFFECT, at)


async def test_g6_a_lost_device_is_claimed_when_the_wait_is_over(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    at = teller.block(desk.claim(played.lost, played.wallet, LOADED_FEN))
    assert "too early" in await teller.finds(Rule.EFFECT, at)


async def test_a_claim_after_the_wait_is_in_order(
    played: Played, teller: Teller, desk: OfflineDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = desk.world.orders.now_ms() + CLAIM_WAIT_S * 1_000
    monkeypatch.setattr(desk.world.orders, "now_ms", lambda: now_ms)
    teller.block(desk.claim(played.lost, played.wallet, LOADED_FEN), after_ms=CLAIM_WAIT_S * 1_000)
    await teller.is_ok()


async def test_g3_a_conviction_takes_two_officers(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    head = teller.orders.head(OrderType.CONVICT)
    alone = teller.orders.sign(
        head, [key("officer 1")], (), device=played.payer.key, proof=bytes(32)
    )
    await teller.finds(Rule.SIGNERS, teller.block(alone))


async def test_nothing_is_written_off_before_the_wait_is_over(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    """More was paid than came in, by other counters: no two payments exclude each other."""
    teller.block(desk.settle(desk.pay(played.payer, played.payee, LOADED_FEN)))
    at = teller.block(desk.revoke(played.payer), desk.write_off(played.payer))
    assert "too early" in await teller.finds(Rule.EFFECT, at)


async def test_g4_the_oldest_generation_only_rises(teller: Teller, desk: OfflineDesk) -> None:
    at = teller.block(desk.oldest_generation(2), desk.oldest_generation(2))
    assert "did not rise" in await teller.finds(Rule.EFFECT, at)


async def test_what_a_registry_keeps_of_devices_is_what_the_audit_rebuilds(
    database_dsn: str,
) -> None:
    async with registry_world(database_dsn, rulebooks=[OFFLINE]) as world:
        played = await play_offline(world)
        desk, cheat = played.desk, played.payer
        twice = [desk.pay(cheat, played.payee, 7_00, counter=2, salt=salt) for salt in (1, 2)]
        await world.settle(*map(desk.settle, twice))
        await world.settle(desk.settle(desk.pay(played.payee, cheat, 50), by=1002), operator=1002)
        await world.settle(desk.oldest_generation(2))
        spare = key("spare block key")
        await world.settle(world.orders.certify(certified(Use.REGISTRY_BLOCK, spare)))
        number = await desk.list_number()
        await world.settle(world.orders.revoke(spare.public_key))
        assert await desk.list_number() == number + 1, "purses learn which block keys are revoked"
        await StateHasher(world.writer, world.dsn).hash_now()
        await world.settle(desk.fund_guarantee(1001, 1))
        options = AuditOptions(processes=0, library={OFFLINE.hash: OFFLINE})
        report = await audit_database(world.database, options)
        assert report.verdict == "ok"
        assert report.shortfall_fen == 0
