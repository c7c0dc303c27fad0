"""A wallet that watches is told what comes in and goes out, nothing twice and nothing left out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from jiaozi.operator.sessions.end import end_sessions
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.numbers import operator_of
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.wallet import watch as watching
from jiaozi.wallet.client import WalletClient
from jiaozi.wallet.edge import SYSTEM_EDGE
from jiaozi.wallet.store import Journal
from jiaozi.wallet.transport import Credentials, Patience, Transport
from jiaozi.wallet.wallet import Wallet
from jiaozi.wallet.watch import watch
from tests.operator.builders import OperatorWorld, until
from tests.operator.holders import Holder


@asynccontextmanager
async def wallet_of(world: OperatorWorld, holder: Holder, place: Path) -> AsyncIterator[Wallet]:
    """The wallet program of a holder."""
    credentials = Credentials(
        key_id=holder.key_id, signer=holder.signer, network=NetworkId(holder.network)
    )
    async with httpx.AsyncClient(trust_env=False) as http:
        url = str(world.http.base_url)
        transport = Transport(http, url, edge=SYSTEM_EDGE, patience=Patience())
        with Journal(place / "journal.sqlite") as journal:
            client = WalletClient(transport, holder.number, credentials)
            yield Wallet(
                number=holder.number, operator=operator_of(holder.number),
                network=holder.network, signer=holder.signer, client=client, journal=journal,
                edge=SYSTEM_EDGE, block_keys=NO_HEADERS,
            )  # fmt: skip


NO_HEADERS: Any = None
"""Nothing here checks a header."""


async def test_what_comes_is_told_once_and_in_order_through_streams_that_end(
    world: OperatorWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "PAUSE_S", 0.05)
    holder = await world.open_wallet(deposit_fen=1_000)
    payee = await world.open_wallet()
    await holder.exchange(1_000)  # before the watch: not told
    await world.until_followed()
    told: list[int] = []

    async def listen(wallet: Wallet) -> None:
        async for entry in watch(wallet):
            told.append(int(entry["amount_fen"]))  # noqa: PERF401 - looked at meanwhile

    async def streams() -> bool:
        return world.operator.notices.streams.count == 1

    async with wallet_of(world, holder, tmp_path) as wallet:
        task = asyncio.create_task(listen(wallet))
        await until(streams)
        for amount_fen in (1, 2, 3):
            await holder.pay(payee.number, amount_fen)
            await world.until_followed()
            async with world.database.transaction() as connection:
                await end_sessions(connection, holder.number)

        async def is_told() -> bool:
            return told == [1, 2, 3]

        await until(is_told)
        task.cancel()
        await asyncio.wait([task])


async def test_a_refused_stream_ends_the_watch(world: OperatorWorld, tmp_path: Path) -> None:
    holder, other = await world.open_wallet(), await world.open_wallet()
    holder.key_id = other.key_id  # signs in another wallet's name
    async with wallet_of(world, holder, tmp_path) as wallet:
        with pytest.raises(Refusal) as refused:
            await anext(aiter(watch(wallet)))
    assert refused.value.code is Code.REQUEST_SIGNATURE_INVALID
