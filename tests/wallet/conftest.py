"""A wallet at a fake operator, with a clock that both share."""

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
QUICK = Patience(total_s=5.0, attempt_s=2.0, pause_min_s=0.001, pause_max_s=0.01)


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


@pytest.fixture
def edge(clock: Clock) -> Edge:
    return replace(SYSTEM_EDGE, now_ms=clock)


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


@pytest.fixture
async def impatient_wallet(
    operator: FakeOperator, edge: Edge, tmp_path: Path
) -> AsyncIterator[Wallet]:
    """The same wallet, that soon gives up waiting for an answer."""
    patience = replace(QUICK, total_s=0.1)
    with Journal(journal_path(tmp_path)) as journal:
        async with httpx.AsyncClient(timeout=None) as http:
            yield wallet_of(keystore_for(operator), journal, http, edge=edge, patience=patience)


async def resumed(wallet: Wallet) -> list[State]:
    """Resume what is open and return what became of it."""
    states: list[State] = []
    await resume(wallet, lambda each: states.append(each.standing.state))
    return states


@pytest.fixture
async def wallet(operator: FakeOperator, edge: Edge, tmp_path: Path) -> AsyncIterator[Wallet]:
    with Journal(journal_path(tmp_path)) as journal:
        async with httpx.AsyncClient(timeout=None) as http:
            yield wallet_of(keystore_for(operator), journal, http, edge=edge, patience=QUICK)
