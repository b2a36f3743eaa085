"""Whatever a port answers, browsers are told to take no liberties with it."""

import re
from typing import Any

import pytest

from engage.embedded import ports
from ingest_service.app import create_app
from ingest_service.settings import IngestSettings
from schema.http.side_port import side_port
from schema.settings import ProcessSettings
from tests.conftest import Kafka
from tests.integration.conftest import Service
from tests.serving import client, served

POLICY = {"default-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"}


def check(headers: Any) -> None:
    assert headers.getall("x-content-type-options") == ["nosniff"]
    assert headers.getall("referrer-policy") == ["no-referrer"]
    [policy] = headers.getall("content-security-policy")
    assert set(policy.split("; ")) == POLICY
    assert headers.getall("cross-origin-opener-policy") == ["same-origin"]
    assert "server" not in headers
    assert "x-powered-by" not in headers


async def test_every_route_and_every_error_carries_the_security_headers(
    service: Service,
) -> None:
    async with service.session.get("/openapi.json") as answer:
        paths = (await answer.json())["paths"]
    asked = {
        (method.upper(), re.sub(r"\{\w+(:path)?\}", "1", path))
        for path, operations in paths.items()
        for method in operations
    }
    asked |= {
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
    for method, target in sorted(asked):
        async with service.session.request(method, target, allow_redirects=False) as answer:
            check(answer.headers)
            statuses.add(answer.status)
    async with service.session.get("/metrics", headers={"Authorization": "none"}) as answer:
        assert answer.status == 401
        check(answer.headers)
    async with service.session.get("/healthz", headers={"X-A": "a" * 40_000}) as answer:
        assert answer.status in (400, 431)
        check(answer.headers)

    assert {200, 404, 405, 414} <= statuses
    assert not {status for status in statuses if status >= 500} - {503}


@pytest.mark.parametrize("target", ["/healthz", "/metrics", "/nothing", "/?" + "a" * 70_000])
async def test_behind_tls_browsers_are_told_to_insist_on_it(kafka: Kafka, target: str) -> None:
    settings = IngestSettings(kafka_bootstrap_servers=kafka.bootstrap_servers, hsts_seconds=600)
    app, _ = create_app(settings)
    async with (
        served(app, settings) as url,
        client(url, None) as session,
        session.get(target) as answer,
    ):
        check(answer.headers)
        assert answer.headers.getall("strict-transport-security") == ["max-age=600"]


async def test_pages_need_nothing_that_the_policy_forbids(service: Service) -> None:
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


async def test_the_side_port_carries_them_too_and_answers_head() -> None:
    settings = ProcessSettings(metrics_port=ports.pick())
    url = f"http://127.0.0.1:{settings.metrics_port}"
    async with side_port(settings, lambda: "starting"), client(url, None) as session:
        for path, status in (("/healthz", 200), ("/readyz", 503), ("/metrics", 200), ("/x", 404)):
            async with session.get(path) as answer:
                assert answer.status == status
                check(answer.headers)
            async with session.head(path) as answer:
                assert (answer.status, await answer.read()) == (status, b"")
