"""rules.md §C.2: an officers' order is told no other order's outcome, whatever comes twice."""

import secrets

import httpx
from prometheus_client import CollectorRegistry

from jiaozi.central_bank.certification.approve import sign_approval, submission_of
from jiaozi.central_bank.issuance.propose import Desk
from jiaozi.central_bank.issuance.send import Sender
from jiaozi.protocol import cbor
from jiaozi.protocol.domains import NetworkId
from jiaozi.protocol.refusals import SETTLED, Code
from jiaozi.protocol.suites import Ed25519Signer
from jiaozi.service.dispatch import Dispatcher, HotRequest, HotResponse, HotRoute
from jiaozi.service.server import listening
from tests.system.proxy import Fault, proxy_to

NETWORK = NetworkId(bytes(32))
OFFICER = Ed25519Signer(bytes(31) + b"\x01")
REFUSED = (int(Code.RESERVE_INSUFFICIENT), 5)


def _submission(amount_fen: int) -> bytes:
    approval = Desk(1_790_000_000_000, secrets.token_bytes).fund_reserve(1001, amount_fen, "R")
    return submission_of(sign_approval(approval, OFFICER, NETWORK))


async def _no_route(*_: object) -> None:
    raise AssertionError


async def test_a_refused_order_is_not_told_as_settled() -> None:
    settled, refused = _submission(1), _submission(2)
    outcomes = {settled: SETTLED, refused: REFUSED}

    async def take(request: HotRequest) -> HotResponse:
        return HotResponse(cbor.encode([[1, list(outcomes[request.body]), 7, 0]]))

    hot = {("POST", "/v1/orders"): HotRoute(take, 4096)}
    faults = [Fault.DOUBLE_ANSWER]
    async with (
        listening(Dispatcher(_no_route, hot, registry=CollectorRegistry())) as registry,
        proxy_to(registry.url) as network,
        httpx.AsyncClient(base_url=network.url, trust_env=False) as http,
    ):
        network.weather = lambda _: faults.pop() if faults else None
        sender = Sender(http=http, network=NETWORK, officer=OFFICER)
        assert await sender.settle(settled) == SETTLED
        assert await sender.settle(refused) == REFUSED
    assert network.befallen == {Fault.DOUBLE_ANSWER: 1}
