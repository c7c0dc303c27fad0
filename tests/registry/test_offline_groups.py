"""rules.md §E.3: the cap of a holder covers what devices of all wallets of a group may hold."""

from jiaozi.central_bank.rulebook.load import read_rulebook
from jiaozi.protocol.refusals import Code
from tests.registry.effects import refused
from tests.registry.offline_builders import CAP_FEN, OFFLINE_FILE, OfflineDesk
from tests.registry.world import registry_world

DAY_MS = 86_400_000
CAPPED = read_rulebook(
    OFFLINE_FILE.replace(b"[personal.2]", b"[personal.2]\nbalance_cap_fen = %d" % (3 * CAP_FEN))
)


async def test_e3_a_load_leaves_room_for_the_devices_of_the_whole_group(database_dsn: str) -> None:
    async with registry_world(database_dsn, rulebooks=[CAPPED]) as world:
        desk = OfflineDesk(world)
        await desk.prepare()
        parent = await world.open_wallet(balance_fen=100)
        part = await world.open_wallet(
            group=parent.group, parent=parent.number, balance_fen=CAP_FEN - 60
        )
        other = await world.open_wallet(balance_fen=2 * CAP_FEN + 1)
        others = await desk.enrolled("of another", wallet=other, load_fen=1)
        one = desk.purse("of the parent", wallet=parent)
        # Enrolled and loaded in one block: nothing of it is in the database yet.
        together = await world.submit(
            desk.enrol(one),
            desk.enrol(desk.purse("of a part", wallet=part)),
            desk.load(one, 39, 1),
            desk.load(one, 40, 1),
        )
        assert [each.outcome[0] for each in together] == [0, 0, Code.DEVICE_LIMITS_TOO_HIGH, 0]
        ends_ms = world.clock.now_ms + DAY_MS
        two = await desk.enrolled("short", wallet=part, not_after_ms=ends_ms)
        load = desk.load(two, 1, 1)
        await refused(world, load, Code.DEVICE_LIMITS_TOO_HIGH)
        world.clock.now_ms = ends_ms
        await world.settle(desk.load(one, 10, 2))
        assert await desk.shadow_fen(others) == 1
