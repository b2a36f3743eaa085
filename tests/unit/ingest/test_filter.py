"""Events of browsers that are filtered, and the reasons."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from ingest_service import metrics
from ingest_service.filter import EventFilter
from ingest_service.settings import IngestSettings
from schema.errors import SetupError
from schema.event import Record
from tests.external_ids import EXTERNAL_IDS

NOW = datetime(2026, 3, 10, tzinfo=UTC)
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0"


def reason(
    headers: dict[str, str],
    user_id: int | None = None,
    user: str | None = None,
    *,
    age: timedelta = timedelta(0),
    has_queue: bool = True,
    **settings: Any,
) -> str | None:
    event_filter = EventFilter(IngestSettings(**settings))
    record = Record(UUID(int=7), "view", NOW - age, 42, user_id, NOW, user=user)
    raw_headers = [(n.encode(), v.encode()) for n, v in headers.items()]
    return event_filter.for_request(raw_headers, has_queue=has_queue)(record)


@pytest.mark.parametrize(
    ("agent", "settings", "expected"),
    [
        (CHROME, {}, None),
        ("", {}, None),
        ("curl/8.5.0", {}, None),
        ("Mozilla/5.0 (Linux; Android 13; CUBOT X90) AppleWebKit/537.36", {}, None),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", {}, "bot"),
        ("Mozilla/5.0 (Linux; CUBOT) (compatible; AnyBot/1.0)", {}, "bot"),
        (CHROME.replace("Chrome/", "HeadlessChrome/"), {}, "bot"),
        ("facebookexternalhit/1.1", {}, "bot"),
        ("Intranet-Probe", {"bot_tokens": "probe, other"}, "bot"),
        ("Googlebot", {"bot_tokens": "probe"}, None),
        ("Googlebot", {"bot_filter": False}, None),
    ],
)
def test_bots_are_recognised_by_their_user_agent(
    agent: str, settings: dict[str, Any], expected: str | None
) -> None:
    assert reason({"user-agent": agent}, **settings) == expected


@pytest.mark.parametrize(
    "headers",
    [{"sec-purpose": "prefetch;prerender"}, {"sec-purpose": "prefetch"}, {"purpose": "prefetch"}],
)
def test_event_of_a_prefetched_page_is_filtered_unless_it_was_queued(
    headers: dict[str, str],
) -> None:
    minute = timedelta(minutes=1)

    assert reason(headers) == "prefetch"
    assert reason(headers, has_queue=False) == "prefetch"
    assert reason(headers, age=minute) is None
    assert reason(headers, age=minute, has_queue=False) == "prefetch"
    assert reason(headers | {"user-agent": "Googlebot"}, age=minute) == "bot"


@pytest.mark.parametrize("text", EXTERNAL_IDS)
def test_ignored_external_ids_are_matched_exactly(text: str) -> None:
    others = json.dumps([other for other in EXTERNAL_IDS if other != text])

    assert reason({}, user=text, ignored_user_ids=json.dumps([7, text])) == "ignored_user"
    assert reason({}, user=text, ignored_user_ids=others) is None


def test_ignored_users_are_numbers_and_external_ids() -> None:
    users = "5, 7, None, Ann@example.com"

    assert reason({}, 7, ignored_user_ids=users) == "ignored_user"
    assert reason({}, 6, ignored_user_ids=users) is None
    assert reason({}, None, ignored_user_ids=users) is None
    assert reason({}, user="Ann@example.com", ignored_user_ids=users) == "ignored_user"
    assert reason({}, 42, ignored_user_ids='["42"]') is None
    assert reason({}, user="42", ignored_user_ids="[42]") is None


def custom_filter(event: dict[str, Any], headers: dict[str, str]) -> str | None:
    assert headers.keys() == {"origin"}
    return f"Post {event['post_id']}!"


def failing_filter(event: dict[str, Any], headers: dict[str, str]) -> str | None:
    raise RuntimeError


def wrong_filter(event: dict[str, Any], headers: dict[str, str]) -> Any:
    return 7


def test_custom_filter_gets_event_and_headers_and_names_the_reason() -> None:
    headers = {"origin": "https://a.example", "authorization": "Bearer x", "cookie": "a=b"}

    assert reason(headers, event_filter=f"{__name__}:custom_filter") == "post_42"


@pytest.mark.parametrize("name", ["failing_filter", "wrong_filter"])
def test_event_is_counted_when_the_custom_filter_fails(name: str) -> None:
    before = metrics.FILTER_ERRORS._value.get()

    assert reason({}, event_filter=f"{__name__}:{name}") is None
    assert metrics.FILTER_ERRORS._value.get() == before + 1


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        *(("ignored_user_ids", value) for value in ("[", "[1.5]", "[null]", '["a"')),
        *(("event_filter", value) for value in ("no.such:thing", "json:nothing", "json:__name__")),
    ],
)
def test_malformed_setting_is_named(variable: str, value: str) -> None:
    with pytest.raises(SetupError, match=f"ENGAGE_{variable.upper()}"):
        EventFilter(IngestSettings(**{variable: value}))


def test_reasons_are_limited_in_metrics() -> None:
    event_filter = EventFilter(IngestSettings())
    labels = {event_filter._label(f"reason {number}") for number in range(200)}

    assert len(labels) == 51
    assert "other" in labels
