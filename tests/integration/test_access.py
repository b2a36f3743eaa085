"""Access to each route of each service with each kind of key.

The routes are those that the applications have; one that is not listed here fails.
"""

import re
from collections.abc import Iterable
from typing import Any

from tests.integration.conftest import Service
from tests.serving import client
from web.problems import ANYWHERE, BEHIND_A_KEY

OPEN = {
    "GET /", "GET /healthz", "GET /readyz", "GET /docs", "GET /openapi.json", "HEAD /openapi.json",
}  # fmt: skip
OPEN_OF = {
    "ingest": {
        "GET /tracker.js", "GET /schemas/", "GET /schemas/engagement-event.v1.json",
        "GET /schemas/engagement-record.v1.json",
    },
    "api": {"GET /dashboard", "GET /static/{name}"},
    "catalogue": set(),
}  # fmt: skip
CLOSED_OF = {
    "ingest": {
        "GET /metrics", "POST /events", "POST /events/batch", "POST /events/beacon",
        "GET /events/pixel.gif", "POST /events/retractions",
    },
    "api": {
        "GET /metrics", "GET /sql/{name}", "GET /engagement/{post_id:path}",
        "GET /author/{author_id:path}/trends", "GET /categories/top", "GET /sample/posts",
        "GET /sample/authors", "GET /analytics/top-authors",
        "GET /analytics/engagement-patterns", "GET /analytics/opportunity-authors",
        "GET /reports/overview", "GET /reports/series", "GET /reports/ranking/{dimension}",
        "GET /reports/users/{dimension}", "GET /reports/loyalty",
        "GET /reports/returning-users/{dimension}",
        "GET /reports/funnel", "GET /reports/audience", "GET /reports/effects",
        "GET /reports/fair-posts", "GET /reports/fair-authors", "GET /reports/opportunity",
        "GET /reports/when-to-post", "GET /reports/when-to-post/next",
        "GET /reports/when-to-post/next.ics", "GET /reports/posting-hours",
        "GET /reports/movers", "GET /reports/cohorts", "GET /reports/decay",
        "GET /reports/evergreen", "GET /live",
        "GET /reports/author-benchmark/{author_id:path}",
        "GET /reports/post-benchmark/{post_id:path}", "GET /reports/post-path/{post_id:path}",
        "GET /search", "GET /annotations",
        "GET /ops/ledger", "GET /events/{event_id}",
    },
    "catalogue": {
        "GET /metrics", "GET /catalogue/{kind}s", "GET /catalogue/{kind}s/{identifier:path}",
        "PUT /catalogue/authors/{identifier:path}",
        "PUT /catalogue/posts/{identifier:path}", "PUT /catalogue/users/{identifier:path}",
        "DELETE /catalogue/{kind}s/{identifier:path}", "POST /catalogue/batch",
    },
}  # fmt: skip

ALLOWED = {
    "ingest": {"/events": "POST", "/events/pixel.gif": "GET", "/tracker.js": "GET, HEAD"},
    "api": {"/static/main.js": "GET, HEAD", "/engagement/1": "GET, HEAD"},
    "catalogue": {
        "/catalogue/authors": "GET, HEAD", "/catalogue/authors/a/b": "DELETE, GET, HEAD, PUT",
        "/catalogue/batch": "POST",
    },
}  # fmt: skip
VARYING = {"GET /metrics", "GET /live", "GET /ops/ledger"}


def routes_of(routes: Iterable[Any]) -> Iterable[str]:
    for route in routes:
        if hasattr(route, "original_router"):
            yield from routes_of(route.original_router.routes)
        else:
            yield from (f"{method} {route.path}" for method in route.methods)


def application(service: Service) -> Any:
    found = service.app
    while hasattr(found, "_app"):
        found = found._app
    return found


def test_every_service_is_listed() -> None:
    assert OPEN_OF.keys() == CLOSED_OF.keys() == {"ingest", "api", "catalogue"}


async def test_every_route_is_listed_as_open_or_closed(service: Service) -> None:
    found = set(routes_of(application(service).routes))

    assert found == OPEN | OPEN_OF[service.name] | CLOSED_OF[service.name]


async def test_open_routes_ask_for_no_key(service: Service) -> None:
    for route in OPEN | OPEN_OF[service.name]:
        for key in (None, "eng_nonsense"):
            # The names of the page's files change with their content.
            wanted = (404,) if "static" in route else (200, 503)
            assert await ask(service, route, key) in wanted


async def test_closed_routes_let_in_their_own_keys_and_the_admins_alone(service: Service) -> None:
    own = {"ingest": "ingest", "api": "read", "catalogue": "admin"}[service.name]
    expected = {"none": 401, "wrong": 401, "cut": 401, "revoked": 401}
    expected |= dict.fromkeys({"ingest", "read"} - {own}, 403)
    for route in CLOSED_OF[service.name] | {"GET /nothing", "DELETE /metrics"}:
        for name, key in service.presented.items():
            status = await ask(service, route, key)
            if name in expected:
                assert (route, name, status) == (route, name, expected[name])
            else:
                assert status not in (401, 403, 500), (route, name)


async def test_head_answers_like_get_without_a_body_wherever_get_does(service: Service) -> None:
    gets = OPEN | OPEN_OF[service.name] | CLOSED_OF[service.name]
    for route in {route for route in gets if route.startswith("GET ")} - {"GET /events/pixel.gif"}:
        target = re.sub(r"\{\w+(:path)?\}", "1", route.removeprefix("GET "))
        async with service.session.get(target) as got:
            await got.read()
        async with service.session.head(target) as head:
            assert (head.status, await head.read()) == (got.status, b""), route
        assert head.headers["Content-Type"] == got.headers["Content-Type"], route
        if route not in VARYING:
            assert head.headers["Content-Length"] == got.headers["Content-Length"], route


async def test_methods_of_a_path_name_head_beside_get(service: Service) -> None:
    targets = {"/healthz": "GET, HEAD", "/openapi.json": "GET, HEAD"} | ALLOWED[service.name]
    for target, methods in targets.items():
        async with service.session.request("PATCH", target) as answer:
            assert answer.status == 405
            assert answer.headers["Allow"] == methods


async def test_every_route_documents_how_it_refuses(service: Service) -> None:
    async with service.session.get("/openapi.json") as answer:
        paths = (await answer.json())["paths"]
    closed = {route.replace(":path}", "}") for route in CLOSED_OF[service.name]}
    for path, operations in paths.items():
        for method, operation in operations.items():
            wanted = {str(status) for status in ANYWHERE}
            if f"{method.upper()} {path}" in closed:
                wanted |= {str(status) for status in BEHIND_A_KEY}
            assert wanted <= operation["responses"].keys(), (method, path)


async def ask(service: Service, route: str, key: str | None) -> int:
    """Return the status of a request that changes nothing, whoever makes it."""
    method, path = route.split(" ")
    target = re.sub(r"\{kind\}", "post", path)
    target = re.sub(r"\{\w+(:path)?\}", "1", target)
    async with (
        client(service.url, key) as session,
        session.request(method, target, json=[] if method in ("POST", "PUT") else None) as answer,
    ):
        await answer.read()
        return answer.status
