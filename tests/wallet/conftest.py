"""A wallet at a fake operator, with a clock that both share."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from jiaozi.protocol import numbers
from jiaozi.protocol.certificates import Use
from jiaozi.wallet.edge import SYSTEM_EDGE, Edge
from jiaozi.wallet.keystore import Keystore, WalletPublic
from jiaozi.wallet.model import State
from jiaozi.wallet.resume import resume
from jiaozi.wallet.store import Journal
from jiaozi.wallet.transport import Patience
from jiaozi.wallet.wallet import Wallet, journal_path, wallet_of
from tests.wallet.fake_operator import OPERATOR, FakeOperator, key, served

NUMBER = numbers.account_number(OPERATOR, 10**6)
ANNA = numbers.account_number(OPERATOR, 2 * 10**6)
BEN = numbers.account_number(1002, 3 * 10**6)
PATIENCE = Patience(total_s=60.0, attempt_s=20.0, pause_min_s=4.0, pause_max_s=16.0)
"""Seconds of waiting, which take no time in tests."""


@dataclass
class Clock:
    """Unix time in milliseconds, moved by a test."""

    now_ms: int = 1_790_000_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def operator(clock: Clock) -> Iterator[FakeOperator]:
    with served(FakeOperator(clock=clock)) as fake:
        fake.wallets[numbers.format_number(NUMBER)] = key("wallet").public_key
        yield fake


@dataclass
class Waiting:
    """A monotonic clock that moves by waiting alone."""

    now_s: float = 0.0

    async def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        await asyncio.sleep(0)


@pytest.fixture
def edge(clock: Clock) -> Edge:
    waiting = Waiting()
    return replace(
        SYSTEM_EDGE, now_ms=clock, monotonic_s=lambda: waiting.now_s, sleep=waiting.sleep
    )


def keystore_for(operator: FakeOperator) -> Keystore:
    """The keystore of the wallet that the fake operator knows."""
    network = operator.network
    public = WalletPublic(
        number=NUMBER,
        operator_url=operator.url,
        network=network.id,
        root_key=network.root_key,
        block_key=network.genesis.key_of(Use.REGISTRY_BLOCK),
        public_key=key("wallet").public_key,
    )
    return Keystore(public=public, seed=seed("wallet"))


def seed(label: str) -> bytes:
    """The seed of `fake_operator.key`."""
    return sha256(label.encode()).digest()


async def resumed(wallet: Wallet) -> list[State]:
    """Resume what is open and return what became of it."""
    states: list[State] = []
    await resume(wallet, lambda each: states.append(each.standing.state))
    return states


@pytest.fixture
async def wallet(operator: FakeOperator, edge: Edge, tmp_path: Path) -> AsyncIterator[Wallet]:
    with Journal(journal_path(tmp_path)) as journal:
        async with httpx.AsyncClient(timeout=None) as http:
            yield wallet_of(keystore_for(operator), journal, http, edge=edge, patience=PATIENCE)
