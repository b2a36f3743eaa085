"""The hot path: plain ASGI in front of FastAPI, which knows the same two routes for OpenAPI."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from ingest_service import body, metrics
from ingest_service.intake import Clerk, Intake
from ingest_service.publisher import Publisher
from ingest_service.replies import batch_reply, event_reply
from ingest_service.settings import IngestSettings
from schema.edge import Application, ASGIScope, Receive, Send, send_problem
from schema.errors import InvalidEvent, Unavailable
from schema.event import MAX_BATCH_BYTES, MAX_EVENT_BYTES
from schema.problems import Problem, unavailable

Clock = Callable[[], datetime]


class HotPath:
    """Answers the two POST routes; everything else goes to *app*."""

    def __init__(self, app: Application, publisher: Publisher, settings: IngestSettings) -> None:
        self._app = app
        self._publisher = publisher
        self._settings = settings
        self._window = settings.window

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            if scope["path"] == "/events":
                await self._answer(self._event, scope, receive, send)
                return
            if scope["path"] == "/events/batch":
                await self._answer(self._batch, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _answer(
        self, handle: Callable[..., object], scope: ASGIScope, receive: Receive, send: Send
    ) -> None:
        try:
            await handle(scope, receive, send)  # type: ignore[misc]
        except InvalidEvent as error:
            metrics.REJECTED.labels(error.code).inc()
            await send_problem(send, Problem(_status(error), error.code, error.detail))
        except body.ClientGoneError:
            return

    async def _event(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        body.media_type(scope, body.JSON)
        raw = await body.read(scope, receive, MAX_EVENT_BYTES, self._settings.body_deadline_seconds)
        record = self._clerk().one(raw)
        [acknowledged] = await self._publish([record])
        if not acknowledged:
            raise unavailable("Kafka did not acknowledge the event in time; send it again")
        metrics.ACCEPTED.inc()
        await send_json(send, 202, event_reply(record.event_id))

    async def _batch(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        kind = body.media_type(scope, body.JSON, body.NDJSON)
        raw = await body.read(scope, receive, MAX_BATCH_BYTES, self._settings.body_deadline_seconds)
        clerk = self._clerk()
        intake = clerk.array(raw) if kind == body.JSON else clerk.lines(raw)
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
        if not reply.accepted:
            code = "empty_batch" if not intake.received else "no_valid_event"
            raise Problem(422, code, "no event of the batch was accepted", members=members)
        headers = [(b"retry-after", b"1")] if not all(acknowledged) else []
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

    def _clerk(self) -> Clerk:
        return Clerk(datetime.now(UTC), self._window, _mint)


def _mint() -> UUID:
    return uuid7()


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
