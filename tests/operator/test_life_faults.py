"""A rebind when answers are lost or doubled, two go on with it at once, or it comes to nothing."""

import asyncio
from typing import Any

import pytest

from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code
from tests.operator.builders import OperatorWorld
from tests.operator.fake_registry import Fault
from tests.operator.holders import Caller, Holder
from tests.operator.life import rebinding

ALL_DUE_MS = 2**62


class Rebind:
    """A rebind that was asked for."""

    def __init__(self, world: OperatorWorld, holder: Holder) -> None:
        self.world, self.holder, self.caller = world, holder, world.new_caller()
        self.id = ""

    @property
    def _paths(self) -> str:
        return f"{self.holder.path}/rebinds"

    async def ask(self) -> Any:  # noqa: ANN401
        """Ask for it; returns the answer's JSON."""
        body = await rebinding(self.world, self.holder.phone, self.caller)
        answer = await self.caller.ask("POST", self._paths, body)
        assert answer.status_code == 202, answer.text
        self.id = answer.json()["rebind_id"]
        return answer.json()

    async def state(self) -> str:
        """Where it stands; asking goes on with it."""
        answer = await self.caller.ask("GET", f"{self._paths}/{self.id}")
        return str(answer.json()["state"])

    def end_wait(self) -> None:
        """Let the registry's wait be over."""
        account = self.world.ledger.accounts[self.holder.number]
        account.rebind = self.caller.signer.public_key, 0

    def assert_bound_once(self) -> None:
        """Check that one request and one completion settled."""
        ledger = self.world.ledger
        assert ledger.accounts[self.holder.number].key == self.caller.signer.public_key
        for each in (OrderType.REBIND_REQUEST, OrderType.REBIND_COMPLETE):
            assert ledger.settled_orders(each) == 1


@pytest.fixture
async def rebind(world: OperatorWorld) -> Rebind:
    return Rebind(world, await world.open_wallet())


@pytest.mark.parametrize("fault", Fault)
async def test_a_lost_or_doubled_answer_asks_once_and_binds_once(
    rebind: Rebind, fault: Fault
) -> None:
    world = rebind.world
    world.registry.faults.append(fault)
    await rebind.ask()
    await world.operator.resolver.step(ALL_DUE_MS)
    assert await rebind.state() == "waiting"
    rebind.end_wait()
    world.registry.faults.append(fault)
    for _ in range(2):
        await world.operator.resolver.step(ALL_DUE_MS)
    assert await rebind.state() == "completed"
    rebind.assert_bound_once()


async def test_two_who_go_on_with_a_rebind_at_once_bind_once(rebind: Rebind) -> None:
    assert (await rebind.ask())["state"] == "waiting"
    rebind.end_wait()
    resolver = rebind.world.operator.resolver
    await asyncio.gather(
        *(resolver.step(ALL_DUE_MS) for _ in range(3)), *(rebind.state() for _ in range(3))
    )
    assert await rebind.state() == "completed"
    rebind.assert_bound_once()


async def test_a_completion_that_came_too_early_is_followed_by_another(rebind: Rebind) -> None:
    ledger = rebind.world.ledger
    await rebind.ask()
    rebind.end_wait()
    ledger.final.append((int(Code.REBIND_TOO_EARLY), rebind.world.clock()))
    assert await rebind.state() == "waiting"
    assert await rebind.state() == "completed"
    rebind.assert_bound_once()
    assert await rebind.world.database_value("SELECT count(*) FROM certify_order") == 3


async def test_a_lapsed_rebind_ends_and_another_can_be_asked_for(rebind: Rebind) -> None:
    world, account = rebind.world, rebind.world.ledger.accounts[rebind.holder.number]
    await rebind.ask()
    account.rebind = None
    await world.operator.resolver.step(ALL_DUE_MS)
    assert await rebind.state() == "ended"
    assert account.key == rebind.holder.signer.public_key
    assert (await rebind.holder.ask("GET", rebind.holder.path)).status_code == 200
    assert (await Rebind(world, rebind.holder).ask())["state"] == "waiting"


async def test_a_rebind_is_told_to_its_new_key_alone(rebind: Rebind) -> None:
    await rebind.ask()
    stranger: Caller = rebind.world.new_caller()
    answer = await stranger.ask("GET", f"{rebind.holder.path}/rebinds/{rebind.id}")
    assert answer.json()["code"] == Code.NOT_FOUND
