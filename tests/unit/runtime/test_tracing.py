"""Tracing that is off or cannot be started, and headers of other producers."""

import sys
from types import SimpleNamespace

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ingest_service.settings import IngestSettings
from runtime import tracing
from schema.errors import SetupError
from schema.topics import RECORD_HEADERS


def test_records_have_no_trace_while_tracing_is_off() -> None:
    assert not IngestSettings().tracing
    assert not tracing.is_on()
    assert tracing.record_headers() == list(RECORD_HEADERS)


def test_start_names_the_extra_when_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SetupError, match=r"pip install 'engagement-analytics\[otel\]'"):
        tracing.start("ingest")
    assert not tracing.is_on()


def test_malformed_traceparent_of_a_record_is_ignored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(tracing, "_tracer", provider.get_tracer("test"))
    right = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    values = [None, b"", b"\xff\xfe", b"x" * 9000, right, right]
    records = [SimpleNamespace(headers=(("traceparent", value),)) for value in values]
    many = [
        SimpleNamespace(headers=(("traceparent", b"00-%032x-%016x-01" % (n, n)),))
        for n in range(1, 300)
    ]

    assert len(tracing.parents_in(many)) == tracing.MOST_LINKS
    tracing.record_stored("b1", "t", 0.01, tracing.parents_in(records))
    provider.shutdown()
    [stored, batch] = kept.get_finished_spans()
    assert (stored.name, batch.name) == ("stored", "store t")
    assert len(batch.links) == 1
