"""rules.md §G.2: what the audit finds when a registry tells false stories of guarantees.

Of devices that nobody enrolled, and of devices that lack more together than a guarantee holds.
"""

import pytest

from jiaozi.central_bank.audit.audit import AuditOptions, audit_database
from jiaozi.central_bank.audit.model import Rule
from jiaozi.central_bank.registry.state_hash import StateHasher
from jiaozi.central_bank.rulebook.load import read_rulebook
from jiaozi.protocol.certificates import Use
from tests.audit.offline_story import LOADED_FEN, Played, desk_of, goes_on_with, play_offline
from tests.audit.telling import Teller
from tests.registry.builders import new_wallet
from tests.registry.network import START_MS, certified, key
from tests.registry.offline_builders import (
    CAP_FEN,
    CLAIM_WAIT_S,
    GUARANTEE_FEN,
    OFFLINE,
    OFFLINE_FILE,
    OfflineDesk,
)
from tests.registry.world import registry_world

ONE, TWO = 1001, 1002
WAIT_MS = CLAIM_WAIT_S * 1_000
CAPPED = read_rulebook(
    OFFLINE_FILE.replace(b"[personal.2]", b"[personal.2]\nbalance_cap_fen = %d" % (3 * CAP_FEN))
)
"""Wallets that hold as much as three cards."""


@pytest.fixture
def teller(played: Played) -> Teller:
    return goes_on_with(played)


@pytest.fixture
def desk(played: Played) -> OfflineDesk:
    return desk_of(played)


def steal(teller: Teller) -> None:
    """Operator 1001's certify key is revoked, and it has another."""
    spare = certified(Use.OPERATOR_CERTIFY, key("spare"), ONE)
    stolen = teller.story.keys.certify(ONE).public_key
    teller.block(teller.orders.certify(spare), teller.orders.revoke(stolen))


