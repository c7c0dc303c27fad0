"""Live notices (rules.md §F.3): a cursor and nothing else, to whom it may concern, while it may."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from jiaozi.operator.history.model import read_cursor
from jiaozi.operator.http.readers import COOKIE
from jiaozi.operator.notices.streams import StreamLimits
from jiaozi.operator.sessions.end import end_sessions
from jiaozi.operator.sessions.log_in import digest_of
from jiaozi.operator.sessions.model import SESSION_LIFETIME_MS
from jiaozi.operator.wallets.store import find_wallet
from jiaozi.protocol.http_signatures import NETWORK_HEADER, sign_request
from jiaozi.protocol.refusals import Code
from jiaozi.storage.embedded import EmbeddedPostgres
from tests.copies import operator_database
from tests.operator.builders import OperatorWorld, operator_world, until
from tests.operator.holders import Holder
from tests.operator.test_sessions import ORIGIN, log_in, refused

LIMITS = StreamLimits(per_wallet_max=2, total_max=3, heartbeat_s=0.05, lifetime_s=30.0)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dsn(postgres: EmbeddedPostgres) -> AsyncIterator[str]:
    name = f"notices_{secrets.token_hex(8)}"
    yield await operator_database(postgres, name)
    await postgres.drop_database(name)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(dsn: str) -> AsyncIterator[OperatorWorld]:
    """One world for all of this file; each test has wallets of its own."""
    async with operator_world(dsn, stream_limits=LIMITS) as world:
        yield world


@dataclass
class Listener:
    """Reads one stream in the background."""

    lines: list[str] = field(default_factory=list)
    has_ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def cursors(self) -> list[str]:
        """The data of all events so far."""
        return [each.removeprefix("data: ") for each in self.lines if each.startswith("data:")]

    async def run(self, answer: httpx.Response) -> None:
        async for line in answer.aiter_lines():
            self.lines.append(line)
        self.has_ended.set()

    async def until_ended(self) -> None:
        async with asyncio.timeout(30):
            await self.has_ended.wait()

    async def until_told(self, count: int) -> None:
        async def is_told() -> bool:
            return len(self.cursors) >= count

        await until(is_told)


@asynccontextmanager
async def listening_to(
    holder: Holder, *, cookie: str | None = None, http: httpx.AsyncClient | None = None,
    **headers: str,
) -> AsyncIterator[Listener]:  # fmt: skip
    """Open the stream of a wallet, by its signature or by a session."""
    url, http = f"{holder.path}/events", http or holder.http
    if cookie is None:
        headers |= signed(holder, url)
    else:
        headers |= {"Cookie": f"{COOKIE}={cookie}", "Sec-Fetch-Site": "same-origin"}
    async with http.stream("GET", url, headers=headers) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        listener = Listener()
        task = asyncio.create_task(listener.run(answer))
        try:
            yield listener
        finally:
            task.cancel()
            await asyncio.wait([task])


def signed(holder: Holder, url: str) -> dict[str, str]:
    headers = {NETWORK_HEADER: holder.network.hex()}
    return headers | sign_request(
        method="GET", url=url, headers=headers, body=b"", signer=holder.signer,
        key_id=holder.key_id, created_s=holder.clock() // 1000, nonce=secrets.token_hex(8),
    )  # fmt: skip


async def newest(holder: Holder) -> str:
    entries = (await holder.ask("GET", f"{holder.path}/history")).json()["entries"]
    return str(entries[0]["cursor"])


async def rich(world: OperatorWorld) -> Holder:
    holder = await world.open_wallet(deposit_fen=1_000)
    await holder.exchange(1_000)
    await world.until_followed()
    return holder


async def open_streams(world: OperatorWorld) -> int:
    return world.operator.notices.streams.count


async def test_a_payment_is_told_to_both_ends_as_a_cursor_and_nothing_else(
    world: OperatorWorld,
) -> None:
    payer, payee = await rich(world), await world.open_wallet()
    async with listening_to(payer) as paying, listening_to(payee) as paid:
        await paying.until_told(1)
        assert paid.cursors == []
        await payer.pay(payee.number, 7)
        await paying.until_told(2)
        await paid.until_told(1)
        assert paid.cursors == [await newest(payee)]
        assert paying.cursors[-1] == await newest(payer)
        for line in {*paying.lines, *paid.lines}:
            name, _, value = line.partition(": ")
            assert name in ("id", "data", "", ":")
            if value:
                read_cursor(value)


async def test_others_hear_nothing(world: OperatorWorld) -> None:
    payer, payee, bystander = await rich(world), await world.open_wallet(), await rich(world)
    async with listening_to(bystander) as listener, listening_to(payee) as paid:
        await listener.until_told(1)
        await payer.pay(payee.number, 7)
        await paid.until_told(1)
        assert len(listener.cursors) == 1


async def test_who_comes_again_is_told_what_it_missed_and_only_that(world: OperatorWorld) -> None:
    payer, payee = await rich(world), await world.open_wallet()
    last = await newest(payer)
    async with listening_to(payer, **{"Last-Event-ID": last}) as listener:
        await asyncio.sleep(3 * LIMITS.heartbeat_s)
        assert listener.cursors == []
    await payer.pay(payee.number, 7)
    await world.until_followed()
    async with listening_to(payer, **{"Last-Event-ID": last}) as listener:
        await listener.until_told(1)
        assert listener.cursors == [await newest(payer)]


async def test_a_last_event_id_that_is_no_cursor_is_refused(world: OperatorWorld) -> None:
    holder, url = await world.open_wallet(), None
    url = f"{holder.path}/events"
    headers = signed(holder, url) | {"Last-Event-ID": "x"}
    answer = await world.http.get(url, headers=headers)
    assert refused(answer) == (400, Code.MALFORMED)
    assert answer.json()["fields"] == {"field": "header.last-event-id"}


async def test_a_quiet_stream_shows_that_it_lives(world: OperatorWorld) -> None:
    async with listening_to(await world.open_wallet()) as listener:

        async def beats() -> bool:
            return listener.lines.count(":") >= 3

        await until(beats)


async def test_streams_are_bounded_for_a_wallet_and_in_all(world: OperatorWorld) -> None:
    holder, second, third = [await world.open_wallet() for _ in range(3)]
    async with listening_to(holder), listening_to(holder):
        url = f"{holder.path}/events"
        answer = await world.http.get(url, headers=signed(holder, url))
        assert (refused(answer), answer.json()["fields"]) == (
            (409, Code.TOO_MANY_STREAMS),
            {"limit": 2},
        )
        async with listening_to(second):
            url = f"{third.path}/events"
            answer = await world.http.get(url, headers=signed(third, url))
            assert answer.json()["fields"] == {"limit": 3}

    async def are_closed() -> bool:
        return await open_streams(world) == 0

    await until(are_closed)  # whoever goes away makes room
    async with listening_to(third):
        assert await open_streams(world) == 1


async def test_a_stream_ends_with_a_freeze_or_a_new_key_however_it_was_opened(
    world: OperatorWorld,
) -> None:
    holder, other = await world.open_wallet(), await world.open_wallet()
    cookie = await log_in(holder)
    async with (
        listening_to(holder) as by_key,
        listening_to(holder, cookie=cookie) as by_session,
        listening_to(other) as others,
    ):
        async with world.database.transaction() as connection:
            await end_sessions(connection, holder.number)
        await by_key.until_ended()
        await by_session.until_ended()
        assert not others.has_ended.is_set()


async def test_a_stream_ends_with_the_session_that_signs_out(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    cookie = await log_in(holder)
    async with listening_to(holder, cookie=cookie) as mine, listening_to(holder) as by_key:
        headers = {"Cookie": f"{COOKIE}={cookie}", "Origin": ORIGIN}
        await world.http.delete("/v1/sessions/current", headers=headers)
        world.http.cookies.clear()
        await mine.until_ended()
        assert not by_key.has_ended.is_set()


async def test_a_stream_ends_when_its_session_expires(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    cookie = await log_in(holder)
    world.clock.advance(SESSION_LIFETIME_MS - 1_000)
    async with listening_to(holder, cookie=cookie) as listener:
        await listener.until_ended()


async def test_every_process_of_an_operator_tells(world: OperatorWorld, dsn: str) -> None:
    payer, payee = await rich(world), await world.open_wallet()
    async with (
        operator_world(dsn, world.registry, stream_limits=LIMITS) as another,
        listening_to(payee, http=another.http) as there,
        listening_to(payee) as here,
    ):
        await payer.pay(payee.number, 7)
        await there.until_told(1)
        await here.until_told(1)
        async with another.database.transaction() as connection:
            await end_sessions(connection, payee.number)
        await there.until_ended()
        await here.until_ended()


async def test_a_lost_connection_ends_streams_and_the_next_one_tells_what_was_missed(
    world: OperatorWorld,
) -> None:
    payer, payee = await rich(world), await world.open_wallet()
    async with listening_to(payee) as listener:
        await world.database_value(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND (query LIKE 'LISTEN%' OR query LIKE '%AS watched%')"
        )
        await listener.until_ended()
    await payer.pay(payee.number, 7)

    async def is_told() -> bool:
        async with listening_to(payee) as again:
            await asyncio.sleep(2 * LIMITS.heartbeat_s)
            return bool(again.cursors)

    await until(is_told)


async def test_the_process_ends_without_waiting_for_streams(world: OperatorWorld, dsn: str) -> None:
    holder = await world.open_wallet()
    async with httpx.AsyncClient(trust_env=False) as http, AsyncExitStack() as listening:
        async with operator_world(dsn, world.registry, stream_limits=LIMITS) as another:
            http.base_url = another.http.base_url
            listener = await listening.enter_async_context(listening_to(holder, http=http))
            ending = listening.enter_context(capture_logs())
        assert listener.has_ended.is_set()
    assert "drain_timeout" not in [each["event"] for each in ending]


async def test_a_stream_ends_when_its_session_ended_between_check_and_opening(
    world: OperatorWorld,
) -> None:
    holder = await rich(world)
    cookie = await log_in(holder)
    async with world.operator.database.connection() as connection:
        wallet = await find_wallet(connection, holder.number)
    assert wallet is not None
    session = digest_of(cookie)
    notices = world.operator.notices
    streams = [await notices.open(wallet, session=session), await notices.open(wallet)]
    assert [each.has_ended for each in streams] == [False, False]
    for each in streams:
        notices.streams.forget(each)
    async with world.operator.database.transaction() as connection:
        await end_sessions(connection, holder.number)
    late = await notices.open(wallet, session=session)
    other_key = await notices.open(replace(wallet, public_key=bytes(32)))
    for each in (late, other_key):
        notices.streams.forget(each)
    assert (late.has_ended, other_key.has_ended) == (True, True)


async def test_a_stream_is_opened_by_the_wallet_alone(world: OperatorWorld) -> None:
    holder, other = await world.open_wallet(), await world.open_wallet()
    url = f"{holder.path}/events"
    assert refused(await world.http.get(url)) == (401, Code.REQUEST_UNSIGNED)
    assert refused(await other.ask("GET", url)) == (403, Code.NOT_ALLOWED)
    cookie = await log_in(other)
    headers = {"Cookie": f"{COOKIE}={cookie}"}
    assert refused(await world.http.get(url, headers=headers)) == (403, Code.NOT_ALLOWED)
