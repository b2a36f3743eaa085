"""Traces from a request to the batch that stores its events, if ENGAGE_TRACING is on.

OpenTelemetry's own variables, such as OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_TRACES_SAMPLER, set the
destination and the sampling. While tracing is off it costs a comparison with None.

Records have the span of their request in the Kafka header ``traceparent`` (W3C). The span of a
stored batch links to the requests of its events, and each of their traces gets a span ``stored``
that links to the batch.
"""

import time
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from schema.errors import SetupError
from schema.topics import KEY_HEADER, RECORD_HEADERS

Headers = list[tuple[str, bytes]]

_TRACEPARENT: Final = "traceparent"
MOST_LINKS: Final = 128
"""Maximum links of a batch's span; OpenTelemetry's default limit."""
_MAX_KEYS: Final = 1024

_propagator: Final = TraceContextTextMapPropagator()
_tracer: Tracer | None = None


def start(service: str) -> None:
    """Start tracing, with OTLP over HTTP. Raises SetupError if the extra is not installed."""
    global _tracer  # noqa: PLW0603  (one per process, like logging)
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        raise SetupError(
            "ENGAGE_TRACING needs an extra: pip install 'engagement-analytics[otel]'"
        ) from None
    resource = Resource.create({"service.name": f"engage-{service}"})
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    _tracer = provider.get_tracer("engage")


def is_on() -> bool:
    """Return whether tracing is on."""
    return _tracer is not None


def tracer() -> Tracer | None:
    """Return the tracer; None while tracing is off."""
    return _tracer


@lru_cache(maxsize=_MAX_KEYS)
def _headers_of_key(key_id: str | None) -> Headers:
    named = [] if key_id is None else [(KEY_HEADER, key_id.encode())]
    return [*RECORD_HEADERS, *named]


def record_headers(key_id: str | None = None) -> Headers:
    """Return the Kafka headers of this request's records.

    Args:
        key_id: ID of the request's API key; None: no keys are required.
    """
    headers = _headers_of_key(key_id)
    if _tracer is None or not get_current_span().is_recording():
        return headers
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return [*headers, (_TRACEPARENT, carrier[_TRACEPARENT].encode())]


def parents_in(messages: Iterable[Any]) -> set[bytes]:
    """Return the ``traceparent`` headers of records, at most about MOST_LINKS.

    Any producer may have written them.
    """
    found: set[bytes] = set()
    for message in messages:
        if len(found) >= MOST_LINKS:
            break
        found.update(value for name, value in message.headers if value and name == _TRACEPARENT)
    return found


def record_stored(batch_id: str, topic: str, seconds: float, parents: Iterable[bytes]) -> None:
    """Record the spans of a batch that was stored just now. Tracing must be on.

    Args:
        batch_id: as in the log.
        topic: of its records.
        seconds: duration of its transaction.
        parents: result of ``parents_in`` for the stored records.
    """
    assert _tracer is not None  # noqa: S101  (see above)
    ended_ns = time.time_ns()
    began_ns = ended_ns - int(seconds * 1e9)
    contexts = [
        context
        for parent in islice(parents, MOST_LINKS)
        if get_current_span(context := context_of(parent)).get_span_context().is_valid
    ]
    links = [Link(get_current_span(context).get_span_context()) for context in contexts]
    attributes = {
        "messaging.system": "kafka",
        "messaging.destination.name": topic,
        "engage.batch": batch_id,
    }
    batch = _tracer.start_span(
        f"store {topic}", Context(), SpanKind.CONSUMER, attributes, links, began_ns
    )
    back = [Link(batch.get_span_context())]
    for context in contexts:
        stored = _tracer.start_span("stored", context, SpanKind.CONSUMER, None, back, began_ns)
        stored.end(ended_ns)
    batch.end(ended_ns)


def context_of(parent: bytes) -> Context:
    """Return the context of a ``traceparent``; an invalid one gives an empty context."""
    return _propagator.extract({_TRACEPARENT: parent.decode("latin-1")})
