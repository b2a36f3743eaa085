"""One trace from a request to the batch that stores its events, while ENGAGE_TRACING is on.

While it is off, a comparison with None is all there is of it. Where spans go, and which of them,
is said by OpenTelemetry's own variables: OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_SAMPLER.

A request's span is named in its records by W3C's ``traceparent``, a Kafka header. A batch that is
stored has a span with links to the requests that its events came with, and each of their traces
gets a span ``stored`` that links back: whoever follows an event sees both.
"""

import time
from collections.abc import Iterable
from itertools import islice
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Tracer, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from schema.errors import SetupError
from schema.topics import RECORD_HEADERS

Headers = list[tuple[str, bytes]]

_TRACEPARENT: Final = "traceparent"
MOST_LINKS: Final = 128
"""Of a batch's span: what OpenTelemetry keeps unless told otherwise."""
_PLAIN: Final[Headers] = list(RECORD_HEADERS)

_propagator: Final = TraceContextTextMapPropagator()
_tracer: Tracer | None = None


def start(service: str) -> None:
    """Trace from now on, by OTLP over HTTP. Raises SetupError where the extra is not installed."""
    global _tracer  # noqa: PLW0603  (one a process, as of logs)
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
    """Tell whether anything is traced."""
    return _tracer is not None


def tracer() -> Tracer | None:
    """Return what makes spans; None while nothing is traced."""
    return _tracer


def record_headers() -> Headers:
    """Return the headers of this request's records; they name its span if it is traced."""
    if _tracer is None or not get_current_span().is_recording():
        return _PLAIN
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return [*_PLAIN, (_TRACEPARENT, carrier[_TRACEPARENT].encode())]


def parents_in(messages: Iterable[Any]) -> set[bytes]:
    """Return the ``traceparent`` of records, which any producer may have written; some of many."""
    found: set[bytes] = set()
    for message in messages:
        if len(found) >= MOST_LINKS:
            break
        found.update(value for name, value in message.headers if value and name == _TRACEPARENT)
    return found


def note_stored(batch_id: str, topic: str, seconds: float, parents: Iterable[bytes]) -> None:
    """Trace a batch that was written just now; tracing must be on.

    Args:
        batch_id: as in the log.
        topic: where its records stand.
        seconds: how long its transaction took.
        parents: what ``parents_in`` found in the records that were written.
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
    """Return what a ``traceparent`` names; what is none names nothing."""
    return _propagator.extract({_TRACEPARENT: parent.decode("latin-1")})
