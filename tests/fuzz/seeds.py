"""Valid requests of every kind, which the mutations start from."""

import gzip
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from schema.event import TYPES
from schema.uuid7 import uuid7_of

JSON_TYPE = b"application/json"


@dataclass(frozen=True)
class Request:
    """One request; ``target`` is the path as in the request line."""

    method: str
    target: bytes
    query: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""

    def with_body(self, body: bytes) -> "Request":
        return replace(self, body=body)

    def on_the_wire(self) -> bytes:
        target = self.target + (b"?" + self.query if self.query else b"")
        head = b"%b %b HTTP/1.1\r\n" % (self.method.encode(), target)
        headers = (*self.headers, (b"host", b"engage"), (b"connection", b"close"))
        if self.body:
            headers = (*headers, (b"content-length", b"%d" % len(self.body)))
        return head + b"".join(b"%b: %b\r\n" % pair for pair in headers) + b"\r\n" + self.body


def new_id(random: Random) -> str:
    return str(uuid.UUID(int=random.getrandbits(128), version=4))


def an_event(random: Random) -> dict[str, Any]:
    """Return an event; its texts have the same length at any time."""
    now = datetime.now(UTC)
    posts = [{"post_id": random.randint(1, 20)}, {"post": f"page-{random.random()}"}]
    event: dict[str, Any] = {"type": random.choice(TYPES)} | random.choice(posts)
    event |= random.choice([{}, {"user_id": random.randint(1, 2**63 - 1)}, {"user": "näme/1"}])
    then = now - timedelta(days=random.choice([0, 0, 0, 1, 30]), seconds=random.random())
    stamp = then.isoformat(timespec="microseconds")
    version_7 = uuid7_of(int(now.timestamp() * 1000), random.getrandbits(60))
    return event | random.choice(
        [
            {},
            {"event_id": str(version_7)},
            {"event_id": new_id(random), "engaged_timestamp": stamp},
            {"engaged_timestamp": stamp.replace("+00:00", "Z")},
            {"event_id": None, "engaged_timestamp": stamp.replace("+00:00", "+05:30")},
        ]
    )


def _post(path: str, body: Any, kind: bytes = JSON_TYPE, query: bytes = b"") -> Request:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Request("POST", path.encode(), query, ((b"content-type", kind),), raw)


def _single(random: Random) -> Request:
    query = random.choice([b"", b"", b"", b"once=view:30m,like:1d", b"dry_run=1"])
    return _post("/events", an_event(random), query=query)


def _batch(random: Random) -> Request:
    return _post("/events/batch", [an_event(random) for _ in range(random.randint(1, 5))])


def _lines(random: Random) -> Request:
    events = [json.dumps(an_event(random)).encode() for _ in range(random.randint(1, 5))]
    return _post("/events/batch", b"\n".join(events), b"application/x-ndjson")


def _packed(random: Random) -> Request:
    made = random.choice([_single, _batch, _lines])(random)
    headers = (*made.headers, (b"content-encoding", b"gzip"))
    return replace(made, headers=headers, body=gzip.compress(made.body, 1, mtime=0))


def _beacon(random: Random) -> Request:
    body = random.choice([an_event(random), [an_event(random), an_event(random)]])
    return _post("/events/beacon", body, b"text/plain;charset=UTF-8")


def _pixel(random: Random) -> Request:
    query = b"post_id=%d&type=view&once=view:30m" % random.randint(1, 20)
    return Request("GET", b"/events/pixel.gif", query)


def _retraction(random: Random) -> Request:
    named = {
        "event_id": new_id(random),
        "engaged_timestamp": datetime.now(UTC).isoformat(timespec="microseconds"),
        "post_id": random.randint(1, 20),
    }
    return _post("/events/retractions", random.choice([named, [named]]))


def _envelope(random: Random) -> Request:
    envelope = {
        "specversion": "1.0",
        "id": new_id(random),
        "source": "/fuzz",
        "type": "engagement.view",
        "time": datetime.now(UTC).isoformat(timespec="microseconds"),
        "data": {"post_id": random.randint(1, 20), "type": "view"},
    }
    if random.random() < 0.5:
        return _post("/events", envelope, b"application/cloudevents+json")
    return _post("/events/batch", [envelope], b"application/cloudevents-batch+json")


