"""Tracing that is off, or cannot be turned on."""

import sys

import pytest

from ingest_service.settings import IngestSettings
from schema import tracing
from schema.errors import SetupError
from schema.topics import RECORD_HEADERS
from schema.traced import traced


async def application(_scope: object, _receive: object, _send: object) -> None: ...


def test_while_it_is_off_nothing_is_added_to_requests_or_records() -> None:
    assert not IngestSettings().tracing
    assert not tracing.is_on()
    assert traced(application) is application
    assert tracing.record_headers() == list(RECORD_HEADERS)


def test_without_the_extra_the_start_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(SetupError, match=r"pip install 'engagement-analytics\[otel\]'"):
        tracing.start("ingest")
    assert not tracing.is_on()
