"""Every response of every port carries the security headers."""

import re
from typing import Any

from engage.embedded import ports
from ingest_service.app import create_app
from ingest_service.settings import IngestSettings
from runtime.settings import ProcessSettings
from tests.conftest import Kafka
from tests.integration.conftest import Service
from tests.serving import client, served
from web.health import metrics_server

SECURITY_HEADERS = {
    "x-content-type-options": ["nosniff"],
    "referrer-policy": ["no-referrer"],
    "content-security-policy": [
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ],
    "cross-origin-opener-policy": ["same-origin"],
    "server": [],
    "x-powered-by": [],
}


def security_headers(headers: Any) -> dict[str, list[str]]:
    return {name: headers.getall(name, []) for name in SECURITY_HEADERS}


async def test_every_route_and_every_error_carries_the_security_headers(
    service: Service,
) -> None:
    async with service.session.get("/openapi.json") as answer:
        paths = (await answer.json())["paths"]
    requests = {
        (method.upper(), re.sub(r"\{\w+(:path)?\}", "1", path))
        for path, operations in paths.items()
        for method in operations
    }
    requests |= {
        ("GET", "/docs"),
        ("GET", "/dashboard"),
        ("GET", "/nothing"),
        ("DELETE", "/"),
        ("GET", "/healthz/"),
        ("GET", "/?" + "a" * 9000),
        ("GET", "/?" + "a" * 70_000),
        ("OPTIONS", "/healthz"),
    }
    statuses = set()
    async with service.session.get("/healthz") as answer:
        assert "strict-transport-security" not in answer.headers
    for method, target in sorted(requests):
        async with service.session.request(method, target, allow_redirects=False) as answer:
            assert security_headers(answer.headers) == SECURITY_HEADERS
            statuses.add(answer.status)
    async with service.session.get("/metrics", headers={"Authorization": "none"}) as answer:
        assert answer.status == 401
        assert security_headers(answer.headers) == SECURITY_HEADERS
    async with service.session.get("/healthz", headers={"X-A": "a" * 40_000}) as answer:
        assert answer.status in (400, 431)
        assert security_headers(answer.headers) == SECURITY_HEADERS

    assert {200, 404, 405, 414} <= statuses
    assert not {status for status in statuses if status >= 500} - {503}


async def test_every_response_has_strict_transport_security_when_it_is_set(kafka: Kafka) -> None:
    settings = IngestSettings(kafka_bootstrap_servers=kafka.bootstrap_servers, hsts_seconds=600)
    app, _ = create_app(settings)
    async with served(app, settings) as url, client(url, None) as session:
        for target in ("/healthz", "/metrics", "/nothing", "/?" + "a" * 70_000):
            async with session.get(target) as answer:
                assert security_headers(answer.headers) == SECURITY_HEADERS
                assert answer.headers.getall("strict-transport-security") == ["max-age=600"]


async def test_pages_contain_nothing_that_the_policy_forbids(service: Service) -> None:
    for path in ("/docs", "/dashboard"):
        async with service.session.get(path) as answer:
            if answer.status == 404:
                continue
            page = await answer.text()
        assert page.startswith("<!doctype html>")
        assert "<style" not in page
        assert not re.search(r"<[^>]*\s(style|on\w+)\s*=", page)
        assert not re.search(r"<script(?![^>]*\ssrc=)", page)
        assert not re.search(r"<(base|iframe|object|embed|form\s[^>]*action)", page)
        assert not re.search(r"(javascript|data):", page)


async def test_responses_of_the_metrics_port_carry_them_too() -> None:
    settings = ProcessSettings(metrics_port=ports.pick())
    url = f"http://127.0.0.1:{settings.metrics_port}"
    async with metrics_server(settings, lambda: "starting"), client(url, None) as session:
        for path, status in (("/healthz", 200), ("/readyz", 503), ("/metrics", 200), ("/x", 404)):
            async with session.get(path) as answer:
                assert answer.status == status
                assert security_headers(answer.headers) == SECURITY_HEADERS
            async with session.head(path) as answer:
                assert (answer.status, await answer.read()) == (status, b"")