def _binary(random: Random) -> Request:
    made = _post("/events", {"post_id": random.randint(1, 20), "type": "view"})
    attributes = (
        (b"ce-specversion", b"1.0"),
        (b"ce-id", b"%d" % random.getrandbits(60)),
        (b"ce-source", b"/fuzz"),
        (b"ce-type", b"engagement.view"),
    )
    return replace(made, headers=(*made.headers, *attributes))


def _page(*paths: bytes) -> Callable[[Random], Request]:
    return lambda random: Request("GET", random.choice(paths))


INGEST: tuple[Callable[[Random], Request], ...] = (
    *(_single,) * 4,
    *(_batch,) * 2,
    _lines,
    _packed,
    _beacon,
    _pixel,
    _retraction,
    _envelope,
    _binary,
    _page(b"/", b"/healthz", b"/openapi.json", b"/docs", b"/tracker.js", b"/schemas/"),
)


def _report(path: bytes, *queries: bytes) -> Callable[[Random], Request]:
    accepts = ((), ((b"accept", b"text/csv"),), ((b"if-none-match", b'"a", W/"b"'),))
    return lambda random: Request(
        "GET", path, random.choice([b"", *queries]), random.choice(accepts)
    )


SCOPES = (
    b"period=90d&category=Tech&type=view",
    b"start=2026-01-01&end=2026-02-01&tz=Asia/Kathmandu",
    b"author=1&promoted=true",
    b"tag=ai&period=all",
    b"category=it's&format=sql",
)
READ: tuple[Callable[[Random], Request], ...] = (
    *(_report(b"/engagement/%d" % n, b"period=30d", b"period=all") for n in (1, 7, 987654)),
    *(_report(b"/author/%d/trends" % n) for n in (1, 99)),
    _report(b"/categories/top", b"metric=posts&limit=3", b"limit=50", b"format=csv"),
    _report(b"/sample/posts", b"limit=100", b"format=json"),
    _report(b"/sample/authors", b"limit=1"),
    _report(b"/analytics/top-authors"),
    _report(b"/analytics/engagement-patterns", b"tz=Europe/Vienna", b"tz=UTC&format=csv"),
    _report(b"/analytics/opportunity-authors", b"format=csv"),
    _report(b"/ops/ledger"),
    *(_report(b"/reports/" + name, *SCOPES) for name in (b"overview", b"series", b"funnel")),
    _report(b"/reports/series", b"interval=hour&period=7d", b"interval=week&post=7"),
    _report(b"/reports/ranking/post", b"limit=2&sort=views", b"limit=1000&period=all", *SCOPES),
    _report(b"/reports/ranking/tag", b"period=365d", *SCOPES),
    _report(b"/reports/audience", b"by=country", *SCOPES),
    _report(b"/reports/effects", b"hours=720&period=all", *SCOPES),
    _page(b"/", b"/healthz", b"/dashboard", b"/docs", b"/static/dashboard.css", b"/openapi.json"),
)


def _put(random: Random) -> Request:
    kind, content = random.choice([("authors", AUTHOR), ("users", USER), ("posts", POST)])
    identifier = random.choice(["7", "b%C3%BCcher%2F1", "9223372036854775807"])
    return replace(_post(f"/catalogue/{kind}/{identifier}", content), method="PUT")


def _changes(random: Random) -> Request:
    items: list[dict[str, Any]] = [
        {"kind": "author", "id": 7, **AUTHOR},
        {"kind": "user", "id": "u/1", **USER},
        {"kind": "post", "id": random.randint(1, 99), **POST},
        {"kind": "post", "id": 3, "delete": True},
    ]
    lines = [json.dumps(random.choice(items)).encode() for _ in range(random.randint(1, 4))]
    return _post("/catalogue/batch", b"\n".join(lines), b"application/x-ndjson")


AUTHOR = {"name": "Ann", "author_category": "Tech", "joined_date": "2020-01-31"}
USER = {"signup_date": "2020-01-31", "user_segment": "new", "country": "AT"}
POST = {
    "author_id": 7,
    "category": "Tech",
    "title": "A title",
    "publish_timestamp": "2026-01-01T09:00:00+01:00",
    "content_length": 5,
    "tags": ["ai"],
}
CATALOGUE: tuple[Callable[[Random], Request], ...] = (
    *(_put,) * 3,
    *(_changes,) * 3,
    lambda random: Request("DELETE", b"/catalogue/posts/%d" % random.randint(1, 99)),
    _page(b"/catalogue/posts?limit=2&after=7", b"/catalogue/users/u%2F1", b"/catalogue/authors/7"),
    _page(b"/", b"/healthz", b"/openapi.json", b"/docs"),
)
