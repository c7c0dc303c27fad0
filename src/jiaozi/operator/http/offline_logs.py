"""What devices hand in: whole logs, payments one by one, and logs to be synchronised.

::

    POST /v1/offline/logs               a log                  -> what became of each payment
    POST /v1/offline/payments           1 to 500 payments      -> the same
    POST /v1/offline/synchronisations   a log of our device    -> [checkpoint, time, [frame, ...]]
    answer = [[payer's key, counter, identity, state, outcome or null], ...]
    state  = 0 open, 1 settled, 2 refused for now and tried again, 3 for another operator,
             4 returned to its device

The requests are not signed: what they bring is. Each counts for its address, a long log for more,
and so does the CPU that it takes. Hot routes, because a log may be longer than other bodies.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from jiaozi.operator.offline.desk import Desk
from jiaozi.operator.offline.settle import Settled
from jiaozi.operator.rates import OperatorLimits
from jiaozi.protocol import cbor
from jiaozi.protocol.offline.log import LOG_BYTES_MAX
from jiaozi.protocol.refusals import Code
from jiaozi.service.dispatch import HotRequest, HotResponse, HotRoute
from jiaozi.service.network_examples import HANDED_IN, LOG, OFFLINE_PAYMENTS, SYNCHRONISED
from jiaozi.service.openapi import ORDER_SHAPE, may_refuse, raw_content
from jiaozi.service.rates import Allowance

LOGS, PAYMENTS = "/v1/offline/logs", "/v1/offline/payments"
SYNCHRONISATIONS = "/v1/offline/synchronisations"
PAYMENTS_BYTES_MAX = 1 << 20
_BYTES_PER_REQUEST = 16_384
"""So much of a body counts as one request."""

_LOG_SHAPE = (*ORDER_SHAPE, Code.SIGNATURE_INVALID, Code.DEVICE_UNCERTIFIED, Code.LOG_DIFFERS)


def _operation(
    summary: str, description: str, body: bytes, answer: bytes, *codes: Code
) -> dict[str, Any]:
    sequence, cbor_type = "application/cbor-seq", "application/cbor"
    answered = {"description": description, "content": raw_content(cbor_type, answer.hex())}
    return {
        "summary": summary,
        "description": description,
        "tags": ["offline"],
        "requestBody": {"required": True, "content": raw_content(sequence, body.hex())},
        "responses": {"200": answered},
        **may_refuse(*codes),
    }


_BECAME = (
    "Of each payment in order: its payer's key, counter, identity, a state, and the registry's "
    "outcome where it waits. States: 0 open, ask again; 1 settled; 2 refused for now, the operator "
    "tries again by itself; 3 it pays into a wallet of another operator; 4 it pays into a wallet "
    "that can never get it, and is back on its device with the next checkpoint."
)
OPERATIONS: Mapping[tuple[str, str], dict[str, Any]] = {
    ("POST", LOGS): _operation(
        "Hand in a device's log, whoever's device it is", _BECAME, LOG, HANDED_IN, *_LOG_SHAPE
    ),
    ("POST", PAYMENTS): _operation(
        "Hand in offline payments as they travel, and unloads", _BECAME, OFFLINE_PAYMENTS,
        HANDED_IN, *ORDER_SHAPE, Code.SIGNATURE_INVALID, Code.DEVICE_UNCERTIFIED,
    ),
    ("POST", SYNCHRONISATIONS): _operation(
        "Hand in the log of one of this operator's devices, and let it go on",
        "The checkpoint, the registry's time, and frames of the revocation list; the same place of "
        "a log gets the same checkpoint.",
        LOG, SYNCHRONISED, *_LOG_SHAPE, Code.OTHER_OPERATOR, Code.SYNCHRONISATION_WAITS,
        Code.DEVICE_SUSPENDED, Code.DEVICE_ENDED,
    ),
}  # fmt: skip


def offline_hot_routes(desk: Desk, limits: OperatorLimits) -> dict[tuple[str, str], HotRoute]:
    """Return the routes."""

    def count(request: HotRequest) -> tuple[bytes, Allowance]:
        limits.addresses.take(request.source, 1 + len(request.body) // _BYTES_PER_REQUEST)
        cpu_ms = limits.hand_in_cpu_ms(request.source)
        cpu_ms.check()
        return request.body, cpu_ms

    async def take_log(request: HotRequest) -> HotResponse:
        _, settled = await desk.hand_in.log(*count(request))
        return _became(settled)

    async def take_payments(request: HotRequest) -> HotResponse:
        return _became(await desk.hand_in.payments(*count(request)))

    async def synchronise(request: HotRequest) -> HotResponse:
        done = await desk.synchronise(*count(request))
        return HotResponse(cbor.encode([done.checkpoint, done.time_message, done.frames]))

    return {
        ("POST", LOGS): HotRoute(take_log, LOG_BYTES_MAX),
        ("POST", PAYMENTS): HotRoute(take_payments, PAYMENTS_BYTES_MAX),
        ("POST", SYNCHRONISATIONS): HotRoute(synchronise, LOG_BYTES_MAX),
    }


def _became(settled: Iterable[Settled]) -> HotResponse:
    rows = [
        [
            each.handed.device,
            each.handed.payment.counter,
            each.handed.identity,
            int(each.told),
            None if each.outcome is None else list(each.outcome),
        ]
        for each in settled
    ]
    return HotResponse(cbor.encode(rows))
