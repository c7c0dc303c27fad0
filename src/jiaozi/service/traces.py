"""Traces: spans for requests, for calls to the registry and for batches, by OpenTelemetry.

Off unless an SDK is there when the process starts, as under
``opentelemetry-instrument jiaozi operator serve …``. Nothing in a span can be a person's: names are
templates of routes and words of ours, attributes are whole numbers and names of errors. Of a
caller's trace only `traceparent` is taken (W3C Trace Context); `tracestate` and `baggage` could say
anything and are left.
"""

import functools
from collections.abc import Iterable
from contextvars import Token
from types import TracebackType
from typing import Self

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    NoOpTracerProvider,
    ProxyTracerProvider,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

__all__ = ["Traced", "call_span", "request_span", "span", "trace_headers"]

_PARENT = "traceparent"
_PARENT_LENGTH = 55
_propagator = TraceContextTextMapPropagator()


@functools.cache
def _tracer() -> Tracer | None:
    """Return what records spans; None when nothing does."""
    provider = trace.get_tracer_provider()
    if isinstance(provider, ProxyTracerProvider | NoOpTracerProvider):
        return None
    return provider.get_tracer("jiaozi")


class Traced:
    """A piece of work while it lasts; without a tracer, nothing."""

    __slots__ = ("_counts", "_kind", "_name", "_parent", "_span", "_token", "_tracer")

    def __init__(
        self,
        tracer: Tracer | None,
        name: str,
        kind: SpanKind,
        *,
        parent: Context | None = None,
        counts: dict[str, int] | None = None,
    ) -> None:
        self._tracer = tracer
        self._name = name
        self._kind = kind
        self._parent = parent
        self._counts = counts
        self._span: Span | None = None
        self._token: Token[Context] | None = None

    def __enter__(self) -> Self:
        if self._tracer is not None:
            self._span = self._tracer.start_span(
                self._name, self._parent, self._kind, attributes=self._counts
            )
            self._token = context.attach(trace.set_span_in_context(self._span, self._parent))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._span is None or self._token is None:
            return
        if kind is not None:
            self._span.set_attribute("error.type", kind.__name__)
            self._span.set_status(StatusCode.ERROR)
        context.detach(self._token)
        self._span.end()

    def answered(self, route: str, status: int) -> None:
        """Name a request by the template of its route and tell its status."""
        if self._span is None:
            return
        self._span.update_name(route)
        self._span.set_attribute("http.response.status_code", status)
        if status >= 500:
            self._span.set_status(StatusCode.ERROR)


_OFF = Traced(None, "", SpanKind.INTERNAL)


def request_span(headers: Iterable[tuple[bytes, bytes]]) -> Traced:
    """Return the span of a request that came, under the caller's if it names one."""
    tracer = _tracer()
    if tracer is None:
        return _OFF
    parent = next((value for name, value in headers if name == _PARENT.encode()), b"")
    carrier = {_PARENT: parent.decode("latin-1")} if len(parent) == _PARENT_LENGTH else {}
    under = _propagator.extract(carrier, Context())
    return Traced(tracer, "request", SpanKind.SERVER, parent=under)


def call_span(method: str, url: str) -> Traced:
    """Return the span of a request to the registry, named without what tells accounts apart."""
    tracer = _tracer()
    if tracer is None:
        return _OFF
    resource = "/".join(url.partition("?")[0].split("/", 3)[:3])
    return Traced(tracer, f"{method} {resource}", SpanKind.CLIENT)


def span(name: str, **counts: int) -> Traced:
    """Return the span of some work of our own, such as ``span("post batch", orders=12)``."""
    tracer = _tracer()
    if tracer is None:
        return _OFF
    attributes = {f"jiaozi.{each}": count for each, count in counts.items()}
    return Traced(tracer, name, SpanKind.INTERNAL, counts=attributes)


def trace_headers() -> dict[str, str]:
    """Return the header that puts the spans of whoever is asked under the current one."""
    carrier: dict[str, str] = {}
    if _tracer() is not None:
        _propagator.inject(carrier)
    return {name: value for name, value in carrier.items() if name == _PARENT}
