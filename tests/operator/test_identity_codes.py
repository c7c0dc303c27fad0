"""Codes: alike for known and unknown phones, a few for a phone, a few for an address."""

import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from jiaozi.operator.customers.model import HOUR_MS, Phone
from jiaozi.operator.customers.store import forget_registrations
from jiaozi.operator.rates import OperatorRates
from jiaozi.protocol.refusals import Code
from jiaozi.storage.database import Database
from tests.operator.builders import OperatorWorld, new_phone, operator_world
from tests.operator.fake_registry import fake_registry
from tests.operator.test_crashes import Mortal

PAIRS = 40
OPENINGS = 200
OPENING_CPU_MS_MAX = 20.0


class Inbox:
    """Phones that get their codes."""

    def __init__(self) -> None:
        self.codes: dict[str, str] = {}

    async def send_code(self, phone: Phone, code: str) -> None:
        self.codes[phone] = code


async def medians_s(*acts: Callable[[], Awaitable[object]]) -> list[float]:
    """The median time of each act, all of them in turn."""
    times: list[list[float]] = [[] for _ in acts]
    for _ in range(PAIRS):
        for act, taken in zip(acts, times, strict=True):
            start = time.perf_counter()
            await act()
            taken.append(time.perf_counter() - start)
    return [statistics.median(each) for each in times]


async def test_codes_and_openings_are_answered_alike_for_known_and_unknown_phones(
    world: OperatorWorld,
) -> None:
    known = iter([(await world.open_wallet()).phone for _ in range(PAIRS)])
    shapes: dict[str, set[object]] = {"known": set(), "unknown": set()}

    async def ask(phone: str, shape: set[object]) -> None:
        answer = await world.http.post("/v1/registrations", json={"phone": phone})
        caller, told = world.new_caller(), answer.json()
        code = f"{(int(told['demo_code']) + 1) % 10**6:06d}"
        body = {
            "registration_id": told["registration_id"],
            "code": code,
            "wallet_class": 4,
            "suite": -8,
            "public_key": caller.key_id,
        }
        refused = await caller.ask("POST", "/v1/wallets", body)
        shape.add(
            (
                answer.status_code,
                tuple((name, type(value)) for name, value in told.items()),
                told["expires_s"],
                refused.status_code,
                refused.text,
            )
        )

    known_s, unknown_s = await medians_s(
        lambda: ask(next(known), shapes["known"]), lambda: ask(new_phone(), shapes["unknown"])
    )
    assert shapes["known"] == shapes["unknown"]
    assert len(shapes["known"]) == 1
    assert 0.5 < known_s / unknown_s < 2, (known_s, unknown_s)


async def test_an_address_gets_a_few_codes_an_hour_for_whichever_phones(
    database_dsn: str,
) -> None:
    async with operator_world(database_dsn, demo=False, sms=Inbox(), source_codes_max=3) as world:
        for _ in range(3):
            await world.register(new_phone())
        answer = await world.http.post("/v1/registrations", json={"phone": new_phone()})
        assert (answer.status_code, answer.json()["code"]) == (429, Code.BUSY)
        assert int(answer.headers["retry-after"]) == HOUR_MS // 1000
        assert await world.database_value("SELECT count(*) FROM registration") == 3
        world.clock.advance(HOUR_MS)
        await world.register(new_phone())


async def test_addresses_behind_a_trusted_proxy_have_quotas_of_their_own(
    database_dsn: str,
) -> None:
    async with operator_world(
        database_dsn,
        demo=False,
        sms=Inbox(),
        source_codes_max=1,
        rates=OperatorRates(proxies=frozenset({"127.0.0.1"})),
    ) as world:

        async def status(*addresses: str) -> int:
            answer = await world.http.post(
                "/v1/registrations",
                json={"phone": new_phone()},
                headers={"X-Forwarded-For": ", ".join(addresses)},
            )
            return answer.status_code

        assert await status("203.0.113.7") == 202
        assert await status("203.0.113.8") == 202
        assert await status("198.51.100.1", "203.0.113.8") == 429


async def test_an_address_is_not_believed_from_just_anyone(database_dsn: str) -> None:
    async with operator_world(database_dsn, demo=False, sms=Inbox(), source_codes_max=1) as world:
        statuses = []
        for number in range(2):
            headers = {"X-Forwarded-For": f"203.0.113.{number}"}
            answer = await world.http.post(
                "/v1/registrations", json={"phone": new_phone()}, headers=headers
            )
            statuses.append(answer.status_code)
        assert statuses == [202, 429]


async def test_an_address_is_kept_as_a_digest_and_no_longer_than_its_quota(
    database_dsn: str,
) -> None:
    async with operator_world(database_dsn, demo=False, sms=Inbox(), source_codes_max=3) as world:
        await world.register(new_phone())
        assert "127.0.0.1" not in await world.dump()
        digest = await world.database_value("SELECT encode(digest, 'hex') FROM code_source")
        plain = world.operator.request_code.privacy.digest("source", "127.0.0.1")
        assert digest == plain.hex()
        kept = []
        for wait_ms in (0, HOUR_MS):
            world.clock.advance(wait_ms)
            async with world.database.connection() as connection:
                await forget_registrations(connection, world.clock())
            kept.append(await world.database_value("SELECT count(*) FROM code_source"))
        assert kept == [1, 0]


async def test_opening_a_wallet_costs_the_operator_little_cpu(
    database_dsn: str, database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with fake_registry() as registry:
        mortal = Mortal(database_dsn, registry, tmp_path / "death", database)
        await mortal.start()
        try:
            assert mortal.process is not None
            process = psutil.Process(mortal.process.pid)
            world = mortal.world()
            await world.open_wallet()
            before = process.cpu_times()
            for _ in range(OPENINGS):
                await world.open_wallet()
            after = process.cpu_times()
        finally:
            await mortal.end()
    cpu_s = after.user - before.user + after.system - before.system
    cpu_ms = cpu_s * 1000 / OPENINGS
    with capsys.disabled():
        print(f"\n{cpu_ms:.1f} ms of CPU for an opening at the operator, Argon2 aside")
    assert cpu_ms < OPENING_CPU_MS_MAX
