"""rules.md §F.1: an operator reads what is its own, by no route more; an auditor whole blocks."""

from base64 import b64decode

import pytest

from jiaozi.protocol import blocks, cbor, numbers
from jiaozi.protocol.block_keys import BlockKeys
from jiaozi.protocol.blocks import SignedHeader
from jiaozi.protocol.genesis import read_genesis
from jiaozi.protocol.ids import OrderId
from jiaozi.protocol.order_types import OrderType
from jiaozi.protocol.orders import parse
from jiaozi.protocol.receipts import Receipt, verify_receipt
from jiaozi.protocol.refusals import Code, Refusal
from tests.registry.builders import Wallet, new_wallet
from tests.registry.conftest import PROVIDED_FEN
from tests.registry.limited import LIMITED
from tests.registry.network import key
from tests.registry.served import Served, problem

ONE, OTHER = 1001, 1002


def header_of(served: Served, data: bytes) -> SignedHeader:
    return blocks.read_header(
        data, block_keys=BlockKeys.stated(served.keys.block.public_key), network=served.network.id
    )


def receipt_url(order: bytes, reader: Wallet | None = None) -> str:
    read = parse(order)
    url = f"/v1/receipts/{read.scope:016d}/{read.id.hex()}"
    return f"{url}?reader={reader.number:016d}" if reader else url


async def receipt_for(served: Served, order: bytes, reader: Wallet) -> Receipt:
    response = await served.operator(reader.operator).get(receipt_url(order, reader))
    assert response.status_code == 200, response.text
    return verify_receipt(
        response.content,
        block_keys=BlockKeys.stated(served.keys.block.public_key),
        network=served.network.id,
    )


async def own_urls(served: Served, operator: int) -> list[str]:
    """Every address at which an operator reads something of its own."""
    payer = await served.open_wallet(operator, balance_fen=100)
    payee = await served.open_wallet(operator)
    order = served.orders.payment(payer, payee, 1)
    await served.operator(operator).settle(order)
    return [
        f"/v1/accounts/{payer.number:016d}",
        f"/v1/accounts/{numbers.vault_of(operator):016d}",
        f"/v1/accounts/{numbers.reserve_of(operator):016d}",
        f"/v1/outcomes/{payer.number:016d}/{parse(order).id.hex()}",
        receipt_url(order),
        receipt_url(order, payer),
        receipt_url(order, payee),
    ]


async def test_operator_reads_what_is_its_own_and_no_other(served: Served) -> None:
    for url in await own_urls(served, ONE):
        assert (await served.operator(ONE).get(url)).status_code == 200, url
        response = await served.operator(OTHER).get(url)
        assert (response.status_code, problem(response)["code"]) == (404, Code.NOT_FOUND), url


async def test_what_is_anothers_looks_like_what_is_not_there(served: Served) -> None:
    payer, payee = await served.open_wallet(OTHER, balance_fen=9), await served.open_wallet(OTHER)
    order = served.orders.payment(payer, payee, 1)
    await served.operator(OTHER).settle(order)
    nobody = new_wallet(ONE, 10**9)
    unsent = served.orders.payment(payer, payee, 1)
    for there, absent in (
        (f"/v1/accounts/{payer.number:016d}", f"/v1/accounts/{nobody.number:016d}"),
        (receipt_url(order, payee), receipt_url(unsent, payee)),
        (receipt_url(order), receipt_url(unsent)),
    ):
        one, two = await served.operator().get(there), await served.operator().get(absent)
        assert (one.status_code, one.content) == (two.status_code, two.content)


@pytest.mark.parametrize(
    ("who", "status", "code"),
    [
        ("officer 1", 403, Code.NOT_ALLOWED),
        ("auditor", 403, Code.NOT_ALLOWED),
        ("certify 1001", 403, Code.NOT_ALLOWED),
        ("vault 1001", 403, Code.NOT_ALLOWED),
        ("block", 403, Code.NOT_ALLOWED),
        ("a foreign key", 401, Code.REQUEST_SIGNATURE_INVALID),
        ("", 401, Code.REQUEST_UNSIGNED),
    ],
)
async def test_only_operators_read_as_operators(
    served: Served, who: str, status: int, code: Code
) -> None:
    caller = served.caller(key(who) if who else None)
    for url in [*await own_urls(served, ONE), "/v1/feed?after=0"]:
        response = await caller.get(url)
        assert (response.status_code, problem(response)["code"]) == (status, code), url


