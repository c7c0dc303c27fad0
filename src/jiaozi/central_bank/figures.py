"""The registry's own figures for Prometheus; each is read from the writer when it is asked for."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from jiaozi.central_bank.registry.waiting import Wait
from jiaozi.central_bank.registry.writer import Writer

__all__ = ["count_registry"]


def count_registry(writer: Writer, figures: CollectorRegistry) -> None:
    """Show what the writer does: its queue, its blocks, what they hold, what it waits for."""
    figures.register(_Writing(writer))
    figures.register(_Ledger(writer))


class _Writing(Collector):
    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def collect(self) -> Iterator[Metric]:
        writer = self._writer
        yield GaugeMetricFamily(
            "jiaozi_orders_waiting", "Orders that wait for the writer.", writer.waiting
        )
        yield GaugeMetricFamily(
            "jiaozi_orders_waiting_max", "From here on they are busy.", writer.queue_max
        )
        yield GaugeMetricFamily(
            "jiaozi_registry_leads", "1 while this registry writes.", float(writer.leads)
        )
        waits = GaugeMetricFamily(
            "jiaozi_registry_waits", "1 for what this registry waits for.", labels=["reason"]
        )
        for each in Wait:
            waits.add_metric([each.value], float(writer.waits_for is each))
        yield waits
        orders = CounterMetricFamily("jiaozi_orders", "Final orders.", labels=["outcome"])
        orders.add_metric(["settled"], writer.settled)
        orders.add_metric(["refused"], writer.refused)
        yield orders
        yield CounterMetricFamily("jiaozi_batches", "Batches worked on.", writer.batches)
        yield CounterMetricFamily(
            "jiaozi_batch_seconds", "Time spent on them, commits included.", writer.batch_seconds
        )


class _Ledger(Collector):
    """What stands in the last block; nothing while this registry does not lead."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def collect(self) -> Iterator[Metric]:
        if not self._writer.leads:
            return
        tip = self._writer.tip
        yield GaugeMetricFamily("jiaozi_block_height", "Of the last block.", tip.height)
        yield GaugeMetricFamily(
            "jiaozi_block_time_seconds", "Unix time of the last block.", tip.time_ms / 1000
        )
        yield GaugeMetricFamily("jiaozi_issued_fen", "Issued so far.", tip.totals.issued_fen)
        yield GaugeMetricFamily(
            "jiaozi_destroyed_fen", "Destroyed so far.", tip.totals.destroyed_fen
        )
