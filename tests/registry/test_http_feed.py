"""rules.md §F.1: an operator learns all that is its own from its feed, and can prove it."""

import asyncio
import time

import pytest

from jiaozi.protocol import cbor, feed
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.feed import FeedBlock, Head
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import parse, parse_view
from jiaozi.protocol.refusals import Code, Refusal
from tests.registry.builders import new_wallet
from tests.registry.feeds import split
from tests.registry.served import Served

ONE, OTHER = 1001, 1002


def read(served: Served, operator: int, data: bytes, before: Head) -> FeedBlock:
    return feed.read_block(
        data,
        operator=operator,
        before=before,
        block_keys=BlockKeys.stated(served.keys.block.public_key),
        network=served.network.id,
    )


async def follow(served: Served, operator: int, *, limit: int = 50) -> list[FeedBlock]:
    """Read an operator's whole feed, page by page, and verify each block."""
    after, head, followed = 0, feed.START, []
    while True:
        response = await served.operator(operator).get(f"/v1/feed?after={after}&limit={limit}")
        assert response.headers["content-type"] == "application/cbor-seq"
        pages = split(response.content)
        for data in pages:
            followed.append(read(served, operator, data, head))
            head = followed[-1].head
        if not pages:
            return followed
        assert int(response.headers["jiaozi-height"]) >= followed[-1].header.header.height > after
        after = int(response.headers["jiaozi-height"])


def seen(followed: list[FeedBlock], *orders: bytes) -> list[list[bytes | None] | None]:
    """The legs that are shown of each order, None where the order is not."""
    shown = {entry.cose: entry.legs for block in followed for entry in block.entries}
    return [shown.get(parse(order).cose) for order in orders]


async def test_operator_learns_of_its_own_legs_only(served: Served) -> None:
    payer = await served.open_wallet(ONE, balance_fen=1000)
    near, far = await served.open_wallet(ONE), await served.open_wallet(OTHER)
    inside = served.orders.payment(payer, near, 1)
    legs = [
        served.orders.leg(payer.number, near.number, 10),
        served.orders.leg(payer.number, far.number, 20),
    ]
    both = served.orders.sign(served.orders.head(OrderType.PAYMENT), [payer.signer], legs)
    refused = served.orders.payment(payer, far, 1001)
    await served.operator().submit(inside, both, refused)
    one, two = [each.encoded() for each in legs]
    everything = parse(inside).legs[0].encoded(), parse(refused).legs[0].encoded()
    mine, others = await follow(served, ONE), await follow(served, OTHER)
    assert seen(mine, inside, both, refused) == [[everything[0]], [one, two], [everything[1]]]
    assert seen(others, inside, both, refused) == [None, [None, two], None]
    [entry] = [e for block in others for e in block.entries if e.cose == parse(both).cose]
    assert [leg.credit for leg in parse_view(entry.cose, entry.legs).legs] == [far.number]


async def test_feed_shows_openings_exchanges_and_issues(served: Served) -> None:
    wallet = new_wallet(ONE, served.orders.series * 1000 + 999)
    orders = [served.orders.open_account(wallet), served.orders.exchange(wallet, 5)]
    await served.operator().settle(*orders)
    officers = [served.orders.fund_reserve(ONE, 1), served.orders.issue(ONE, 1)]
    await served.officer.settle(*officers)
    shown = seen(await follow(served, ONE), *orders, *officers)
    assert None not in shown
    assert seen(await follow(served, OTHER), *orders, *officers) == [None] * 4


async def test_pages_of_any_size_give_the_same_feed(served: Served) -> None:
    for _ in range(4):
        await served.open_wallet()
    small, large = await follow(served, ONE, limit=3), await follow(served, ONE)
    assert small == large
    assert [block.head.sequence for block in small] == [
        sum(len(each.entries) for each in small[: i + 1]) for i in range(len(small))
    ]


async def test_feed_waits_for_the_next_block(served: Served) -> None:
    response = await served.operator(ONE).get("/v1/feed?after=0&limit=1")
    height = int((await served.http.get("/v1/supply")).json()["height"])
    waiting = asyncio.create_task(
        served.operator(ONE).get(f"/v1/feed?after={height}&wait_ms=10000")
    )
    await asyncio.sleep(0.05)
    assert not waiting.done()
    started = time.monotonic()
    await served.open_wallet(ONE)
    response = await waiting
    assert time.monotonic() - started < 5
    assert len(split(response.content)) == 1
    assert int(response.headers["jiaozi-height"]) == height + 1


async def test_feed_that_has_nothing_says_up_to_where(served: Served) -> None:
    await served.open_wallet(ONE)
    height = int((await served.http.get("/v1/supply")).json()["height"])
    response = await served.operator(OTHER).get(f"/v1/feed?after={height - 1}&wait_ms=20")
    assert (response.content, int(response.headers["jiaozi-height"])) == (b"", height)


def without_entry(data: bytes, place: int) -> bytes:
    """Leave an entry out of an encoded feed block, as a dishonest registry would."""
    value = cbor.decode(data, size_max=len(data))
    assert isinstance(value, bytes)
    items = [
        encoded
        for _, encoded in cbor.decode_sequence(
            value, items_max=10_000, item_size_max=feed.ENTRY_BYTES_MAX
        )
    ]
    del items[1 + place]
    return cbor.encode(b"".join(items))


async def test_omission_shows(served: Served) -> None:
    payer, payee = await served.open_wallet(balance_fen=1000), await served.open_wallet()
    height = int((await served.http.get("/v1/supply")).json()["height"])
    orders = [served.orders.payment(payer, payee, each) for each in (1, 2, 3)]
    await served.operator().settle(*orders)
    await served.operator().settle(served.orders.payment(payer, payee, 4))
    before = (await follow(served, ONE))[-3].head
    response = await served.operator().get(f"/v1/feed?after={height}")
    first, second = split(response.content)
    for place in range(3):
        with pytest.raises(Refusal) as raised:
            read(served, ONE, without_entry(first, place), before)
        assert raised.value.code is Code.SIGNATURE_INVALID
    with pytest.raises(Refusal):
        read(served, ONE, second, before)
    with pytest.raises(Refusal):
        read(served, OTHER, first, before)
    assert len(read(served, ONE, first, before).entries) == 3
