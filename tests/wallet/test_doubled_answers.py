"""rules.md §C.2: an answer that a network delivers twice tells no other order's outcome."""

from collections.abc import AsyncIterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import httpx
import pytest

from jiaozi.protocol.http_signatures import REQUEST_HEADER
from jiaozi.protocol.refusals import SETTLED, Code, Outcome
from jiaozi.wallet.edge import SYSTEM_EDGE, Edge
from jiaozi.wallet.errors import NoAnswer
from jiaozi.wallet.model import State
from jiaozi.wallet.pay import Payee, pay
from jiaozi.wallet.store import Journal
from jiaozi.wallet.transport import Patience, Request, Transport
from jiaozi.wallet.wallet import Wallet, journal_path, wallet_of
from tests.system.proxy import Fault, Proxy, proxy_to
from tests.wallet.conftest import ANNA, BEN, PATIENCE, keystore_for
from tests.wallet.fake_operator import FakeOperator

GET = Request(method="GET", path="/v1/anything")
AT_ONCE = Patience(total_s=0.2, attempt_s=0.2, pause_min_s=0.01, pause_max_s=0.01)


@pytest.fixture
async def network(operator: FakeOperator) -> AsyncIterator[Proxy]:
    async with proxy_to(operator.url) as proxy:
        yield proxy


@pytest.fixture
async def far(
    network: Proxy, operator: FakeOperator, edge: Edge, tmp_path: Path
) -> AsyncIterator[Wallet]:
    """A wallet with a network before its operator."""
    keystore = keystore_for(operator)
    keystore = replace(keystore, public=replace(keystore.public, operator_url=network.url))
    with Journal(journal_path(tmp_path)) as journal:
        async with httpx.AsyncClient(timeout=None) as http:
            yield wallet_of(keystore, journal, http, edge=edge, patience=PATIENCE)


async def test_a_payer_is_told_no_other_orders_outcome(
    far: Wallet, network: Proxy, operator: FakeOperator
) -> None:
    outcomes: list[Outcome] = [SETTLED, (int(Code.INSUFFICIENT_FUNDS), 7)]
    operator.rule = lambda _: outcomes.pop(0)
    faults = [Fault.DOUBLE_ANSWER]
    network.weather = lambda _: faults.pop() if faults else None

    first = await pay(far, [Payee(ANNA, 100)])
    second = await pay(far, [Payee(BEN, 200)])

    assert network.befallen == {Fault.DOUBLE_ANSWER: 1}
    assert (first.standing.state, second.standing.state) == (State.SETTLED, State.REFUSED)
    assert operator.paid == {ANNA: 100}


async def test_what_every_answer_does_twice_settles_each_order_once(
    far: Wallet, network: Proxy, operator: FakeOperator
) -> None:
    network.weather = lambda _: Fault.DOUBLE_ANSWER
    for amount_fen in (1, 2, 3):
        paid = await pay(far, [Payee(ANNA, amount_fen)])
        assert paid.standing.state is State.SETTLED
        assert paid.standing.height == len(operator.taken)
    assert operator.paid == {ANNA: 6}


def _names(*given: str | None) -> httpx.MockTransport:
    """Answers under these names, and under the right one for None; each says how many were."""
    left = list(given)

    def answer(request: httpx.Request) -> httpx.Response:
        name = left.pop(0) or request.headers[REQUEST_HEADER]
        headers = {REQUEST_HEADER: name} if name != "none" else {}
        return httpx.Response(200, headers=headers, content=str(len(left)))

    return httpx.MockTransport(answer)


def _transport(http: httpx.AsyncClient) -> Transport:
    return Transport(http, "http://operator.test", edge=SYSTEM_EDGE, patience=AT_ONCE)


@pytest.mark.parametrize("name", ["none", "another"])
async def test_an_answer_under_another_name_or_none_is_asked_for_again(name: str) -> None:
    async with httpx.AsyncClient(transport=_names(name, None)) as http:
        answer = await _transport(http).send(GET)
    assert (answer.body, answer.attempts) == (b"0", 2)


async def test_a_download_writes_its_own_answer_alone() -> None:
    sink = BytesIO()
    async with httpx.AsyncClient(transport=_names("another", None)) as http:
        await _transport(http).download(GET, sink)
    assert sink.getvalue() == b"0"


async def test_a_stream_tells_its_own_lines_alone() -> None:
    async with httpx.AsyncClient(transport=_names("another", None)) as http:
        with pytest.raises(httpx.HTTPError, match="does not repeat"):
            _ = [line async for line in _transport(http).lines(GET, {})]
        assert [line async for line in _transport(http).lines(GET, {})] == ["0"]


async def test_an_operator_that_repeats_no_name_gives_no_definite_answer() -> None:
    async with httpx.AsyncClient(transport=_names(*["none"] * 99)) as http:
        with pytest.raises(NoAnswer, match="older service"):
            await _transport(http).send(GET)