async def test_g2_a_device_that_nobody_enrolled_is_taken_up_and_covered(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    rogue = desk.purse("rogue")
    teller.block(
        desk.take_up(rogue, by=TWO),
        desk.settle(desk.pay(rogue, played.payee, 50), by=TWO),
        desk.settle(desk.pay(played.payer, rogue, 20), by=TWO),
    )
    await teller.is_ok()
    at = teller.block(desk.take_up(rogue, by=TWO, generation=2))
    assert "and is known" in await teller.finds(Rule.EFFECT, at)


async def test_g2_an_enrolled_device_is_not_taken_up(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    at = teller.block(desk.take_up(played.payer, by=TWO))
    assert "and is known" in await teller.finds(Rule.EFFECT, at)


@pytest.mark.parametrize(
    ("signer", "not_before_ms", "told"),
    [
        ("certify 1002", START_MS, "another operator's key"),
        ("vault 1001", START_MS, "certifies no devices"),
        ("nobody", START_MS, "certifies no devices"),
        ("later", START_MS - 1, "outside its certify key's time"),
    ],
)
async def test_only_a_certify_key_of_its_operator_has_a_device_taken_up(
    teller: Teller, desk: OfflineDesk, signer: str, not_before_ms: int, told: str
) -> None:
    later = certified(Use.OPERATOR_CERTIFY, key("later"), ONE, not_before_ms=START_MS)
    teller.block(teller.orders.certify(later))
    at = teller.block(
        desk.take_up(desk.purse("rogue"), signer=key(signer), not_before_ms=not_before_ms)
    )
    assert told in await teller.finds(Rule.EFFECT, at)


async def test_a_device_is_not_enrolled_before_its_certify_keys_time(
    teller: Teller, desk: OfflineDesk
) -> None:
    later = certified(Use.OPERATOR_CERTIFY, key("later"), ONE, not_before_ms=START_MS)
    teller.block(teller.orders.certify(later))
    purse = desk.purse("early")
    at = teller.block(desk.enrol(purse, signer=key("later"), not_before_ms=START_MS - 1))
    assert "outside its certify key's time" in await teller.finds(Rule.EFFECT, at)


async def test_g2_what_a_revoked_key_made_is_taken_up_until_the_wait_is_over(
    played: Played, teller: Teller, desk: OfflineDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = desk.world.orders.now_ms() + WAIT_MS
    one, two = desk.purse("one"), desk.purse("two")
    steal(teller)
    monkeypatch.setattr(desk.world.orders, "now_ms", lambda: now_ms)
    teller.block(desk.take_up(one, by=TWO), after_ms=WAIT_MS - 1)
    await teller.is_ok()
    at = teller.block(desk.take_up(two, by=TWO))
    assert "had to have surfaced" in await teller.finds(Rule.EFFECT, at)


async def test_g2_what_it_lacks_is_covered_until_the_wait_is_over(
    played: Played, teller: Teller, desk: OfflineDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_ms = desk.world.orders.now_ms() + WAIT_MS
    rogue = desk.purse("rogue")
    teller.block(desk.take_up(rogue))
    monkeypatch.setattr(desk.world.orders, "now_ms", lambda: now_ms)
    teller.block(desk.settle(desk.pay(rogue, played.payee, 1)), after_ms=WAIT_MS - 1)
    teller.block(desk.settle(desk.pay(played.payer, rogue, 10)))
    teller.block(desk.settle(desk.pay(rogue, played.payee, 9)))  # what it has, none covers
    await teller.is_ok()
    at = teller.block(desk.settle(desk.pay(rogue, played.payee, 1)))
    assert "was covered when" in await teller.finds(Rule.EFFECT, at)


async def test_g2_devices_lack_no_more_together_than_their_guarantee_holds(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    thieves = [desk.purse(each) for each in ("thief", "other thief")]
    teller.block(*map(desk.enrol, thieves))
    teller.block(desk.settle(desk.pay(thieves[0], played.payee, GUARANTEE_FEN)))
    await teller.is_ok()
    at = teller.block(desk.settle(desk.pay(thieves[1], played.payee, 1)))
    assert "more than its operator's guarantee leaves" in await teller.finds(Rule.EFFECT, at)


async def test_e3_the_cap_of_a_holder_covers_the_devices_of_all_wallets(
    played: Played, teller: Teller, desk: OfflineDesk
) -> None:
    teller.put_in_force(CAPPED)
    own, part = played.wallet, new_wallet(ONE, 900_000)
    opened = teller.orders.open_account(part, parent=own.number, group=own.group)
    purses = [desk.purse(f"part {each}", wallet=part) for each in (1, 2)]
    teller.block(opened, desk.enrol(purses[0]), teller.orders.exchange(part, 10))
    teller.block(desk.load(played.payer, 1, 2))
    await teller.is_ok()
    at = teller.block(desk.enrol(purses[1]), desk.load(purses[0], 1, 1, wallet=part))
    assert "leaves its devices none" in await teller.finds(Rule.EFFECT, at)


async def test_g6_what_a_claimed_device_lacks_is_named_and_is_no_difference(
    database_dsn: str,
) -> None:
    """And the audit rebuilds all that a registry keeps of a stolen key."""
    async with registry_world(database_dsn, rulebooks=[OFFLINE]) as world:
        played = await play_offline(world)
        desk = played.desk
        one, two = desk.purse("one"), desk.purse("two")
        late = desk.pay(played.lost, played.payee, 4_00)
        await world.settle(desk.take_up(one), desk.settle(desk.pay(one, played.payee, 50)))
        spare = certified(Use.OPERATOR_CERTIFY, key("spare"), ONE)
        stolen = world.keys.certify(ONE).public_key
        world.clock.advance(WAIT_MS)
        await world.settle(desk.claim(played.lost, played.wallet, LOADED_FEN))
        await world.settle(world.orders.certify(spare), world.orders.revoke(stolen))
        taken_up = desk.settle(desk.pay(two, played.payee, 70), by=TWO)
        await world.settle(
            desk.take_up(two, by=TWO), taken_up, desk.settle(late, by=TWO), operator=TWO
        )
        await StateHasher(world.writer, world.dsn).hash_now()
        await world.settle(desk.fund_guarantee(TWO, 1), operator=TWO)
        options = AuditOptions(processes=0, library={OFFLINE.hash: OFFLINE})
        report = await audit_database(world.database, options)
        assert (report.verdict, report.differences) == ("ok", ())
        assert (report.shortfall_fen, report.claimed_lacks_fen) == (0, 4_00)
