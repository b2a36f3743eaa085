"""Requests with a word or a key in each place where it does not belong."""

import contextlib
import http.client
import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

HEADERS = (
    "Cookie", "User-Agent", "Referer", "Origin", "X-Forwarded-For", "X-Api-Key", "Content-Type",
    "Content-Encoding", "Accept", "If-None-Match", "Ce-Id", "Range", "X-Request-Id",
)  # fmt: skip
PATHS = {
    "ingest": ("/events", "/events/batch", "/events/beacon", "/events/pixel.gif",
               "/events/retractions"),
    "api": ("/engagement/1", "/categories/top", "/analytics/engagement-patterns",
            "/reports/overview", "/events/1", "/sql/top_authors", "/ops/ledger"),
    "catalogue": ("/catalogue/users/1", "/catalogue/posts/1", "/catalogue/batch"),
}  # fmt: skip
METHODS = {"ingest": "POST", "api": "GET", "catalogue": "PUT"}


class Attempt(NamedTuple):
    method: str
    target: str
    headers: dict[str, str]
    body: str | None = None


def attempts(service: str, key: str, word: str) -> Iterator[Attempt]:
    """Yield requests with *word* in every place, with the service's key and without."""
    method, inside = METHODS[service], quote(word)
    right = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    for path in (*PATHS[service], "/", "/metrics", "/readyz", "/docs", f"/{inside}"):
        for scheme in ("Bearer ", "Basic ", "Bearer eng_read_", ""):
            yield Attempt(method, path, {"Authorization": scheme + word})
        for name in HEADERS:
            yield Attempt(method, path, right | {name: word}, "{}")
        yield Attempt(method, f"{path}/{inside}", right, "{}")
        for name in ("key", "post", "once", "period", "tz", "category", inside):
            yield Attempt(method, f"{path}?{name}={inside}", right)
            yield Attempt("GET", f"{path}?{name}={inside}", {})
        for body in bodies(word):
            yield Attempt(method, path, right, body)


def bodies(word: str) -> Iterable[str]:
    whole = {"post_id": 1, "type": "view"}
    return (
        word,
        f'{{"{word}": 1',
        json.dumps({word: word}),
        json.dumps(whole | {word: 1}),
        json.dumps(whole | {"type": word}),
        json.dumps([whole | {"event_id": word}, word, {"kind": word, "id": word}]),
        json.dumps({"kind": "post", "id": 1, "title": 5, word: word}),
    )


def replies(url: str, attempts: Iterable[Attempt]) -> Iterator[tuple[str, bytes]]:
    """Send the requests; yield a name, and head and body, of each response."""
    for number, attempt in enumerate(attempts):
        connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
        with contextlib.closing(connection):
            connection.request(attempt.method, attempt.target, attempt.body, attempt.headers)
            answer = connection.getresponse()
            head = f"{answer.status} {answer.getheaders()}".encode()
            assert answer.status != 500, attempt
            yield f"answer {number} of {url}", head + answer.read()


def metrics(stack: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    for urls in stack["metrics"].values():
        for url in urls:
            for path in ("/metrics", "/readyz", "/healthz", "/nothing"):
                target = Attempt("GET", path, {})
                yield from replies(url.removesuffix("/metrics"), [target])
