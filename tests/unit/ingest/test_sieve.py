"""What is dropped of a browser's events, and why."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from ingest_service import metrics
from ingest_service.settings import IngestSettings
from ingest_service.sieve import Sieve
from schema.errors import SetupError
from schema.event import Record

NOW = datetime(2026, 3, 10, tzinfo=UTC)
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0"


def reason(
    headers: dict[str, str], user_id: int | None = None, user: str | None = None, **settings: Any
) -> str | None:
    sieve = Sieve(IngestSettings(**settings))
    record = Record(UUID(int=7), "view", NOW, 42, user_id, NOW, user=user)
    return sieve.judge([(n.encode(), v.encode()) for n, v in headers.items()])(record)


@pytest.mark.parametrize(
    ("agent", "dropped"),
    [
        (CHROME, None),
        ("", None),
        ("curl/8.5.0", None),
        ("Mozilla/5.0 (Linux; Android 13; CUBOT X90) AppleWebKit/537.36", None),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "bot"),
        ("Mozilla/5.0 (Linux; CUBOT) (compatible; AnyBot/1.0)", "bot"),
        (CHROME.replace("Chrome/", "HeadlessChrome/"), "bot"),
        ("facebookexternalhit/1.1", "bot"),
    ],
)
def test_bots_are_known_by_their_user_agent(agent: str, dropped: str | None) -> None:
    assert reason({"user-agent": agent}) == dropped


def test_the_list_of_bots_can_be_replaced_and_switched_off() -> None:
    assert reason({"user-agent": "Intranet-Probe"}, bot_tokens="probe, other") == "bot"
    assert reason({"user-agent": "Googlebot"}, bot_tokens="probe") is None
    assert reason({"user-agent": "Googlebot"}, bot_filter=False) is None


def test_what_is_fetched_ahead_of_a_reader_is_no_view() -> None:
    assert reason({"sec-purpose": "prefetch;prerender"}) == "prefetch"


def test_ignored_users_are_dropped_and_others_are_not() -> None:
    assert reason({}, 7, ignored_user_ids="5, 7") == "ignored_user"
    assert reason({}, 6, ignored_user_ids="5, 7") is None
    assert reason({}, None, ignored_user_ids="5, 7, None") is None
    assert reason({}, user="Ann@example.com", ignored_user_ids="5, Ann@example.com")
    assert reason({}, user="bob@example.com", ignored_user_ids="5, Ann@example.com") is None


def own_filter(event: dict[str, Any], headers: dict[str, str]) -> str | None:
    assert headers.keys() == {"origin"}
    return f"Post {event['post_id']}!"


def failing_filter(event: dict[str, Any], headers: dict[str, str]) -> str | None:
    raise RuntimeError


def wrong_filter(event: dict[str, Any], headers: dict[str, str]) -> Any:
    return 7


def test_an_own_filter_sees_event_and_headers_and_names_the_reason() -> None:
    headers = {"origin": "https://a.example", "authorization": "Bearer x", "cookie": "a=b"}

    assert reason(headers, event_filter=f"{__name__}:own_filter") == "post_42"


@pytest.mark.parametrize("name", ["failing_filter", "wrong_filter"])
def test_a_failing_filter_is_counted_and_the_event_kept(name: str) -> None:
    before = metrics.FILTER_ERRORS._value.get()

    assert reason({}, event_filter=f"{__name__}:{name}") is None
    assert metrics.FILTER_ERRORS._value.get() == before + 1


@pytest.mark.parametrize("name", ["no.such:thing", "json:nothing", "json:__name__"])
def test_a_filter_that_is_none_stops_the_service_at_its_start(name: str) -> None:
    with pytest.raises(SetupError, match="ENGAGE_EVENT_FILTER"):
        Sieve(IngestSettings(event_filter=name))


def test_a_filter_with_ever_new_reasons_cannot_flood_the_metrics() -> None:
    sieve = Sieve(IngestSettings())
    labels = {sieve._label(f"reason {number}") for number in range(200)}

    assert len(labels) == 51
    assert "other" in labels
