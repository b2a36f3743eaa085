"""The routes that accept events: each is declared once, for dispatch and for OpenAPI.

They are served in front of FastAPI, whose routing and models cost more per request than Kafka
does (docs/decisions/0005-ingest-hot-path.md). FastAPI has the same routes, generated from the same
declarations, for the OpenAPI document.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple
from urllib.parse import parse_qs

import msgspec
from fastapi import FastAPI
from starlette.responses import Response

from ingest_service import browser, cloudevents, metrics
from ingest_service.declaration import (
    CLOUDEVENT,
    DRY_RUN,
    KEY,
    ONCE,
    PIXEL_FIELDS,
    ROUTES,
    SOME_REJECTED,
    WITH_DRY_RUN,
    Route,
    also_accepts,
    declare,
    openapi,
)
from ingest_service.dedupe import derive_identity, parse_once
from ingest_service.dry_run import dry_run, is_requested
from ingest_service.filter import EventFilter
from ingest_service.parse import (
    EventParser,
    ParsedBatch,
    retraction_of,
    split_array,
    split_lines,
)
from ingest_service.publish import Publisher
from ingest_service.replies import (
    BatchReply,
    EventAccepted,
    batch_reply,
    encode_accepted,
)
from ingest_service.settings import IngestSettings
from schema.errors import InvalidEvent
from schema.event import MAX_BATCH_BYTES, MAX_EVENT_BYTES, Record, Retraction
from schema.event_model import Event, RetractionRequest
from schema.validation import Window
from web.asgi import (
    Application,
    ASGIScope,
    Header,
    Receive,
    Send,
    header,
    send_problem,
    send_response,
)
from web.auth import REQUEST_KEY, KeyEntry
from web.body import (
    JSON,
    NDJSON,
    TEXT,
    ClientDisconnected,
    read_encoded_body,
    require_media_type,
)
from web.parameters import reject_unknown
from web.problems import BEHIND_A_KEY, Problem, responses, unavailable

BEACON: Final = "/events/beacon"
PIXEL: Final = "/events/pixel.gif"
_FILTERED_REASON: Final = b"x-filtered-reason"
_RETRY_AFTER: Final = (b"retry-after", b"1")
_PIXEL_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"cross-origin-resource-policy", b"cross-origin"),
)


class Reply(NamedTuple):
    """A response, in the order of ``send_response``."""

    status: int
    content_type: bytes
    body: bytes
    headers: Sequence[Header] = ()


@dataclass
class Request:
    """A request of one of the routes, before its body is read."""

    scope: ASGIScope
    receive: Receive
    query: dict[str, list[str]]
    key: KeyEntry | None
    is_public: bool
    """Whether the key is bound to origins, so that every reader of a page can copy it."""

    def media_type(self, *accepted: bytes) -> bytes:
        given = header(self.scope["headers"], b"content-type") or b""
        return require_media_type(given, *accepted)


class EventRoutes:
    """Serves ROUTES, and passes other requests to *app*.

    Args:
        app: the FastAPI application, which gets the declarations for OpenAPI.
        publisher: sends events to Kafka.
        settings: of the service.
    """

    def __init__(self, app: FastAPI, publisher: Publisher, settings: IngestSettings) -> None:
        self._app: Application = app
        self._publisher = publisher
        self._window = settings.window
        self._public_window = settings.public_window
        self._derived_id_key = settings.derived_id_key
        self._filter = EventFilter(settings)
        self._routes = {(route.method, route.path): route for route in ROUTES}
        for route in ROUTES:
            route.add_to(app)

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            route = self._routes.get((scope["method"], scope["path"]))
            if route is not None:
                await self._serve(route, scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _serve(self, route: Route, scope: ASGIScope, receive: Receive, send: Send) -> None:
        scope["route"] = route
        query: dict[str, list[str]] = {}
        if scope["query_string"] and not route.takes_any_field:
            # As text, because parse_qs decodes no escapes beyond ASCII in bytes.
            query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            reject_unknown(query, {parameter.name for parameter in route.query})
        key = scope.get(REQUEST_KEY)
        is_public = key is not None and key.is_public
        request = Request(scope, receive, query, key, is_public)
        try:
            reply = await route.handler(self, request)
        except InvalidEvent as error:
            metrics.REJECTED.labels(error.code).inc()
            status = 400 if error.code == "malformed_json" else 422
            await send_problem(send, Problem(status, error.code, error.detail))
        except ClientDisconnected:
            return
        else:
            await send_response(send, *reply)

    # The routes.

    @declare(
        "POST",
        "/events",
        body=Event,
        query=(ONCE, DRY_RUN),
        options=openapi(EventAccepted, WITH_DRY_RUN)
        | also_accepts(cloudevents.STRUCTURED, CLOUDEVENT),
    )
    async def post_event(self, request: Request) -> Reply:
        """Accept one event of at most 64 KiB, also as a CloudEvent in structured or binary form.
        Content-Encoding: gzip is supported.
        """
        reader = _envelope_reader(request)
        body = await read_encoded_body(request.scope, request.receive, MAX_EVENT_BYTES)
        if is_requested(request.query):
            return await self._dry_run([body], request, reader)
        record = self._parser(request, reader).parse_one(body)
        if derive := self._deriver(request):
            record = derive(record)
        await self._publish_one(record, request)
        return Reply(202, JSON, encode_accepted(record.event_id))

    @declare(
        "POST",
        "/events/batch",
        body=list[Event],
        query=(ONCE, DRY_RUN),
        options=openapi(BatchReply, WITH_DRY_RUN, SOME_REJECTED)
        | also_accepts(cloudevents.BATCHED, {"type": "array", "items": CLOUDEVENT}),
    )
    async def post_batch(self, request: Request) -> Reply:
        """Accept up to 1,000 events and 1 MiB: a JSON array, NDJSON (application/x-ndjson)
        or a batch of CloudEvents. Each event is validated on its own.
        """
        kind = request.media_type(JSON, NDJSON, cloudevents.BATCHED)
        body = await read_encoded_body(request.scope, request.receive, MAX_BATCH_BYTES)
        reader = cloudevents.read_structured if kind == cloudevents.BATCHED else None
        parser = self._parser(request, reader)
        if is_requested(request.query):
            raws = split_lines(body) if kind == NDJSON else split_array(body)
            return await self._dry_run(raws, request, reader)
        if kind == JSON:
            batch = parser.parse_array(body)
        else:
            batch = parser.parse_each(split_lines(body) if kind == NDJSON else split_array(body))
        return await self._publish_batch(batch, request)

    @declare(
        "POST",
        BEACON,
        body=list[Event] | Event,
        query=(KEY, ONCE),
        options=openapi(BatchReply, SOME_REJECTED, tag="browser"),
    )
    async def post_beacon(self, request: Request) -> Reply:
        """Accept events as navigator.sendBeacon sends them: an array or one event as JSON, also
        with the type text/plain.
        """
        request.media_type(TEXT, JSON)
        body = await read_encoded_body(request.scope, request.receive, MAX_BATCH_BYTES)
        batch = self._parser(request).parse_array_or_one(body)
        batch.filter(self._filter.for_request(request.scope["headers"], has_queue=True))
        return await self._publish_batch(batch, request)

    @declare(
        "GET",
        PIXEL,
        query=(KEY, ONCE),
        takes_any_field=True,
        options={
            "response_class": Response,
            "openapi_extra": {"parameters": PIXEL_FIELDS},
            "responses": {
                200: {"content": {"image/gif": {}}, "description": "The event is in Kafka"},
                **responses((*BEHIND_A_KEY, 422, 503)),
            },
            "tags": ["browser"],
        },
    )
    async def get_pixel(self, request: Request) -> Reply:
        """Accept one event from a page without scripts, and return an image."""
        query_string = request.scope["query_string"]
        record = self._parser(request).parse_one(browser.event_of_query(query_string))
        reason = self._filter.for_request(request.scope["headers"], has_queue=False)(record)
        if reason is not None:
            metrics.FILTERED.labels(reason).inc()
            headers = (*_PIXEL_HEADERS, (_FILTERED_REASON, reason.encode()))
            return Reply(200, b"image/gif", browser.GIF, headers)
        request.query = parse_qs(query_string.decode())
        if derive := self._deriver(request):
            record = derive(record)
        await self._publish_one(record, request)
        return Reply(200, b"image/gif", browser.GIF, _PIXEL_HEADERS)

    @declare(
        "POST",
        "/events/retractions",
        body=RetractionRequest | list[RetractionRequest],
        options=openapi(BatchReply, SOME_REJECTED),
    )
    async def post_retractions(self, request: Request) -> Reply:
        """Retract events, one or up to 1,000, for example for an unlike or a wrong event.

        Each names an event as it was sent. A retraction can be repeated, and can precede its
        event, which then stays retracted.
        """
        if request.is_public:
            raise Problem(
                403,
                "retraction_forbidden",
                "a key that is bound to origins is public and may not retract events",
            )
        request.media_type(JSON)
        body = await read_encoded_body(request.scope, request.receive, MAX_BATCH_BYTES)
        batch = self._parser(request).parse_retractions(body)
        acknowledged = await self._publish([retraction_of(r) for r in batch.records], request)
        return _reply_to_batch(batch, acknowledged)

    # Their steps.

    def _window_of(self, request: Request) -> Window:
        return self._public_window if request.is_public else self._window

    def _parser(self, request: Request, reader: cloudevents.Reader | None = None) -> EventParser:
        window = self._window_of(request)
        if reader is None:
            return EventParser(datetime.now(UTC), window)
        return EventParser(datetime.now(UTC), window, lambda raw: reader(raw).event_json())

    def _deriver(self, request: Request) -> Callable[[Record], Record] | None:
        """Return what derives the identity of events by ``once``; None: it is not requested.

        Raises:
            Problem: 422 the parameter is malformed, 503 the service has no secret.
        """
        if "once" not in request.query:
            return None
        rules = parse_once(request.query["once"], self._window_of(request))
        if not rules:
            return None
        key, window = self._derived_id_key, self._window
        if key is None:
            detail = "once needs ENGAGE_DERIVED_ID_SECRET, which is not set"
            raise Problem(503, "once_unavailable", detail, headers={"Retry-After": "60"})
        return lambda record: derive_identity(record, rules, window, key)

    async def _dry_run(
        self, raws: list[bytes], request: Request, reader: cloudevents.Reader | None
    ) -> Reply:
        derive = self._deriver(request)
        if derive and request.is_public:
            # It would reveal derived IDs, with which other events could be sent.
            detail = "once has no dry run for keys that are bound to origins"
            raise Problem(403, "dry_run_forbidden", detail)
        parser = self._parser(request, reader)
        reply = await asyncio.to_thread(dry_run, raws, parser, derive, reader)
        return Reply(200, JSON, msgspec.json.encode(reply))

    async def _publish_one(self, record: Record, request: Request) -> None:
        [acknowledged] = await self._publish([record], request)
        if not acknowledged:
            raise unavailable("unavailable", "Kafka did not acknowledge the event; retry it")
        metrics.ACCEPTED.inc()

    async def _publish_batch(self, batch: ParsedBatch, request: Request) -> Reply:
        if derive := self._deriver(request):
            batch.replace_each(derive)
        for _, reason in batch.filtered:
            metrics.FILTERED.labels(reason).inc()
        for _, error in batch.rejected:
            metrics.REJECTED.labels(error.code).inc()
        return _reply_to_batch(batch, await self._publish(batch.records, request))

    async def _publish(
        self, records: Sequence[Record | Retraction], request: Request
    ) -> list[bool]:
        """Publish records; return for each whether Kafka acknowledged it. Raises Problem 503."""
        if not records:
            return []
        try:
            key_id = request.key.key_id if request.key else None
            acknowledged = await self._publisher.publish(records, key_id)
        except Problem:
            metrics.UNAVAILABLE.inc(len(records))
            raise
        metrics.UNAVAILABLE.inc(acknowledged.count(False))
        return acknowledged


def _envelope_reader(request: Request) -> cloudevents.Reader | None:
    """Return the reader of the body's envelope; None: it has none. Raises Problem 415."""
    headers = request.scope["headers"]
    reader = cloudevents.reader_of_headers(headers)
    # A CloudEvent without data has no body, and so no content type.
    if reader is not None and header(headers, b"content-type") is None:
        return reader
    kind = request.media_type(JSON, cloudevents.STRUCTURED)
    return cloudevents.read_structured if kind == cloudevents.STRUCTURED else reader


def _reply_to_batch(batch: ParsedBatch, acknowledged: list[bool]) -> Reply:
    """Return the response to a batch.

    Raises:
        Problem: 503 no event was acknowledged, 422 none is valid.
    """
    reply = batch_reply(batch, acknowledged)
    metrics.ACCEPTED.inc(reply.accepted)
    if batch.records and not reply.accepted:
        raise unavailable("unavailable", "Kafka did not acknowledge the events; retry them")
    if not reply.accepted and not reply.filtered:
        code = "no_valid_event" if batch.received else "empty_batch"
        members = msgspec.to_builtins(reply)
        raise Problem(422, code, "no event of the batch was accepted", members=members)
    headers = [] if all(acknowledged) else [_RETRY_AFTER]
    if reasons := dict.fromkeys(reason for _, reason in batch.filtered):
        headers.append((_FILTERED_REASON, ", ".join(reasons).encode()))
    return Reply(207 if reply.rejected else 202, JSON, msgspec.json.encode(reply), headers)
