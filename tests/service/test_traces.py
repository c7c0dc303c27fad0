"""Spans say what was done and how it went, and nothing of anyone."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from jiaozi.service import traces

PARENT = f"00-{'4b' * 16}-{'7a' * 8}-01"


@pytest.fixture
def exporter(monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(traces, "_tracer", lambda: provider.get_tracer("jiaozi"))
    return exporter


def test_without_an_sdk_nothing_is_recorded_and_nothing_sent_along() -> None:
    with traces.request_span([(b"traceparent", PARENT.encode())]) as it:
        it.answered("GET /healthz", 200)
        assert traces.trace_headers() == {}
    assert traces.span("a") is traces.span("b", orders=1) is traces.call_span("GET", "/v1/x")


def test_a_request_is_named_by_its_route_and_lies_under_the_callers_span(
    exporter: InMemorySpanExporter,
) -> None:
    headers = [(b"traceparent", PARENT.encode()), (b"tracestate", b"name=anna")]
    with traces.request_span(headers) as it:
        sent = traces.trace_headers()
        it.answered("GET /v1/wallets/{number}", 404)
    [span] = exporter.get_finished_spans()
    assert span.name == "GET /v1/wallets/{number}"
    assert span.parent is not None
    assert span.parent.span_id == int("7a" * 8, 16)
    assert dict(span.attributes or {}) == {"http.response.status_code": 404}
    assert sent.keys() == {"traceparent"}
    assert sent["traceparent"].startswith(f"00-{'4b' * 16}-")
    assert "anna" not in span.to_json()


@pytest.mark.parametrize("parent", [b"", b"00-zz", b"name of somebody", PARENT.encode() + b"-x"])
def test_a_parent_that_is_none_begins_a_trace_of_its_own(
    exporter: InMemorySpanExporter, parent: bytes
) -> None:
    with traces.request_span([(b"traceparent", parent)]):
        pass
    [span] = exporter.get_finished_spans()
    assert span.parent is None


def test_a_call_is_named_without_what_tells_accounts_apart(exporter: InMemorySpanExporter) -> None:
    for url in ("/v1/accounts/1001000123456783", "/v1/feed?after=1", "/v1/orders"):
        with traces.call_span("GET", url):
            pass
    names = [each.name for each in exporter.get_finished_spans()]
    assert names == ["GET /v1/accounts", "GET /v1/feed", "GET /v1/orders"]


def test_a_failure_is_told_by_its_kind_alone(exporter: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="anna"), traces.span("post batch", orders=3):
        raise ValueError("anna")
    [span] = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert dict(span.attributes or {}) == {"jiaozi.orders": 3, "error.type": "ValueError"}
    assert "anna" not in span.to_json()
    assert not span.events
