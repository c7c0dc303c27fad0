"""What one address hands in at the desk takes a small share of the CPU, and nothing from others."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from jiaozi.operator.offline.hand_in import HandIn
from jiaozi.operator.rates import OperatorRates
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.service.network_examples import LOG
from jiaozi.service.rates import Allowance, Rate, RateLimit
from tests.operator.builders import operator_world

PROXY = "127.0.0.1"
PATHS = ["logs", "payments", "synchronisations"]


@dataclass
class Inbox:
    """Takes codes to phones."""

    async def send_code(self, phone: str, code: str) -> None:
        """Take one."""


@dataclass
class Addresses:
    """Hands in from whatever address a proxy tells."""

    http: httpx.AsyncClient

    async def __call__(self, address: str, path: str, body: bytes) -> httpx.Response:
        headers = {"X-Forwarded-For": address}
        return await self.http.post(f"/v1/offline/{path}", content=body, headers=headers)


@pytest.fixture
async def hand_in(database_dsn: str) -> AsyncIterator[Addresses]:
    """A desk that gives each address next to nothing."""
    rates = OperatorRates(hand_in=Rate(per_s=0.001, burst=1), proxies=frozenset({PROXY}))
    async with operator_world(database_dsn, demo=False, sms=Inbox(), rates=rates) as world:
        yield Addresses(world.http)


@pytest.mark.parametrize("path", PATHS)
async def test_a_log_is_read_and_paid_off_before_the_next_one(
    hand_in: Addresses, path: str
) -> None:
    first = await hand_in("10.0.0.1", path, LOG)
    assert first.json()["code"] != Code.BUSY, "it was read, and is of another network"
    again = [await hand_in("10.0.0.1", each, LOG) for each in PATHS]
    assert {each.json()["code"] for each in again} == {Code.BUSY}
    assert int(again[0].headers["retry-after"]) > 500
    other = await hand_in("10.0.0.2", path, LOG)
    assert other.json()["code"] == first.json()["code"]


async def test_of_a_crowd_from_one_address_no_more_are_read_than_are_read_at_once() -> None:
    nothing: Any = None
    hand_in = HandIn(anchor=nothing, database=nothing, settle=nothing, now_ms=lambda: 0)
    cpu_ms = Allowance(RateLimit(Rate(per_s=0.001, burst=1)), "an address")
    refused = await asyncio.gather(
        *(hand_in.payments(b"no payments", cpu_ms) for _ in range(20)), return_exceptions=True
    )
    codes = Counter(each.code for each in refused if isinstance(each, Refusal))
    assert codes == {Code.NOT_CANONICAL: 2, Code.BUSY: 18}
