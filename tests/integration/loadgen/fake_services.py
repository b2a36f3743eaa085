"""A small server in place of ingest service and read API, which fails on demand."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from runtime.settings import WindowSettings
from schema.errors import InvalidEvent
from schema.event import TYPES, Record
from schema.validation import complete
from schema.wire import decode_draft


@dataclass
class FakeServices:
    """Stores what it accepts.

    Attributes:
        failures: replies for the first requests, in order: a status; 0 drops the connection.
        unavailable: how many times the first event of a batch is not acknowledged.
        bodies: of all requests, as they came.
        stored: events by id.
        duplicates: accepted events that were stored already.
        lost_every: forget each so many accepted events.
    """

    failures: list[int] = field(default_factory=list)
    retry_after: str = "0"
    unavailable: int = 0
    bodies: list[bytes] = field(default_factory=list)
    stored: dict[UUID, Record] = field(default_factory=dict)
    duplicates: int = 0
    lost_every: int = 0
    url: str = ""

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(body)
        if self.failures and (status := self.failures.pop(0)) != 202:
            if not status:
                assert request.transport
                request.transport.close()
            return web.Response(status=status or 500, headers={"Retry-After": self.retry_after})
        return self._take_single(body) if request.path == "/events" else self._take_batch(body)

    def _take_single(self, body: bytes) -> web.Response:
        self._store(_complete(body))
        return web.json_response({}, status=202)

    def _take_batch(self, body: bytes) -> web.Response:
        is_array = body.startswith(b"[")
        raws = msgspec.json.decode(body, type=list[msgspec.Raw]) if is_array else body.splitlines()
        ids: list[str | None] = [None] * len(raws)
        errors = {}
        for place, raw in enumerate(raws):
            if self.unavailable and not place:
                self.unavailable -= 1
                errors[place] = "unavailable"
                continue
            try:
                record = _complete(raw)
            except InvalidEvent as error:
                errors[place] = error.code
            else:
                self._store(record)
                ids[place] = str(record.event_id)
        listed = [{"index": place, "error": code, "detail": ""} for place, code in errors.items()]
        status = 207 if errors else 202
        return web.json_response({"event_ids": ids, "errors": listed}, status=status)

    def _store(self, record: Record) -> None:
        if record.event_id in self.stored:
            self.duplicates += 1
        else:
            self.stored[record.event_id] = record

    def _kept(self) -> list[Record]:
        events = list(self.stored.values())
        return [e for i, e in enumerate(events) if not self.lost_every or i % self.lost_every]

    async def ledger(self, _request: web.Request) -> web.Response:
        partition = {
            "stored": len(self._kept()),
            "duplicates": self.duplicates,
            "dead_lettered": 0,
            "in_flight": 0,
        }
        return web.json_response({"balanced": True, "partitions": [partition], "totals": {}})

    async def engagement(self, request: web.Request) -> web.Response:
        post = int(request.match_info["post"])
        types = Counter(record.type for record in self._kept() if record.post_id == post)
        return web.json_response({f"{t}s": types[t] for t in TYPES})


def _complete(raw: bytes | msgspec.Raw) -> Record:
    return complete(decode_draft(raw), datetime.now(UTC), WindowSettings().window, uuid4)


@asynccontextmanager
async def served(services: FakeServices) -> AsyncIterator[FakeServices]:
    """Serve *services* on a free port of loopback; its url is set."""
    app = web.Application()
    app.router.add_post("/events", services.take)
    app.router.add_post("/events/batch", services.take)
    app.router.add_get("/ops/ledger", services.ledger)
    app.router.add_get("/engagement/{post}", services.engagement)
    async with TestServer(app) as server:
        services.url = str(server.make_url("/")).rstrip("/")
        yield services
