"""Run the central bank's service: registry and HTTP API in one process."""

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

import structlog

from jiaozi.central_bank.figures import count_registry
from jiaozi.central_bank.http.access import Access
from jiaozi.central_bank.http.accounts import account_routes
from jiaozi.central_bank.http.certificates import certificate_routes
from jiaozi.central_bank.http.devices import device_routes, revocation_routes
from jiaozi.central_bank.http.reads import auditor_routes, operator_routes, public_routes
from jiaozi.central_bank.http.statements import statement_routes
from jiaozi.central_bank.rates import CentralBankRates, counted_as
from jiaozi.central_bank.registry.block_signers import BlockSigners
from jiaozi.central_bank.registry.found import found
from jiaozi.central_bank.registry.intake import Intake, encode_answers
from jiaozi.central_bank.registry.revocation_frames import RevocationFrames
from jiaozi.central_bank.registry.state_hash import StateHasher
from jiaozi.central_bank.registry.verifiers import Verifiers
from jiaozi.central_bank.registry.writer import (
    IDLE_BLOCK_S,
    InvariantBroken,
    Writer,
    WriterLimits,
)
from jiaozi.central_bank.rulebook.model import Rulebook
from jiaozi.protocol.certificates import Use
from jiaozi.protocol.refusals import Code
from jiaozi.service.application import add_routes, new_application
from jiaozi.service.dispatch import AsgiApp, Dispatcher, HotRequest, HotResponse, HotRoute
from jiaozi.service.metrics import new_registry
from jiaozi.service.network_examples import ANSWERS, PAYMENT
from jiaozi.service.openapi import SIGNATURE, may_refuse, raw_content
from jiaozi.service.problems import Unhealthy
from jiaozi.service.rates import RateLimit, UnderWay
from jiaozi.storage.database import Database

ORDERS_BYTES_MAX = 4 << 20
ORDERS_OPERATION = {
    "summary": "Take signed orders",
    "description": "A CBOR sequence of 1 to 2,000 submissions from an operator's transport key or "
    "an officer's key. The answer is a CBOR array with one item for each: "
    "`[1, outcome, height, position]` for what stands in a block, `[0, code, [field, ...]]` for "
    "what was refused without effect.",
    "tags": ["operators"],
    "security": [{SIGNATURE: []}],
    "requestBody": {
        "required": True,
        "content": raw_content("application/cbor-seq", PAYMENT.hex()),
    },
    "responses": {
        "200": {
            "description": "An answer for each",
            "content": raw_content("application/cbor", ANSWERS.hex()),
        }
    },
    **may_refuse(Code.NOT_CANONICAL),
}
VERIFIER_PROCESSES = 2
GARBAGE_THRESHOLD = 100_000
BUSY_RETRY_MS = 1_000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class CentralBankSettings:
    """What a central bank's process needs to run.

    Attributes:
        list_signers: What signs the revocation list; without a key at hand nobody gets it.
        certificates: The root's, of the keys in genesis: operators hand them to devices.
    """

    dsn: str
    genesis: bytes
    block_signers: BlockSigners
    library: Mapping[bytes, Rulebook]
    verifier_processes: int = VERIFIER_PROCESSES
    idle_block_s: float = IDLE_BLOCK_S
    limits: WriterLimits = field(default_factory=WriterLimits)
    database_connections_max: int = 8
    statement_timeout_ms: int = 30_000
    rates: CentralBankRates = field(default_factory=CentralBankRates)
    list_signers: BlockSigners = field(default_factory=lambda: BlockSigners(use=Use.LIST_SIGNING))
    certificates: tuple[bytes, ...] = ()


@asynccontextmanager
async def open_central_bank(settings: CentralBankSettings) -> AsyncIterator[AsgiApp]:
    """Start registry and writer, yield the application, and end them."""
    async with await Database.open(
        settings.dsn,
        name="central-bank",
        pool_size=settings.database_connections_max,
        statement_timeout_ms=settings.statement_timeout_ms,
    ) as database:
        genesis = await found(
            database,
            settings.genesis,
            block_signers=settings.block_signers,
            library=settings.library,
        )
        writer = Writer(
            database,
            genesis=genesis,
            block_signers=settings.block_signers,
            idle_block_s=settings.idle_block_s,
            limits=settings.limits,
        )
        verifiers = Verifiers(settings.verifier_processes)
        await verifiers.start()
        hasher = StateHasher(writer, settings.dsn)
        running = [asyncio.create_task(_run(writer)), asyncio.create_task(hasher.run())]
        _collect_garbage_rarely()
        try:
            yield _application(settings, writer, verifiers, database)
        finally:
            for each in running:
                each.cancel()
            await asyncio.wait(running)
            await verifiers.stop()


def _collect_garbage_rarely() -> None:
    """Look for cycles seldom: a batch's many short-lived objects have none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)


async def _run(writer: Writer) -> None:
    """Run the writer; a broken invariant ends it, and health and orders say so from then on."""
    with contextlib.suppress(InvariantBroken):
        await writer.run()


def _application(
    settings: CentralBankSettings, writer: Writer, verifiers: Verifiers, database: Database
) -> Dispatcher:
    figures = new_registry()
    count_registry(writer, figures)
    rates = settings.rates
    access = Access(lambda: writer.control, RateLimit(rates.caller))
    under_way = UnderWay(rates.orders_bytes_max, retry_after_ms=BUSY_RETRY_MS)
    intake = Intake(writer, verifiers, writer.network)

    async def check_health() -> None:
        if writer.waits_for is not None:
            raise Unhealthy(reason=writer.waits_for.value)

    async def take_orders(request: HotRequest) -> HotResponse:
        caller = access.of_orders(request)
        with under_way.hold(counted_as(caller), len(request.body)):
            return HotResponse(encode_answers(await intake.take(request.body, caller)))

    app = new_application(
        "Jiaozi central bank",
        summary="The registry of who holds what: orders in, outcomes and proofs out.",
        version=version("jiaozi"),
        registry=figures,
        check_health=check_health,
        hot_operations={("POST", "/v1/orders"): ORDERS_OPERATION},
    )
    add_routes(
        app,
        public_routes(writer, database, settings.genesis),
        certificate_routes(writer, writer.network, settings.certificates),
        operator_routes(writer, database, access),
        auditor_routes(database, access),
        account_routes(writer, database, access),
        device_routes(writer, database, access),
        revocation_routes(
            writer, database, RevocationFrames(settings.list_signers, settings.certificates)
        ),
        statement_routes(database, access),
    )
    hot = {("POST", "/v1/orders"): HotRoute(take_orders, ORDERS_BYTES_MAX)}
    addresses = RateLimit(rates.address)
    return Dispatcher(app, hot, registry=figures, addresses=addresses, proxies=rates.proxies)
