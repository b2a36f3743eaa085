"""One trace from a POST to the batch that stores its events, as a collector of OTLP gets it."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from engage.embedded import ports
from tests.conftest import Database, Kafka
from tests.processes import process
from tests.serving import is_ready
from tests.waiting import until

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"


@dataclass
class Collector:
    """Takes spans as OTLP over HTTP and keeps them, with the service that sent each."""

    url: str
    spans: list[tuple[str, Any]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        sent = ExportTraceServiceRequest.FromString(await request.read())
        for resource in sent.resource_spans:
            names = {a.key: a.value.string_value for a in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.spans += [(names["service.name"], span) for span in scope.spans]
        return web.Response()

    def of(self, service: str, name: str) -> list[Any]:
        return [span for sender, span in self.spans if (sender, span.name) == (service, name)]


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    port = ports.pick()
    found = Collector(f"http://127.0.0.1:{port}")
    app = web.Application()
    app.router.add_post("/v1/traces", found.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    yield found
    await runner.cleanup()


def attributes(span: Any) -> dict[str, Any]:
    return {a.key: a.value.string_value or a.value.int_value for a in span.attributes}


async def test_trace_leads_from_the_request_to_the_batch_and_back(
    collector: Collector,
    kafka: Kafka,
    topic: str,
    database: Database,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    port = ports.pick()
    settings = {
        "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers, "TOPIC": topic, "TRACING": "true",
        "DATABASE_URL": database.url, "CONSUMER_GROUP": topic, "LOG_LEVEL": "DEBUG",
        "PORT": str(port),
    }  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    names = [
        ("engage-ingest", "POST /events"),
        ("engage-consumer", "stored"),
        ("engage-consumer", f"store {topic}"),
    ]
    with (
        process("ingest_service", tmp_path, settings),
        process("consumer", tmp_path, settings) as consumer,
    ):
        await until(lambda: is_ready(url), within_seconds=60)
        headers = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
        async with (
            aiohttp.ClientSession(url, headers=headers) as session,
            session.post("/events", json={"post_id": 1, "type": "view"}) as answer,
        ):
            assert answer.status == 202

        async def all_came() -> bool:
            # Each process sends its own, in no order.
            return all(collector.of(service, name) for service, name in names)

        await until(all_came, within_seconds=60)
        logged = consumer.log

    [request], [stored], [batch] = (collector.of(service, name) for service, name in names)
    assert (request.trace_id.hex(), request.parent_span_id.hex()) == (TRACE, CALLER)
    assert attributes(request)["http.response.status_code"] == 202
    assert (stored.trace_id, stored.parent_span_id) == (request.trace_id, request.span_id)
    assert [link.span_id for link in batch.links] == [request.span_id]
    assert [link.span_id for link in stored.links] == [batch.span_id]
    batches = [json.loads(line) for line in logged.splitlines() if '"batch stored"' in line]
    assert attributes(batch)["engage.batch"] in {line["batch"] for line in batches}
