"""An operator's own figures for Prometheus.

What the gateway holds is read when it is asked for; what the database holds, from time to time.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files

import structlog
from prometheus_client import CollectorRegistry, Gauge

from jiaozi.operator.gateway.batch import Batcher
from jiaozi.operator.headers.doubt import Doubt
from jiaozi.operator.history.store import read_position
from jiaozi.operator.offline.payment_model import GIVEN_UP
from jiaozi.operator.registry.client import RegistryClient
from jiaozi.protocol.refusals import Code
from jiaozi.storage.database import Database
from jiaozi.storage.errors import StorageUnavailable
from jiaozi.storage.queries import load_statements

__all__ = ["OperatorFigures"]

PERIOD_S = 15.0

_log = structlog.get_logger("jiaozi.operator")


@dataclass(frozen=True, slots=True)
class _Statements:
    open_sagas: str
    given_up: str
    taken_up: str


_SQL = load_statements(_Statements, files("jiaozi.operator") / "figures.sql")


class OperatorFigures:
    """The figures of one process; `run` is to be a task."""

    def __init__(
        self,
        figures: CollectorRegistry,
        *,
        database: Database,
        batcher: Batcher,
        registry_client: RegistryClient,
        doubt: Doubt,
        all_work: Callable[[], bool],
    ) -> None:
        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            return Gauge(f"jiaozi_{name}", meaning, labels, registry=figures)

        self._database = database
        gauge("gateway_waiting", "Orders that wait to be sent.").set_function(
            lambda: batcher.waiting
        )
        gauge("gateway_in_flight", "Batches at the registry.").set_function(
            lambda: batcher.in_flight
        )
        gauge("registry_reachable", "1 while the registry answers.").set_function(
            lambda: float(registry_client.is_reachable)
        )
        gauge("background_works", "1 while every background task runs.").set_function(
            lambda: float(all_work())
        )
        gauge("equivocations", "Proofs against the registry, not judged yet.").set_function(
            lambda: doubt.proofs
        )
        self._feed_height = gauge("feed_height", "Block up to which the feed was read.")
        self._feed_time = gauge("feed_time_seconds", "Unix time of that block.")
        self._open = gauge(
            "sagas_open", "Openings, exchanges, offline payments and the like under way.", "kind"
        )
        self._oldest = gauge(
            "saga_oldest_seconds", "Unix time at which the oldest of them began; 0: none.", "kind"
        )
        self._given_up = gauge(
            "offline_payments_given_up", "Offline payments that nobody here can settle.", "code"
        )
        for each in GIVEN_UP:
            self._given_up.labels(each.name.lower()).set(0)

        self._taken_up = gauge(
            "offline_devices_taken_up", "Devices that nobody enrolled, as far as known here."
        )

    async def run(self) -> None:
        """Look into the database until cancelled."""
        while True:
            try:
                await self.look()
            except StorageUnavailable as error:
                _log.warning("figures_not_read", problem=str(error))
            await asyncio.sleep(PERIOD_S)

    async def look(self) -> None:
        """Look into the database once.

        Raises:
            StorageUnavailable: It does not answer; the figures stay as they were.
        """
        async with self._database.connection() as connection:
            position = await read_position(connection)
            sagas = await connection.fetch(_SQL.open_sagas)
            given_up = await connection.fetch(_SQL.given_up)
            taken_up = await connection.fetchval(_SQL.taken_up)
        self._feed_height.set(position.height)
        self._feed_time.set(position.time_ms / 1000)
        for each in sagas:
            self._open.labels(each["kind"]).set(each["open"])
            self._oldest.labels(each["kind"]).set((each["oldest_ms"] or 0) / 1000)
        for each in given_up:
            self._given_up.labels(Code(each["code"]).name.lower()).set(each["payments"])
        self._taken_up.set(taken_up)
