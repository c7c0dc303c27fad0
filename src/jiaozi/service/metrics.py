"""Figures of one process for Prometheus.

Each process has one registry of figures, made at its start and handed to whoever counts something;
there are no global ones, so that several parties can run in one test.
"""

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

METRICS_MEDIA_TYPE = CONTENT_TYPE_PLAIN_0_0_4
METRICS_EXAMPLE = 'jiaozi_http_requests_total{route="GET /healthz",status="200"} 1.0\n'
_DURATION_BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


def new_registry() -> CollectorRegistry:
    """Make the registry of a process, with its memory, CPU time and open files in it."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def exposition(registry: CollectorRegistry) -> bytes:
    """Return all figures in Prometheus' text format."""
    return generate_latest(registry)


class HttpMetrics:
    """Requests and how long they took, by method, route and status."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._requests = Counter(
            "jiaozi_http_requests", "Requests answered.", ("route", "status"), registry=registry
        )
        self._duration_s = Histogram(
            "jiaozi_http_request_duration_seconds",
            "From the first byte taken to the answer.",
            ("route",),
            registry=registry,
            buckets=_DURATION_BUCKETS_S,
        )

        # Finding a figure by its labels costs more than counting.
        self._found: dict[tuple[str, int], tuple[Counter, Histogram]] = {}

    def answered(self, route: str, status: int, duration_s: float) -> None:
        """Count one answered request; `route` is a template, never a path with numbers in it."""
        found = self._found.get((route, status))
        if found is None:
            found = self._requests.labels(route, str(status)), self._duration_s.labels(route)
            self._found[route, status] = found
        requests, durations_s = found
        requests.inc()
        durations_s.observe(duration_s)