async def test_only_an_auditor_reads_whole_blocks(served: Served) -> None:
    url = "/v1/blocks?from=0&limit=3"
    for who in ("transport 1001", "officer 1", "vault 1001", "block"):
        response = await served.caller(key(who)).get(url)
        assert (response.status_code, problem(response)["code"]) == (403, Code.NOT_ALLOWED)
    assert (await served.caller(None).get(url)).status_code == 401
    response = await served.auditor.get(url)
    assert response.headers["content-type"] == "application/cbor-seq"
    items = cbor.decode_sequence(response.content, items_max=100, item_size_max=2**20)
    values = [value for value, _ in items]
    assert len(values) == 6
    for header, body in zip(values[::2], values[1::2], strict=True):
        assert isinstance(header, bytes)
        assert isinstance(body, bytes)
        assert header_of(served, header).header.body_hash == blocks.body_hash(body)


async def test_public_routes_need_no_key(served: Served) -> None:
    http = served.http
    genesis = (await http.get("/v1/genesis")).content
    assert read_genesis(genesis).id == served.network.id
    assert (await http.get("/v1/rulebook")).json()["rulebook_hash"] == LIMITED.hash.hex()
    for url in ("/healthz", "/metrics", "/openapi.json"):
        assert (await http.get(url)).status_code == 200


async def test_headers_are_an_unbroken_chain(served: Served) -> None:
    await served.open_wallet()
    content = (await served.http.get("/v1/headers?from=0&limit=1000")).content
    previous, time_ms = blocks.NO_PREVIOUS, 0
    for height, (value, _) in enumerate(
        cbor.decode_sequence(content, items_max=1000, item_size_max=blocks.HEADER_BYTES_MAX)
    ):
        assert isinstance(value, bytes)
        signed = header_of(served, value)
        assert (signed.header.height, signed.header.previous) == (height, previous)
        assert signed.header.time_ms >= time_ms
        previous, time_ms = signed.identity, signed.header.time_ms


async def test_supply_figures_add_up(served: Served) -> None:
    wallet = await served.open_wallet(balance_fen=700)
    supply = (await served.http.get("/v1/supply")).json()
    parts = ("in_vaults_fen", "with_public_fen", "in_escrow_fen", "offline_fen")
    total = sum(supply[part] for part in parts) + supply["in_guarantee_fen"]
    assert supply["outstanding_fen"] == supply["issued_fen"] - supply["destroyed_fen"] == total
    assert supply["issued_fen"] >= 2 * PROVIDED_FEN
    await served.operator().settle(served.orders.redeem(wallet, 700))
    after = (await served.http.get("/v1/supply")).json()
    assert after["in_vaults_fen"] == supply["in_vaults_fen"] + 700
    assert after["with_public_fen"] == supply["with_public_fen"] - 700


async def test_account_shows_limits_and_what_was_spent(served: Served) -> None:
    payer, payee = await served.open_wallet(balance_fen=1000), await served.open_wallet(OTHER)
    await served.operator().settle(served.orders.payment(payer, payee, 300))
    account = (await served.operator().get(f"/v1/accounts/{payer.number:016d}")).json()
    assert account["number"] == f"{payer.number:016d}"
    assert account["operator"] == "1001"
    assert account["public_key"] == payer.signer.public_key.hex()
    fen = ("balance_fen", "day_spent_fen", "year_spent_fen")
    assert [account[each] for each in fen] == [700, 300, 300]


async def test_outcome_is_settled_refused_or_absent_as_of_a_header(served: Served) -> None:
    payer, payee = await served.open_wallet(balance_fen=100), await served.open_wallet()
    settled, refused, unsent = (served.orders.payment(payer, payee, each) for each in (60, 41, 1))
    [one, two] = await served.operator().submit(settled, refused)
    for order, expected in (
        (settled, ["settled", [0], *one[2:]]),
        (refused, ["refused", [Code.INSUFFICIENT_FUNDS, 40], *two[2:]]),
        (unsent, ["absent", None, None, None]),
    ):
        read = parse(order)
        url = f"/v1/outcomes/{read.scope:016d}/{read.id.hex()}"
        told = (await served.operator().get(url)).json()
        assert [told[each] for each in ("state", "outcome", "height", "position")] == expected
        assert told["identity"] == (None if order is unsent else read.identity.hex())
        header = header_of(served, b64decode(told["header"])).header
        assert header.height >= (told["height"] or 0)


