"""Who comes in, how often, and what pages may read; without a server."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from schema.http.edge import Edge
from schema.http.keys import KeyRing, Scope, add, mint
from schema.http.settings import HttpSettings
from schema.telemetry import name_request

PAGE = "https://www.example.com"
OTHER = "https://other.example"


class Answer:
    """An ASGI ``send`` that keeps what it gets; every answer has an id, which is kept apart."""

    def __init__(self) -> None:
        self.status = 0
        self.request_id = ""
        self.pairs: list[tuple[str, str]] = []
        self.body = b""

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            pairs = [(name.decode(), value.decode()) for name, value in message["headers"]]
            [self.request_id] = [value for name, value in pairs if name == "x-request-id"]
            self.pairs = [pair for pair in pairs if pair[0] != "x-request-id"]
        else:
            self.body += message["body"]

    @property
    def headers(self) -> dict[str, str]:
        assert len(dict(self.pairs)) == len(self.pairs), "a header is there twice"
        return dict(self.pairs)

    @property
    def code(self) -> str:
        return str(msgspec.json.decode(self.body)["code"])


async def service(scope: Any, receive: Any, send: Any) -> None:
    own = [(b"access-control-allow-origin", b"*")] if scope["path"] == "/tracker.js" else []
    status = 304 if scope["path"] == "/unchanged" else 200
    await send({"type": "http.response.start", "status": status, "headers": own})
    await send({"type": "http.response.body", "body": b"in"})


class Service:
    def __init__(self, keys: Path, scope: Scope = Scope.INGEST, **settings: Any) -> None:
        self.keys = keys
        self.edge = Edge(
            service,
            scope,
            KeyRing(keys),
            is_loopback_only=False,
            query_key_paths=frozenset({"/beacon"}),
            settings=HttpSettings(**settings),
        )

    async def ask(
        self, path: str = "/events", method: str = "POST", peer: str = "192.0.2.1", **headers: str
    ) -> Answer:
        answer = Answer()
        path, _, query = path.partition("?")
        given = [
            (name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()
        ]
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(),
            "query_string": query.encode(), "headers": given, "client": (peer, 1),
        }  # fmt: skip
        await self.edge(scope, None, answer)  # type: ignore[arg-type]
        return answer

    async def preflight(self, origin: str, **more: str) -> Answer:
        return await self.ask(
            method="OPTIONS", origin=origin, access_control_request_method="POST", **more
        )


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    add(path, mint(Scope.INGEST).entry)
    return path


def bearer(path: Path, scope: Scope = Scope.INGEST, **how: Any) -> str:
    minted = mint(scope, **how)
    add(path, minted.entry)
    return f"Bearer {minted.plaintext}"


async def test_a_public_key_opens_for_its_pages_alone(keys: Path) -> None:
    key = bearer(keys, origins=(PAGE,))
    running = Service(keys)

    assert (await running.ask(authorization=key, origin=PAGE)).status == 200
    for headers in ({"origin": OTHER}, {"origin": "null"}, {}, {"referer": PAGE + "/"}):
        refused = await running.ask(authorization=key, **headers)
        assert (refused.status, refused.code) == (403, "foreign_origin")
    in_query = f"/beacon?key={key.removeprefix('Bearer ')}"
    assert (await running.ask(in_query, origin=PAGE)).status == 200
    assert (await running.ask(in_query, origin=OTHER)).status == 403


@pytest.mark.parametrize("query", ["key=%ff", "key=%C3%BC", "%d6=1&key=x", "key=%00"])
async def test_a_key_in_the_query_that_is_no_text_is_no_key(keys: Path, query: str) -> None:
    answer = await Service(keys).ask(f"/beacon?{query}")

    assert (answer.status, answer.code) == (401, "key_required")


async def test_a_key_without_origins_opens_from_anywhere(keys: Path) -> None:
    running_key = bearer(keys)
    running = Service(keys)

    for headers in ({}, {"origin": OTHER}):
        answer = await running.ask(authorization=running_key, **headers)
        assert answer.status == 200
        assert answer.headers == {}


async def test_a_preflight_of_a_keys_page_is_answered_without_a_key(keys: Path) -> None:
    bearer(keys, origins=(PAGE,))
    answer = await Service(keys).preflight(PAGE)

    assert (answer.status, answer.body) == (204, b"")
    exposed = answer.headers.pop("access-control-expose-headers")
    assert "Retry-After" in exposed
    assert answer.headers | {"access-control-expose-headers": ""} == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-methods": "GET, HEAD, POST",
        "access-control-allow-headers": "authorization, content-type, content-encoding,"
        " if-none-match, last-event-id",
        "access-control-max-age": "7200",
        "access-control-expose-headers": "",
        "vary": "Origin",
    }


async def test_a_preflight_of_any_other_page_is_refused(keys: Path) -> None:
    bearer(keys, origins=(PAGE,))
    bearer(keys, Scope.READ, origins=(OTHER,))
    for origin in (OTHER, "null", PAGE.upper(), PAGE + ":443"):
        answer = await Service(keys).preflight(origin)

        assert (answer.status, answer.code) == (403, "foreign_origin")
        assert "access-control-allow-origin" not in answer.headers


async def test_options_that_is_no_preflight_needs_a_key(keys: Path) -> None:
    bearer(keys, origins=(PAGE,))

    assert (await Service(keys).ask(method="OPTIONS", origin=PAGE)).status == 401


@pytest.mark.parametrize(
    ("path", "with_key", "status"),
    [
        pytest.param("/events", True, 200, id="an answer"),
        pytest.param("/unchanged", True, 304, id="unchanged"),
        pytest.param("/events", False, 401, id="a problem"),
        pytest.param("/events?" + "x" * 9000, True, 414, id="a problem found early"),
    ],
)
async def test_each_answer_to_an_allowed_page_can_be_read(
    keys: Path, path: str, with_key: bool, status: int
) -> None:
    key = bearer(keys)
    running = Service(keys, cors_origins=f"{PAGE},http://localhost:1234")
    given = {"authorization": key} if with_key else {}
    answer = await running.ask(path, origin=PAGE, **given)

    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["vary"] == "Origin"
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"ETag", "Data-As-Of", "Retry-After", "RateLimit", "RateLimit-Policy"} <= {*exposed}
    assert "access-control-allow-credentials" not in answer.headers


async def test_other_pages_cannot_read_and_caches_keep_answers_apart(keys: Path) -> None:
    key = bearer(keys)
    running = Service(keys, cors_origins=PAGE)
    for headers in ({"origin": OTHER}, {}):
        answer = await running.ask(authorization=key, **headers)
        assert answer.status == 200
        assert answer.headers == {"vary": "Origin"}


async def test_a_routes_own_cors_headers_stay(keys: Path) -> None:
    answer = await Service(keys, cors_origins=PAGE).ask("/tracker.js", "GET", origin=PAGE)

    assert answer.headers == {"access-control-allow-origin": "*", "vary": "Origin"}


async def test_a_limited_key_is_told_where_it_stands_and_then_refused(keys: Path) -> None:
    key = bearer(keys, rate_per_second=0.5)
    running = Service(keys, cors_origins=PAGE)
    first = await running.ask(authorization=key)
    assert first.status == 200
    assert first.headers["ratelimit-policy"] == '"key";q=1;w=2'
    assert first.headers["ratelimit"] == '"key";r=0;t=2'

    second = await running.ask(authorization=key, origin=PAGE)
    assert (second.status, second.code) == (429, "rate_limited")
    assert 1 <= int(second.headers["retry-after"]) <= 2
    assert second.headers["ratelimit"].startswith('"key";r=0;t=')
    assert second.headers["access-control-allow-origin"] == PAGE


async def test_refusals_are_counted_by_whose_limit_it_was(keys: Path) -> None:
    def counted() -> list[float]:
        return [
            REGISTRY.get_sample_value("engage_rate_limited_total", {"who": who}) or 0.0
            for who in ("key", "client")
        ]

    key = bearer(keys, rate_per_second=0.5)
    by_key, by_client = counted()
    by_its_key = Service(keys)
    statuses = [(await by_its_key.ask(authorization=key)).status for _ in range(3)]
    assert statuses == [200, 429, 429]
    assert counted() == [by_key + 2, by_client]

    by_its_address = Service(keys, client_rate_per_second=0.5)
    assert [(await by_its_address.ask()).status for _ in range(2)] == [401, 429]
    assert counted() == [by_key + 2, by_client + 1]


async def test_a_limited_client_is_refused_whatever_its_key_but_not_on_open_paths(
    keys: Path,
) -> None:
    key = bearer(keys)
    running = Service(keys, client_rate_per_second=0.5)
    assert (await running.ask(authorization="Bearer wrong")).status == 401
    refused = await running.ask(authorization=key)
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert refused.headers["ratelimit-policy"] == '"client";q=1;w=2'

    assert (await running.ask("/healthz", "GET")).headers == {}
    assert (await running.ask(authorization=key, peer="192.0.2.2")).status == 200


async def test_clients_behind_a_trusted_proxy_are_told_apart(keys: Path) -> None:
    key = bearer(keys)
    running = Service(keys, client_rate_per_second=0.5, trusted_proxies="10.0.0.0/8")

    async def status(client: str) -> int:
        return (
            await running.ask(authorization=key, peer="10.0.0.1", x_forwarded_for=client)
        ).status

    assert [await status("192.0.2.1"), await status("192.0.2.2")] == [200, 200]
    assert await status("192.0.2.1") == 429
    assert await status("192.0.2.9, 192.0.2.1") == 429


async def test_without_limits_no_answer_speaks_of_them(keys: Path) -> None:
    key = bearer(keys)
    running = Service(keys)
    for _ in range(1000):
        answer = await running.ask(authorization=key)
        assert (answer.status, answer.pairs) == (200, [])


async def test_schemas_are_open(keys: Path) -> None:
    assert (await Service(keys).ask("/schemas/event.json", "GET")).status == 200


async def test_a_failure_is_logged_by_its_route_as_paths_may_name_users(keys: Path) -> None:
    class Route:
        path = "/catalogue/users/{identifier}"

    async def failing(scope: Any, receive: Any, send: Any) -> None:
        scope["route"] = Route()
        raise RuntimeError

    key = bearer(keys)
    running = Service(keys)
    running.edge._app = failing
    with capture_logs([name_request]) as logs:
        answer = await running.ask("/catalogue/users/ann", authorization=key)

    assert answer.status == 500
    assert [log["path"] for log in logs] == [Route.path]
    assert [log["request_id"] for log in logs] == [answer.request_id]


async def test_a_proxy_that_is_trusted_gives_requests_their_ids(keys: Path) -> None:
    running = Service(keys, trusted_proxies="192.0.2.1")
    given = await running.ask(x_request_id="6f1c.proxy:7-1")
    others = [await running.ask(x_request_id=text) for text in ("short", "x" * 65, "a b\r\nc: d")]
    others += [await running.ask(x_request_id="6f1c.proxy:7-1", peer="192.0.2.2")]
    made = {answer.request_id for answer in others}

    assert given.request_id == "6f1c.proxy:7-1"
    assert len(made) == 4
    assert all(len(request_id) == 20 and request_id.isalnum() for request_id in made)
