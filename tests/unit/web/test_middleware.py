"""Authentication, rate limits and CORS, without a server."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from runtime.logging import name_request
from web.auth import KeyRing, Scope, create_key
from web.key_file import add
from web.middleware import ServiceMiddleware
from web.settings import HttpSettings

PAGE = "https://www.example.com"
OTHER = "https://other.example"


class Answer:
    """An ASGI ``send`` that stores the response, and its request ID separately."""

    def __init__(self) -> None:
        self.status = 0
        self.request_id = ""
        self.headers: dict[str, str] = {}
        self.body = b""

    async def __call__(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            assert len(self.headers) == len(message["headers"]), "a header is there twice"
            self.request_id = self.headers.pop("x-request-id")
        else:
            self.body += message["body"]

    @property
    def code(self) -> str:
        return str(msgspec.json.decode(self.body)["code"])


async def application(scope: Any, receive: Any, send: Any) -> None:
    own = [(b"access-control-allow-origin", b"*")] if scope["path"] == "/tracker.js" else []
    status = 304 if scope["path"] == "/unchanged" else 200
    await send({"type": "http.response.start", "status": status, "headers": own})
    await send({"type": "http.response.body", "body": b"in"})


class Service:
    """The application behind the middleware; without a key file, on loopback only."""

    def __init__(self, keys: Path | None, **settings: Any) -> None:
        self.app = ServiceMiddleware(
            application,
            Scope.INGEST,
            keys and KeyRing(keys),
            HttpSettings(**settings),
            is_loopback_only=keys is None,
            query_key_paths={"/beacon"},
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
        await self.app(scope, None, answer)  # type: ignore[arg-type]
        return answer

    async def preflight(self, origin: str) -> Answer:
        return await self.ask(method="OPTIONS", origin=origin, access_control_request_method="POST")

    async def ask_locally(self, path: str, **headers: str) -> Answer:
        return await self.ask(path, "GET", host="localhost:8000", **headers)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "keys.json"
    add(path, create_key(Scope.INGEST).entry)
    return path


def bearer(path: Path, scope: Scope = Scope.INGEST, **how: Any) -> str:
    created = create_key(scope, **how)
    add(path, created.entry)
    return f"Bearer {created.plaintext}"


async def test_public_key_is_accepted_from_its_pages_only(keys: Path) -> None:
    key = bearer(keys, origins=(PAGE,))
    service = Service(keys)

    assert (await service.ask(authorization=key, origin=PAGE)).status == 200
    for headers in ({"origin": OTHER}, {"origin": "null"}, {}, {"referer": PAGE + "/"}):
        rejected = await service.ask(authorization=key, **headers)
        assert (rejected.status, rejected.code) == (403, "foreign_origin")
    in_query = f"/beacon?key={key.removeprefix('Bearer ')}"
    assert (await service.ask(in_query, origin=PAGE)).status == 200
    assert (await service.ask(in_query, origin=OTHER)).status == 403


async def test_admin_key_is_accepted_in_the_header_only(keys: Path) -> None:
    admin = bearer(keys, Scope.ADMIN)
    service = Service(keys)
    rejected = await service.ask(f"/beacon?key={admin.removeprefix('Bearer ')}")

    assert (rejected.status, rejected.code) == (403, "wrong_scope")
    assert (await service.ask("/beacon", authorization=admin)).status == 200


async def test_expired_key_is_rejected_by_a_code_of_its_own(keys: Path) -> None:
    key = bearer(keys, origins=(PAGE,), expires_timestamp=datetime(2020, 1, 1, tzinfo=UTC))
    service = Service(keys)

    in_query = service.ask(f"/beacon?key={key.removeprefix('Bearer ')}", origin=PAGE)
    for answer in (await service.ask(authorization=key, origin=PAGE), await in_query):
        assert (answer.status, answer.code) == (401, "key_expired")
    mistyped = await service.ask(authorization=f"{key}a", origin=PAGE)
    assert (mistyped.status, mistyped.code) == (401, "key_required")


@pytest.mark.parametrize("query", ["key=%ff", "key=%C3%BC", "%d6=1&key=x", "key=%00"])
async def test_malformed_key_in_the_query_is_rejected(keys: Path, query: str) -> None:
    answer = await Service(keys).ask(f"/beacon?{query}")

    assert (answer.status, answer.code) == (401, "key_required")


async def test_key_without_origins_and_limits_is_accepted_from_anywhere(keys: Path) -> None:
    key = bearer(keys)
    service = Service(keys)

    for headers in [{}, {"origin": OTHER}] * 20:
        answer = await service.ask(authorization=key, **headers)
        assert (answer.status, answer.headers) == (200, {})


async def test_preflight_of_a_page_with_a_key_needs_no_key(keys: Path) -> None:
    bearer(keys, origins=(PAGE,))
    answer = await Service(keys).preflight(PAGE)
    exposed = answer.headers.pop("access-control-expose-headers")

    assert (answer.status, answer.body) == (204, b"")
    assert "Retry-After" in exposed
    assert answer.headers == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-methods": "GET, HEAD, POST",
        "access-control-allow-headers": "authorization, content-type, content-encoding,"
        " if-none-match, last-event-id",
        "access-control-max-age": "7200",
        "vary": "Origin",
    }
    assert (await Service(keys).ask(method="OPTIONS", origin=PAGE)).status == 401


async def test_preflight_of_other_pages_is_rejected(keys: Path) -> None:
    bearer(keys, origins=(PAGE,))
    bearer(keys, Scope.READ, origins=(OTHER,))
    for origin in (OTHER, "null", PAGE.upper(), PAGE + ":443"):
        answer = await Service(keys).preflight(origin)

        assert (answer.status, answer.code) == (403, "foreign_origin")
        assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    ("path", "with_key", "status"),
    [
        pytest.param("/events", True, 200, id="success"),
        pytest.param("/unchanged", True, 304, id="unchanged"),
        pytest.param("/events", False, 401, id="a problem"),
        pytest.param("/events?" + "x" * 9000, True, 414, id="a problem found early"),
    ],
)
async def test_allowed_page_can_read_each_response(
    keys: Path, path: str, with_key: bool, status: int
) -> None:
    key = bearer(keys)
    service = Service(keys, cors_origins=f"{PAGE},http://localhost:1234")
    given = {"authorization": key} if with_key else {}
    answer = await service.ask(path, origin=PAGE, **given)

    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["vary"] == "Origin"
    exposed = answer.headers["access-control-expose-headers"].split(", ")
    assert {"ETag", "Data-As-Of", "Retry-After", "RateLimit", "RateLimit-Policy"} <= {*exposed}
    assert "access-control-allow-credentials" not in answer.headers


async def test_responses_to_other_pages_vary_by_origin(keys: Path) -> None:
    key = bearer(keys)
    service = Service(keys, cors_origins=PAGE)
    for headers in ({"origin": OTHER}, {}):
        answer = await service.ask(authorization=key, **headers)
        assert answer.status == 200
        assert answer.headers == {"vary": "Origin"}


async def test_cors_headers_of_a_route_have_precedence(keys: Path) -> None:
    answer = await Service(keys, cors_origins=PAGE).ask("/tracker.js", "GET", origin=PAGE)

    assert answer.headers == {"access-control-allow-origin": "*", "vary": "Origin"}


def rejections(limit: str) -> float:
    return REGISTRY.get_sample_value("engage_rate_limited_total", {"limit": limit}) or 0.0


async def test_limited_key_gets_its_state_and_then_429(keys: Path) -> None:
    key = bearer(keys, rate_per_second=0.5)
    service = Service(keys, cors_origins=PAGE)
    by_key, by_client = rejections("key"), rejections("client")
    first = await service.ask(authorization=key)
    second = await service.ask(authorization=key, origin=PAGE)

    assert first.status == 200
    assert first.headers["ratelimit-policy"] == '"key";q=1;w=2'
    assert first.headers["ratelimit"] == '"key";r=0;t=2'
    assert (second.status, second.code) == (429, "rate_limited")
    assert 1 <= int(second.headers["retry-after"]) <= 2
    assert second.headers["ratelimit"].startswith('"key";r=0;t=')
    assert second.headers["access-control-allow-origin"] == PAGE
    assert (rejections("key"), rejections("client")) == (by_key + 1, by_client)


async def test_limited_client_gets_429_except_on_open_paths(keys: Path) -> None:
    key = bearer(keys)
    service = Service(keys, client_rate_per_second=0.5)
    by_key, by_client = rejections("key"), rejections("client")
    assert (await service.ask(authorization="Bearer wrong")).status == 401
    rejected = await service.ask(authorization=key)

    assert (rejected.status, rejected.code) == (429, "rate_limited")
    assert rejected.headers["ratelimit-policy"] == '"client";q=1;w=2'
    assert (rejections("key"), rejections("client")) == (by_key, by_client + 1)
    assert (await service.ask("/healthz", "GET")).headers == {}
    assert (await service.ask(authorization=key, peer="192.0.2.2")).status == 200


async def test_clients_behind_a_trusted_proxy_are_distinguished(keys: Path) -> None:
    key = bearer(keys)
    service = Service(keys, client_rate_per_second=0.5, trusted_proxies="10.0.0.0/8")
    clients = ("192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.9, 192.0.2.1")
    statuses = [
        (await service.ask(authorization=key, peer="10.0.0.1", x_forwarded_for=client)).status
        for client in clients
    ]

    assert statuses == [200, 200, 429, 429]


async def test_failure_is_logged_with_its_route_instead_of_its_path(keys: Path) -> None:
    class Route:
        path = "/catalogue/users/{identifier}"

    async def failing(scope: Any, receive: Any, send: Any) -> None:
        scope["route"] = Route()
        raise RuntimeError

    key = bearer(keys)
    service = Service(keys)
    service.app._app = failing
    with capture_logs([name_request]) as logs:
        answer = await service.ask("/catalogue/users/ann", authorization=key)

    assert answer.status == 500
    assert [log["path"] for log in logs] == [Route.path]
    assert [log["request_id"] for log in logs] == [answer.request_id]


async def test_request_id_is_taken_from_trusted_proxies_only(keys: Path) -> None:
    service = Service(keys, trusted_proxies="192.0.2.1")
    given = await service.ask(x_request_id="6f1c.proxy:7-1")
    others = [await service.ask(x_request_id=text) for text in ("short", "x" * 65, "a b\r\nc: d")]
    others += [await service.ask(x_request_id="6f1c.proxy:7-1", peer="192.0.2.2")]
    made = {answer.request_id for answer in others}

    assert given.request_id == "6f1c.proxy:7-1"
    assert len(made) == 4
    assert all(len(request_id) == 20 and request_id.isalnum() for request_id in made)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate"}, 403),
        ({"sec_fetch_site": "cross-site", "referer": f"{OTHER}/a"}, 403),
        ({"referer": f"{OTHER}/a"}, 403),
        ({"referer": f"{OTHER}/http://localhost:8000"}, 403),
        ({"referer": "http://localhost:3000/"}, 403),
        ({"origin": OTHER}, 403),
        ({"origin": OTHER, "sec_fetch_site": "same-origin"}, 403),
        ({}, 200),
        ({"sec_fetch_site": "none"}, 200),
        ({"sec_fetch_site": "same-origin", "referer": "http://localhost:8000/dashboard"}, 200),
        ({"referer": "http://localhost:8000/dashboard"}, 200),
        ({"sec_fetch_site": "cross-site", "referer": f"{PAGE}/"}, 200),
        ({"sec_fetch_site": "cross-site", "origin": PAGE}, 200),
    ],
)
async def test_only_programs_and_listed_pages_are_accepted_without_keys(
    headers: dict[str, str], status: int
) -> None:
    answer = await Service(None, cors_origins=PAGE).ask_locally("/events/pixel.gif", **headers)

    assert answer.status == status
    assert status == 200 or answer.code == "foreign_origin"


@pytest.mark.parametrize(
    "path", ["/dashboard", "/docs", "/static/js/main.js", "/schemas/event.json"]
)
async def test_links_of_other_sites_to_open_pages_work_without_keys(path: str) -> None:
    answer = await Service(None).ask_locally(path, sec_fetch_site="cross-site", referer=f"{OTHER}/")
    assert answer.status == 200