async def test_each_reader_of_a_receipt_sees_its_own_legs(served: Served) -> None:
    payer = await served.open_wallet(ONE, balance_fen=1000)
    near, far = await served.open_wallet(ONE), await served.open_wallet(OTHER)
    legs = [
        served.orders.leg(payer.number, near.number, 10),
        served.orders.leg(payer.number, far.number, 20),
        served.orders.leg(payer.number, near.number, 30),
    ]
    order = served.orders.sign(served.orders.head(OrderType.PAYMENT), [payer.signer], legs)
    [answer] = await served.operator().settle(order)
    for reader, seen in ((payer, legs), (near, [legs[0], legs[2]]), (far, [legs[1]])):
        receipt = await receipt_for(served, order, reader)
        assert list(receipt.order.legs) == seen
        assert [receipt.header.height, receipt.position] == answer[2:]
    for reader in (near, payer):
        response = await served.operator(OTHER).get(receipt_url(order, reader))
        assert response.status_code == 404


async def test_receipt_holds_among_many_orders_of_a_block(served: Served) -> None:
    payer, payee = await served.open_wallet(balance_fen=1000), await served.open_wallet()
    orders = [served.orders.payment(payer, payee, each) for each in range(1, 20)]
    answers = await served.operator().settle(*orders)
    for order, answer in zip(orders, answers, strict=True):
        receipt = await receipt_for(served, order, payee)
        assert [receipt.header.height, receipt.position] == answer[2:]


async def test_refused_payment_is_proved_to_the_payer_alone(served: Served) -> None:
    payer, payee = await served.open_wallet(balance_fen=100), await served.open_wallet()
    order = served.orders.payment(payer, payee, 101)
    await served.operator().submit(order)
    assert (await receipt_for(served, order, payer)).outcome == (Code.INSUFFICIENT_FUNDS, 100)
    response = await served.operator().get(receipt_url(order, payee))
    assert response.status_code == 404


async def test_tampered_receipt_proves_nothing(served: Served) -> None:
    payer, payee = await served.open_wallet(balance_fen=100), await served.open_wallet()
    orders = [served.orders.payment(payer, payee, each) for each in (1, 2)]
    await served.operator().settle(*orders)
    response = await served.operator().get(receipt_url(orders[0], payer))
    for place in range(0, len(response.content), 5):
        changed = bytearray(response.content)
        changed[place] ^= 1
        with pytest.raises(Refusal):
            verify_receipt(
                bytes(changed),
                block_keys=BlockKeys.stated(served.keys.block.public_key),
                network=served.network.id,
            )


@pytest.mark.parametrize(
    "url",
    [
        "/v1/accounts/1",
        "/v1/accounts/00000000000000001",
        "/v1/accounts/abcdefghijklmnop",
        "/v1/outcomes/1001000010000007/00",
        f"/v1/outcomes/1001000010000007/{OrderId(bytes(16)).hex()}",
        "/v1/feed",
        "/v1/feed?after=-2",
        "/v1/feed?after=x",
        f"/v1/feed?after={2**63}",
        "/v1/feed?after=0&limit=0",
        "/v1/feed?after=0&wait_ms=10001",
        f"/v1/headers?from={2**63}",
        "/v1/headers?from=-1",
        "/v1/headers?limit=1001",
        "/v1/receipts/1001000010000007/x",
        f"/v1/receipts/1001000010000007/{'0' * 32}?reader=x",
    ],
)
async def test_malformed_address_gets_a_problem_document(served: Served, url: str) -> None:
    response = await served.operator().get(url)
    assert (response.status_code, problem(response)["code"]) == (400, Code.MALFORMED)


async def test_unknown_address_gets_a_problem_document(served: Served) -> None:
    for url in ("/", "/v1", "/v1/nothing", "/v1/accounts", "/v1/feed/"):
        response = await served.operator().get(url)
        assert (response.status_code, problem(response)["code"]) == (404, Code.NOT_FOUND)
