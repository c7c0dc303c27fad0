"""Any bytes as the body of orders get answers or a problem document, never a failure, no effect."""

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from jiaozi.protocol import cbor, cose
from jiaozi.protocol.domains import Domain, external_aad
from jiaozi.protocol.refusals import Code
from tests.registry.builders import Wallet
from tests.registry.served import Served, problem

FUZZ = settings(
    max_examples=70,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
NOT_TAKEN = {Code.MALFORMED, Code.NOT_CANONICAL, Code.TOO_LARGE}


@st.composite
def damages(draw: st.DrawFn) -> list[tuple[str, float, bytes]]:
    """What is done to a body: where, as a fraction of its length, and with which bytes."""
    kind = st.sampled_from(["flip", "insert", "delete", "replace", "cut", "repeat"])
    place = st.floats(0, 1, exclude_max=True)
    return draw(st.lists(st.tuples(kind, place, st.binary(min_size=1, max_size=9)), min_size=1))


def damaged(body: bytes, damage: list[tuple[str, float, bytes]]) -> bytes:
    for kind, fraction, data in damage:
        place = int(len(body) * fraction)
        match kind:
            case "flip" if body:
                changed = body[place] ^ (data[0] or 1)
                body = body[:place] + bytes([changed]) + body[place + 1 :]
            case "insert":
                body = body[:place] + data + body[place:]
            case "delete":
                body = body[:place] + body[place + len(data) :]
            case "replace":
                body = body[:place] + data + body[place + len(data) :]
            case "cut":
                body = body[:place]
            case _:
                body += body[place : place + 40]
    return body


async def check(served: Served, body: bytes, payer: Wallet) -> None:
    """Send a body that holds no order that may settle."""
    response = await served.operator().send("POST", "/v1/orders", body)
    if response.status_code == 200:
        answers = cbor.decode(response.content, size_max=len(response.content))
        assert isinstance(answers, list)
        assert all(answer[0] == 0 for answer in answers), answers
    else:
        assert response.status_code in (400, 413)
        assert problem(response)["code"] in NOT_TAKEN
    assert await served.balance_fen(payer) == 1000


@FUZZ
@given(body=st.binary(max_size=200))
async def test_any_bytes_get_an_answer(served: Served, body: bytes) -> None:
    payer = await served.open_wallet(balance_fen=1000)
    await check(served, body, payer)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=80)
    | st.text(max_size=20) | st.floats(),
    lambda inner: st.lists(inner, max_size=5)
    | st.dictionaries(st.integers(0, 23), inner, max_size=9),
    max_leaves=20,
)  # fmt: skip


@FUZZ
@given(values=st.lists(_VALUES, min_size=1, max_size=4))
async def test_any_values_get_an_answer(served: Served, values: list[object]) -> None:
    payer = await served.open_wallet(balance_fen=1000)
    await check(served, b"".join(map(cbor.encode, values)), payer)


@FUZZ
@given(damage=damages())
async def test_damaged_orders_have_no_effect(
    served: Served, damage: list[tuple[str, float, bytes]]
) -> None:
    payer, payee = await served.open_wallet(balance_fen=1000), await served.open_wallet()
    order = served.orders.payment(payer, payee, 1)
    await check(served, damaged(order, damage).replace(order, order[1:]), payer)


@FUZZ
@given(data=_VALUES)
async def test_any_signed_payload_gets_an_answer(served: Served, data: object) -> None:
    payer = await served.open_wallet(balance_fen=1000)
    aad = external_aad(Domain.ORDER, served.network.id)
    signed = cose.sign1(cbor.encode(data), payer.signer, aad)
    await check(served, cbor.encode([signed, []]), payer)
