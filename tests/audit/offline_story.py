"""A story of devices, for all tests of what the audit reads of them.

A payer's card, of operator 1001, was loaded with 10.00 yuan and paid 3.00 to a payee's card, of
operator 1002; a third, anonymous one was lost.
"""

from dataclasses import dataclass

from tests.audit.forgery import Forger
from tests.audit.story import Story, load_blocks
from tests.audit.telling import Teller
from tests.registry.builders import Wallet
from tests.registry.offline_builders import OFFLINE, OfflineDesk, Purse
from tests.registry.world import RegistryWorld

LOADED_FEN, PAID_FEN = 10_00, 3_00


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """The chain, and who is in it."""

    story: Story
    desk: OfflineDesk
    wallet: Wallet
    other: Wallet
    payer: Purse
    payee: Purse
    lost: Purse


async def play_offline(world: RegistryWorld) -> Played:
    """Play it on a registry."""
    desk = OfflineDesk(world)
    await desk.prepare()
    wallet = await world.open_wallet(balance_fen=50_00)
    other = await world.open_wallet(1002, balance_fen=50_00)
    payer = await desk.enrolled("payer", wallet=wallet, load_fen=LOADED_FEN)
    payee = await desk.enrolled("payee", wallet=other)
    lost = await desk.enrolled("lost", wallet=wallet, load_fen=LOADED_FEN)
    await world.settle(desk.settle(desk.pay(payer, payee, PAID_FEN)))
    await world.settle(desk.unload(desk.pay(payee, other, 1_00), other, 1_00), operator=1002)
    await world.settle(desk.revoke(lost))
    story = Story(
        keys=world.keys, network=world.network, orders=world.orders,
        blocks=await load_blocks(world), payer=wallet, careful=wallet, payee=other,
    )  # fmt: skip
    return Played(
        story=story, desk=desk, wallet=wallet, other=other, payer=payer, payee=payee, lost=lost
    )


def goes_on_with(played: Played) -> Teller:
    """Somebody who goes on with the story."""
    teller = Teller(Forger(played.story), played.story)
    teller.library = {OFFLINE.hash: OFFLINE}
    return teller


def desk_of(played: Played) -> OfflineDesk:
    """Makes orders; what it counted of payments begins anew."""
    played.payer.counter = played.payee.counter = 1
    return played.desk
