"""History: all that the feed told, nothing that it did not, and built again from it."""

import asyncio
from typing import Any

import pytest

from jiaozi.operator.history import follow
from jiaozi.operator.history.model import read_cursor
from jiaozi.operator.sessions import store as sessions
from jiaozi.operator.sessions.model import Session
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.refusals import Code, Refusal
from jiaozi.protocol.suites import Ed25519Signer
from tests.operator.builders import OPERATOR, OperatorWorld, operator_world, until
from tests.operator.fake_registry import Fault, fake_registry
from tests.operator.holders import Holder, send_order
from tests.registry.builders import Orders, Wallet, new_wallet


async def history(holder: Holder, query: str = "") -> dict[str, Any]:
    answer = await holder.ask("GET", f"{holder.path}/history{query}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def amounts(holder: Holder, query: str = "") -> list[int]:
    return [entry["amount_fen"] for entry in (await history(holder, query))["entries"]]


async def pair(world: OperatorWorld) -> tuple[Holder, Holder]:
    """A wallet with 1000 fen, and an empty one."""
    payer, payee = await world.open_wallet(deposit_fen=2000), await world.open_wallet(deposit_fen=1)
    await payer.exchange(1000)
    return payer, payee


async def test_both_ends_see_a_payment_each_from_its_side(world: OperatorWorld) -> None:
    payer, payee = await pair(world)
    note = b"n" * 32
    order = payer.payment(payee.number, 70, reference=note)
    _, _, height, position = await send_order(world.http, order)
    await world.until_followed()
    out = (await history(payer))["entries"][0]
    incoming = (await history(payee))["entries"][0]
    assert (out["direction"], incoming["direction"]) == ("out", "in")
    assert out["counterparty"] == payee.key_id
    assert incoming["counterparty"] == payer.key_id
    for entry in (out, incoming):
        assert (entry["height"], entry["position"]) == (height, position)
        assert (entry["type"], entry["state"], entry["outcome"]) == ("payment", "settled", [0])
        assert entry["reference"] == note.hex()


async def test_a_refused_payment_stands_in_the_payers_history_alone(world: OperatorWorld) -> None:
    payer, payee = await pair(world)
    await payer.pay(payee.number, 1001)
    await world.until_followed()
    entry = (await history(payer))["entries"][0]
    assert (entry["state"], entry["outcome"]) == ("refused", [Code.INSUFFICIENT_FUNDS, 1000])
    assert (await history(payee))["entries"] == []


async def test_pages_are_newest_first_without_gap_or_double(world: OperatorWorld) -> None:
    payer, payee = await pair(world)
    for amount_fen in range(1, 8):
        await payer.pay(payee.number, amount_fen)
    await world.until_followed()
    seen: list[int] = []
    query = "?limit=3"
    while True:
        page = await history(payer, query)
        seen += [each["amount_fen"] for each in page["entries"]]
        if page["next"] is None:
            break
        query = f"?limit=3&after={page['next']}"
    assert seen == [7, 6, 5, 4, 3, 2, 1, 1000]


async def test_filters_narrow_what_is_shown(world: OperatorWorld) -> None:
    payer, payee = await pair(world)
    await payer.pay(payee.number, 100)
    await payee.pay(payer.number, 30)
    await payer.redeem(payer.redeem_order(5))
    await world.until_followed()
    entries = (await history(payer))["entries"]
    assert await amounts(payer, "?type=payment") == [30, 100]
    assert await amounts(payer, "?type=exchange") == [1000]
    assert await amounts(payer, "?type=redeem&direction=out") == [5]
    assert await amounts(payer, "?direction=in") == [30, 1000]
    middle_ms = entries[1]["time_ms"]
    before = [each["amount_fen"] for each in entries if each["time_ms"] < middle_ms]
    assert await amounts(payer, f"?to_ms={middle_ms}") == before
    since = [each["amount_fen"] for each in entries if each["time_ms"] >= middle_ms]
    assert await amounts(payer, f"?from_ms={middle_ms}") == since


async def test_a_wallet_of_another_operator_has_no_history_here(world: OperatorWorld) -> None:
    payer, _ = await pair(world)
    foreign = new_wallet(1002, 7)
    orders = Orders(world.registry.keys, world.network, world.clock)
    opened, exchanged = orders.open_account(foreign), orders.exchange(foreign, 500)
    paid = orders.payment(foreign, Wallet(payer.number, payer.signer, b""), 40)
    world.ledger.submit([opened, exchanged, paid])
    await world.until_followed()
    entry = (await history(payer))["entries"][0]
    assert (entry["amount_fen"], entry["counterparty"]) == (40, f"{foreign.number:016d}")
    count = "SELECT count(*) FROM history_entry WHERE wallet = $1"
    assert await world.database_value(count, foreign.number) == 0


async def test_history_is_built_again_from_the_feed(world: OperatorWorld) -> None:
    payer, payee = await pair(world)
    for amount_fen in range(1, 30):
        await payer.pay(payee.number, amount_fen)
    await world.until_followed()
    everything = "SELECT md5(string_agg(h::text, ',' ORDER BY h)) FROM history_entry AS h"
    before = await world.database_value(everything)
    await world.database_value("DELETE FROM history_entry")
    await world.database_value(
        "UPDATE feed_cursor SET height = 0, sequence = 0, running_hash = $1", bytes(32)
    )
    await world.until_followed()
    assert await world.database_value(everything) == before


@pytest.mark.parametrize("emptied", ["history_entry", "history_entry, wallet_event, rebind_key"])
async def test_what_the_feed_tells_of_wallets_comes_to_the_same_when_it_is_read_again(
    world: OperatorWorld, emptied: str
) -> None:
    holder = await world.open_wallet()
    world.ledger.rebind_wait_ms = 0
    orders = Orders(world.registry.keys, world.network, world.clock)
    wallet = Wallet(holder.number, holder.signer, b"")
    for name in ("first", "second", "third"):
        new = Ed25519Signer(name.encode().ljust(32))
        asked = {"suite": int(new.suite), "key": new.public_key}
        told = [orders.by_operator(OrderType.REBIND_REQUEST, wallet, **asked)]
        if name != "third":
            told.append(orders.by_operator(OrderType.REBIND_COMPLETE, wallet))
        world.ledger.submit(told)
    for wallet_class in (1, 2):
        change = orders.by_operator(OrderType.SET_CLASS, wallet, wallet_class=wallet_class)
        world.ledger.submit([change])
    await world.until_followed()
    session = Session(
        digest=bytes(32), wallet=holder.number, public_key=bytes(32), expires_ms=2**62
    )
    async with world.operator.database.connection() as connection:
        await sessions.add_session(connection, session)
    before = await _life(world)
    await world.database_value(f"TRUNCATE {emptied}")
    await world.database_value(
        "UPDATE feed_cursor SET height = 0, sequence = 0, running_hash = $1", bytes(32)
    )
    await world.until_followed()
    assert await _life(world) == before
    ended = await world.database_value("SELECT count(*) = 0 FROM session")
    assert ended == ("wallet_event" in emptied), "a session begins again, or was not touched"


async def _life(world: OperatorWorld) -> object:
    """All that the feed told of wallets beside their money."""
    return await world.database_value(
        """
        SELECT array_agg(line ORDER BY line) FROM (
            SELECT wallet_event::text AS line FROM wallet_event
            UNION ALL SELECT rebind_key::text FROM rebind_key
            UNION ALL SELECT carried_operator::text FROM carried_operator
            UNION ALL SELECT concat_ws(',', number, wallet_class, public_key, ended_ms) FROM wallet
        ) AS lines
        """
    )


async def test_several_followers_store_each_line_once(world: OperatorWorld) -> None:
    payer, payee = await pair(world)
    orders = [payer.payment(payee.number, 1) for _ in range(40)]
    for order in orders:
        world.ledger.submit([order])
        await asyncio.gather(*(world.operator.follow_feed.step() for _ in range(3)))
    await world.until_followed()
    assert len(await amounts(payer, "?type=payment&limit=100")) == 40


async def test_a_feed_that_leaves_something_out_is_not_taken(database_dsn: str) -> None:
    async with fake_registry() as registry, operator_world(database_dsn, registry) as world:
        payer, payee = await pair(world)
        await world.until_followed()
        registry.ledger.submit([payer.payment(payee.number, 1)])
        registry.ledger.submit([payer.payment(payee.number, 2)])
        registry.ledger.hide_from_feed(OPERATOR, registry.ledger.tip.header.height - 1)
        with pytest.raises(Refusal) as refusal:
            await world.operator.follow_feed.step()
        assert refusal.value.code is Code.SIGNATURE_INVALID
        assert await amounts(payer, "?type=payment") == []
        assert await _health_after_distrust(world) == 503


async def test_a_feed_that_is_refused_is_told_and_asked_for_again(
    database_dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address was another service's for a while."""
    monkeypatch.setattr(follow, "REFUSED_RETRY_S", 0.02)
    async with fake_registry() as registry, operator_world(database_dsn, registry) as world:
        payer, payee = await pair(world)
        await world.until_followed()
        registry.has_feed = False
        registry.idle_block()  # ends the request that waits
        await until(lambda: _is_health(world, 503))
        assert world.operator.follow_feed.refused_as is Code.NOT_FOUND
        await payer.pay(payee.number, 70)
        registry.has_feed = True
        await until(lambda: _is_health(world, 200))
        await world.until_followed()
        assert await amounts(payee, "?type=payment") == [70]


async def _is_health(world: OperatorWorld, status: int) -> bool:
    return (await world.http.get("/healthz")).status_code == status


async def _health_after_distrust(world: OperatorWorld) -> int:
    for _ in range(1_000):
        answer = await world.http.get("/healthz")
        if answer.status_code != 200:
            return answer.status_code
        await asyncio.sleep(0.02)
    return 200


async def test_a_cursor_is_read_or_refused() -> None:
    assert read_cursor("12.3.0") == (12, 3, 0)
    for text in ("", "1.2", "1.2.3.4", "a.b.c", "-1.0.0", f"{2**63}.0.0", f"1.{2**31}.0", "1.1.٣"):
        with pytest.raises(Refusal) as refusal:
            read_cursor(text)
        assert refusal.value.fields == {"field": "after"}


async def test_an_opening_that_the_registry_forgot_is_finished_by_the_feed(
    database_dsn: str,
) -> None:
    async with fake_registry() as registry, operator_world(database_dsn, registry) as world:
        caller = world.new_caller()
        body = await world.opening("+8613900000000", caller)
        registry.faults.append(Fault.LOSE_ANSWER)
        assert (await caller.ask("POST", "/v1/wallets", body)).status_code == 504
        await world.until_followed()
        assert await world.database_value("SELECT state FROM wallet") == "open"
        batches = list(registry.batches)
        assert (await caller.ask("POST", "/v1/wallets", body)).status_code == 201
        assert registry.batches == batches


async def test_a_receipt_of_a_payment_is_found_by_its_payer_whatever_id_the_payee_used(
    world: OperatorWorld,
) -> None:
    """An order of the payee's own, refused under the same id, hides no payment to it."""
    payer, payee = await pair(world)
    order_id = payer.new_id()
    await send_order(world.http, payee.payment(payer.number, 1, id=order_id))
    await send_order(world.http, payer.payment(payee.number, 70, id=order_id))
    await world.until_followed()
    found = await world.operator.read_history.payer(payee.number, order_id)
    assert found == payer.number
