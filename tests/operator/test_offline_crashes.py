"""A desk that is killed at every step loses nothing, doubles nothing and goes on."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from jiaozi.protocol import cbor
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.storage.database import Database
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.operator import run_operator
from tests.operator.builders import until
from tests.operator.holders import Holder
from tests.operator.offline import Card, Desks, balance_fen, open_institutions, pay
from tests.operator.test_crashes import Mortal
from tests.operator.test_offline_returned import (
    RETURNED,
    SETTLED,
    closed_wallet,
    handed_in,
    loaded,
)
from tests.registry.network import Keys

ANSWERS_BYTES_MAX = 1 << 20


class MortalDesk:
    """A desk in a process of its own at a real registry; there is no other."""

    def __init__(self, mortal: Mortal, at: Any) -> None:  # noqa: ANN401
        self.mortal = mortal
        self._at = at

    @property
    def desks(self) -> Desks:
        """The builders' view of the process that runs now."""
        world = self.mortal.world()
        return Desks(world, world, self._at)

    async def dies_after(self, step: str, ask: Callable[[], Awaitable[httpx.Response]]) -> Any:  # noqa: ANN401
        """Have the process killed after a step, ask again, and return the answer."""
        await self.mortal.dies_after(step, ask())
        answer = await ask()
        assert answer.status_code in (200, 201), answer.text
        return cbor.decode(answer.content, size_max=ANSWERS_BYTES_MAX)

    def post(self, path: str, body: bytes) -> Callable[[], Awaitable[httpx.Response]]:
        """Send a body, to whichever process runs."""
        return lambda: self.desks.here.http.post(path, content=body)


@pytest.fixture
async def desk(
    postgres: EmbeddedPostgres, database_dsn: str, database: Database, tmp_path: Path
) -> AsyncIterator[MortalDesk]:
    """A desk that has started."""
    name = "mortal_desk_registry"
    dsn = await postgres.create_database(name)
    async with open_institutions(dsn) as at:
        mortal = Mortal(database_dsn, at.registry, tmp_path / "death", database)
        await mortal.start()
        yield MortalDesk(mortal, at)
        await mortal.end()
    await postgres.drop_database(name)


async def two_cards(desk: MortalDesk) -> tuple[Holder, Card, Card]:
    """A wallet with two cards, one of them with money."""
    desks = desk.desks
    holder = await desks.customer()
    payer, payee = await desks.enrol(holder), await desks.enrol(holder)
    await desks.load(holder, payer, 100_00)
    return holder, payer, payee


@pytest.mark.parametrize(
    "steps",
    [
        run_operator.HAND_IN_STEPS[1:2],
        pytest.param(run_operator.HAND_IN_STEPS[::2], marks=pytest.mark.chaos),
    ],
)
async def test_killed_while_logs_are_handed_in(desk: MortalDesk, steps: tuple[str, ...]) -> None:
    _, payer, payee = await two_cards(desk)
    for number, step in enumerate(steps, 1):
        pay(payer, payee, 10_00)
        became = await desk.dies_after(step, desk.post("/v1/offline/logs", payee.log))
        assert [each[3] for each in became] == [1] * number
        assert await desk.desks.shadow_fen(payee.key) == 10_00 * number
    known = await desk.desks.device(payer.key)
    assert (known["payments"], known["shadow_fen"]) == (len(steps), 100_00 - 10_00 * len(steps))
    await desk.desks.synchronise(payer)
    await desk.desks.synchronise(payee)


@pytest.mark.chaos
async def test_killed_at_every_step_of_an_enrolment(desk: MortalDesk) -> None:
    holder = await desk.desks.customer()
    for number, step in enumerate(run_operator.ENROLMENT_STEPS):
        signer = Ed25519Signer(bytes([number]) * 32)

        async def ask(signer: Ed25519Signer = signer) -> httpx.Response:
            holder.http = desk.desks.here.http
            return await desk.desks.ask_to_enrol(holder, signer)

        await desk.dies_after(step, ask)
        assert (await desk.desks.device(signer.public_key))["loads"] == 0


@pytest.mark.chaos
async def test_killed_at_every_step_of_loading_and_synchronising(desk: MortalDesk) -> None:
    holder, payer, _ = await two_cards(desk)
    number = payer.purse.loads
    for step in run_operator.LOAD_STEPS:
        number += 1
        assert (await desk.desks.send_load(holder, payer.key, number, 10_00))[:2] == [1, [0]]
        path = f"{holder.path}/devices/{payer.key.hex()}/loads/{number}"
        desk.mortal.death.write_text(step)
        with pytest.raises((httpx.TransportError, TimeoutError)):
            while True:
                await holder.ask("GET", path)
        await desk.mortal.comes_back()
        holder.http = desk.desks.here.http
        await desk.desks.fetch_load(holder, payer.key, number)
    for step in run_operator.SYNCHRONISATION_STEPS:
        log = payer.log
        first = await desk.dies_after(step, desk.post("/v1/offline/synchronisations", log))
        again = await desk.post("/v1/offline/synchronisations", log)()
        assert cbor.decode(again.content, size_max=ANSWERS_BYTES_MAX)[:2] == first[:2]
        await desk.desks.synchronise(payer)
    assert payer.purse.balance_fen == 100_00 + 10_00 * len(run_operator.LOAD_STEPS)


@pytest.mark.parametrize(
    "steps",
    [
        run_operator.RETURN_STEPS[-1:],
        pytest.param(run_operator.RETURN_STEPS, marks=pytest.mark.chaos),
    ],
)
async def test_killed_while_an_unload_comes_back(desk: MortalDesk, steps: tuple[str, ...]) -> None:
    holder, card = await loaded(desk.desks)
    wallet = await closed_wallet(desk.desks)
    for step in steps:
        payment = card.unload(wallet, 20_00)
        body = cbor.encode_bytes(payment)
        await desk.dies_after(step, desk.post("/v1/offline/payments", body))

        async def is_over(payment: bytes = payment) -> bool:
            return await handed_in(desk.desks, payment) == (RETURNED, None)

        await until(is_over)
        await desk.desks.synchronise(card)
        assert card.purse.balance_fen == await desk.desks.shadow_fen(card.key) == 50_00
    holder.http = desk.desks.here.http
    assert (await handed_in(desk.desks, card.unload(holder.number, 50_00)))[0] == SETTLED
    assert await balance_fen(holder) == 1_000_00


@pytest.mark.chaos
async def test_killed_while_devices_that_nobody_enrolled_are_taken_up(desk: MortalDesk) -> None:
    _, honest, payee = await two_cards(desk)
    stolen = Keys().certify(run_operator.OPERATOR)
    for number, step in enumerate(run_operator.TAKE_UP_STEPS, 1):
        rogue = desk.desks.rogue(honest, stolen)
        pay(rogue, payee, 10_00)
        await desk.dies_after(step, desk.post("/v1/offline/logs", payee.log))

        async def is_settled(number: int = number) -> bool:
            became = await desk.desks.hand_in(payee.log)
            return [each[3] for each in became] == [SETTLED] * number

        await until(is_settled)
        known = await desk.desks.device(rogue.key)
        assert (known["convicted"], known["covered_fen"]) == (True, 10_00)
        assert await desk.desks.shadow_fen(payee.key) == 10_00 * number
    known = await desk.desks.device(honest.key)
    assert (known["convicted"], known["shadow_fen"]) == (False, 100_00)
