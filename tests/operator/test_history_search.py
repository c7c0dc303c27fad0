"""Histories searched and summed up: by counterparty, amount, reference and link."""

import pytest

from jiaozi.protocol.attestations import read_attestation
from jiaozi.protocol.refusals import Code
from tests.operator.builders import OPERATOR, OperatorWorld
from tests.operator.holders import Holder, send_order
from tests.operator.test_history import amounts, history, pair


async def sums(holder: Holder, query: str = "") -> dict[tuple[str, str], tuple[int, int]]:
    answer = await holder.ask("GET", f"{holder.path}/sums{query}")
    assert answer.status_code == 200, answer.text
    told = answer.json()
    found = {
        (each["type"], each["direction"]): (each["amount_fen"], each["entries"])
        for each in told["sums"]
    }
    for direction, name in (("in", "incoming_fen"), ("out", "outgoing_fen")):
        assert told[name] == sum(fen for (_, way), (fen, _) in found.items() if way == direction)
    return found


async def test_a_search_finds_what_was_looked_for_and_nothing_else(world: OperatorWorld) -> None:
    payer, payee = await pair(world)
    other = await world.open_wallet()
    note = b"n" * 32
    await send_order(world.http, payer.payment(payee.number, 70, reference=note))
    await payer.pay(other.number, 30)
    await payer.pay(payee.number, 5)
    await world.until_followed()
    assert await amounts(payer, f"?counterparty={payee.key_id}") == [5, 70]
    assert await amounts(payer, f"?counterparty={other.key_id}") == [30]
    assert await amounts(payer, "?min_fen=30&max_fen=70") == [30, 70]
    assert await amounts(payer, "?max_fen=29") == [5]
    assert await amounts(payer, f"?reference={note.hex()}") == [70]
    assert await amounts(payee, f"?reference={note.hex()}") == [70]
    assert await amounts(other, f"?reference={note.hex()}") == []
    assert await amounts(payer, f"?counterparty={payee.key_id}&min_fen=6&direction=in") == []


async def test_a_return_stands_beside_its_original_at_both_ends(world: OperatorWorld) -> None:
    payer, payee = await pair(world)
    await payer.pay(payee.number, 70)
    await payer.pay(payee.number, 71)
    await world.until_followed()
    original = (await history(payee))["entries"][1]
    identity = bytes.fromhex(original["identity"])
    for amount_fen in (20, 30):
        await send_order(world.http, payee.payment(payer.number, amount_fen, link=identity))
    await send_order(world.http, payee.payment(payer.number, 9999, link=identity))
    await world.until_followed()
    for holder in (payer, payee):
        entries = (await history(holder, "?max_fen=71&type=payment"))["entries"]
        returned = {each["amount_fen"]: each["returned_fen"] for each in entries}
        assert returned == {70: 50, 71: 0, 20: 0, 30: 0}
        linked = await history(holder, f"?link={original['identity']}&max_fen=71")
        assert [each["amount_fen"] for each in linked["entries"]] == [30, 20]


async def test_what_somebody_else_links_to_a_payment_returns_nothing_of_it(
    world: OperatorWorld,
) -> None:
    payer, payee = await pair(world)
    other = await world.open_wallet(deposit_fen=100)
    await other.exchange(50)
    await payer.pay(payee.number, 70)
    await world.until_followed()
    original = (await history(payer))["entries"][0]
    identity = bytes.fromhex(original["identity"])
    await send_order(world.http, other.payment(payer.number, 10, link=identity))
    await send_order(world.http, payer.payment(payee.number, 10, link=identity))
    await world.until_followed()
    entries = (await history(payer))["entries"]
    assert [each["returned_fen"] for each in entries if each["amount_fen"] == 70] == [0]


async def test_sums_count_what_settled_by_type_and_direction(world: OperatorWorld) -> None:
    payer, payee = await pair(world)
    await payer.pay(payee.number, 70)
    await payer.pay(payee.number, 5)
    await payer.pay(payee.number, 9999)
    await payee.pay(payer.number, 1)
    await payer.redeem(payer.redeem_order(6))
    await world.until_followed()
    assert await sums(payer) == {
        ("payment", "out"): (75, 2),
        ("payment", "in"): (1, 1),
        ("redeem", "out"): (6, 1),
        ("exchange", "in"): (1000, 1),
    }
    assert await sums(payer, "?type=payment&direction=out&min_fen=6") == {
        ("payment", "out"): (70, 1)
    }
    assert await sums(payer, "?to_ms=1") == {}


@pytest.mark.parametrize(
    "query",
    [
        "counterparty=1", "counterparty=x", "min_fen=0", "max_fen=-1", f"max_fen={2**63}",
        "reference=00", "link=zz", "type=issue", f"reference={'A' * 64}",
    ],
)  # fmt: skip
async def test_filters_that_are_none_are_refused(world: OperatorWorld, query: str) -> None:
    holder = await world.open_wallet()
    for route in ("history", "sums"):
        answer = await holder.ask("GET", f"{holder.path}/{route}?{query}")
        assert (answer.status_code, answer.json()["code"]) == (400, Code.MALFORMED), query


async def test_an_operator_attests_the_key_of_its_wallet(world: OperatorWorld) -> None:
    holder = await world.open_wallet()
    answer = await holder.ask("GET", f"{holder.path}/attestation")
    told = read_attestation(answer.content)
    assert (told.operator, told.wallet, told.key) == (
        OPERATOR,
        holder.number,
        holder.signer.public_key,
    )
    certify = world.settings.keys.certify.public_key
    assert told.is_signed_by(certify, world.network)
    assert told.covers(world.clock())
