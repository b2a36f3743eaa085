"""The hot path: plain ASGI in front of FastAPI, which knows the same routes for OpenAPI."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qs

import msgspec

from ingest_service import body, cloudevents, dry_run, metrics, once, pixel, retractions
from ingest_service.intake import Clerk, Intake, count, elements, lines
from ingest_service.publisher import Publisher
from ingest_service.replies import batch_reply, event_reply
from ingest_service.settings import IngestSettings
from ingest_service.sieve import Sieve
from schema.errors import InvalidEvent, Unavailable
from schema.event import MAX_BATCH_BYTES, MAX_EVENT_BYTES, Record
from schema.http.edge import Application, ASGIScope, Receive, Send, send_problem
from schema.http.parameters import refuse_unknown
from schema.http.problems import Problem, unavailable

Clock = Callable[[], datetime]
BEACON: Final = "/events/beacon"
PIXEL: Final = "/events/pixel.gif"
RETRACTIONS: Final = "/events/retractions"
HOT_PATHS: Final = frozenset({"/events", "/events/batch", BEACON, PIXEL, RETRACTIONS})
_DROPPED: Final = b"x-dropped-reason"
# The pixel's are the event's fields.
_PARAMETERS: Final = {
    "/events": ("dry_run", "once"),
    "/events/batch": ("dry_run", "once"),
    BEACON: ("key", "once"),
    RETRACTIONS: (),
}


class HotPath:
    """Answers the routes that take events; everything else goes to *app*."""

    def __init__(self, app: Application, publisher: Publisher, settings: IngestSettings) -> None:
        self._app = app
        self._publisher = publisher
        self._settings = settings
        self._window = settings.window
        self._sieve = Sieve(settings)
        self._routes: dict[tuple[str, str], Callable[..., object]] = {
            ("POST", "/events"): self._event,
            ("POST", "/events/batch"): self._batch,
            ("POST", BEACON): self._beacon,
            ("GET", PIXEL): self._pixel,
            ("POST", RETRACTIONS): self._retractions,
        }

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http":
            handle = self._routes.get((scope["method"], scope["path"]))
            if handle is not None:
                await self._answer(handle, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _answer(
        self, handle: Callable[..., object], scope: ASGIScope, receive: Receive, send: Send
    ) -> None:
        if scope["query_string"] and scope["path"] in _PARAMETERS:
            given = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            refuse_unknown(given, _PARAMETERS[scope["path"]])
        try:
            await handle(scope, receive, send)  # type: ignore[misc]
        except InvalidEvent as error:
            metrics.REJECTED.labels(error.code).inc()
            await send_problem(send, Problem(_status(error), error.code, error.detail))
        except body.ClientGoneError:
            return

    async def _event(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        read = _envelope(scope)
        raw = await body.read(scope, receive, MAX_EVENT_BYTES)
        if dry_run.is_asked(scope["query_string"]):
            await self._rehearse([raw], read, scope, send)
            return
        record = self._clerk(read).one(raw)
        if rules := once.rules(scope["query_string"], self._window):
            record = once.derive(record, rules, self._window)
        await self._store(record)
        await send_json(send, 202, event_reply(record.event_id))

    async def _rehearse(
        self, raws: list[bytes], read: cloudevents.Read | None, scope: ASGIScope, send: Send
    ) -> None:
        count(len(raws))
        rules = once.rules(scope["query_string"], self._window)
        preview = await asyncio.to_thread(
            dry_run.rehearse,
            raws,
            self._clerk(read),
            lambda record: once.derive(record, rules, self._window),
            read,
        )
        await send_json(send, 200, msgspec.json.encode(preview))

    async def _store(self, record: Record) -> None:
        [acknowledged] = await self._publish([record])
        if not acknowledged:
            raise unavailable("Kafka did not acknowledge the event in time; send it again")
        metrics.ACCEPTED.inc()

    async def _batch(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        kind = body.media_type(scope, body.JSON, body.NDJSON, cloudevents.BATCHED)
        raw = await body.read(scope, receive, MAX_BATCH_BYTES)
        if dry_run.is_asked(scope["query_string"]):
            read = cloudevents.structured if kind == cloudevents.BATCHED else None
            raws = lines(raw) if kind == body.NDJSON else elements(raw)
            await self._rehearse(raws, read, scope, send)
            return
        if kind == cloudevents.BATCHED:
            intake = self._clerk(cloudevents.structured).enveloped(raw)
        elif kind == body.NDJSON:
            intake = self._clerk().lines(raw)
        else:
            intake = self._clerk().array(raw)
        await self._settle(intake, scope, send)

    async def _beacon(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        body.media_type(scope, body.TEXT, body.JSON)
        raw = await body.read(scope, receive, MAX_BATCH_BYTES)
        intake = self._clerk().array_or_one(raw)
        intake.drop(self._sieve.judge(scope["headers"]))
        await self._settle(intake, scope, send)

    async def _retractions(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        body.media_type(scope, body.JSON)
        raw = await body.read(scope, receive, MAX_BATCH_BYTES)
        intake = retractions.read(raw, self._clerk())
        records = [retractions.as_sent(record) for record in intake.records]
        acknowledged = await self._publish(records) if records else []
        await self._reply(send, intake, acknowledged)

    async def _pixel(self, scope: ASGIScope, _: Receive, send: Send) -> None:
        record = self._clerk().one(pixel.event_json(scope["query_string"]))
        if (reason := self._sieve.judge(scope["headers"])(record)) is not None:
            metrics.DROPPED.labels(reason).inc()
            await send_pixel(send, [(_DROPPED, reason.encode())])
            return
        if rules := once.rules(scope["query_string"], self._window):
            record = once.derive(record, rules, self._window)
        await self._store(record)
        await send_pixel(send)

    async def _settle(self, intake: Intake, scope: ASGIScope, send: Send) -> None:
        if rules := once.rules(scope["query_string"], self._window):
            intake.change(lambda record: once.derive(record, rules, self._window))
        for _, reason in intake.dropped:
            metrics.DROPPED.labels(reason).inc()
        for _, error in intake.refused:
            metrics.REJECTED.labels(error.code).inc()
        acknowledged = await self._publish(intake.records) if intake.records else []
        await self._reply(send, intake, acknowledged)

    async def _reply(self, send: Send, intake: Intake, acknowledged: list[bool]) -> None:
        reply = batch_reply(intake, acknowledged)
        metrics.ACCEPTED.inc(reply.accepted)
        if intake.records and not reply.accepted:
            raise unavailable("Kafka did not acknowledge the events in time; send them again")
        members = msgspec.to_builtins(reply)
        if not reply.accepted and not reply.dropped:
            code = "empty_batch" if not intake.received else "no_valid_event"
            raise Problem(422, code, "no event of the batch was accepted", members=members)
        headers = [(b"retry-after", b"1")] if not all(acknowledged) else []
        if reasons := dict.fromkeys(reason for _, reason in intake.dropped):
            headers.append((_DROPPED, ", ".join(reasons).encode()))
        status = 202 if not reply.rejected else 207
        await send_json(send, status, msgspec.json.encode(reply), headers)

    async def _publish(self, records: list) -> list[bool]:  # type: ignore[type-arg]
        try:
            acknowledged = await self._publisher.publish(records)
        except Unavailable as error:
            metrics.UNAVAILABLE.inc(len(records))
            raise unavailable(str(error)) from None
        metrics.UNAVAILABLE.inc(acknowledged.count(False))
        return acknowledged

    def _clerk(self, read: cloudevents.Read | None = None) -> Clerk:
        if read is None:
            return Clerk(datetime.now(UTC), self._window)
        return Clerk(datetime.now(UTC), self._window, lambda raw: read(raw).event_json())


def _envelope(scope: ASGIScope) -> cloudevents.Read | None:
    """Return how the body's envelope is read; None: it has none. Raises Problem 415."""
    headers = scope["headers"]
    binary = cloudevents.binary(headers)
    # A CloudEvent without data has no body, and so no type of it.
    if binary is not None and not any(name == b"content-type" for name, _ in headers):
        return binary
    kind = body.media_type(scope, body.JSON, cloudevents.STRUCTURED)
    return cloudevents.structured if kind == cloudevents.STRUCTURED else binary


def _status(error: InvalidEvent) -> int:
    return 400 if error.code == "malformed_json" else 422


async def send_json(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    """Answer with JSON."""
    start = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        *(headers or ()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": body})


async def send_pixel(send: Send, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Answer with the 1x1 picture."""
    start = [
        (b"content-type", b"image/gif"),
        (b"content-length", b"%d" % len(pixel.GIF)),
        (b"cache-control", b"no-store"),
        (b"cross-origin-resource-policy", b"cross-origin"),
        *headers,
    ]
    await send({"type": "http.response.start", "status": 200, "headers": start})
    await send({"type": "http.response.body", "body": pixel.GIF})
