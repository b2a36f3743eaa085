"""Facts that raise alerts."""

import math
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from analytics_api.ledger import Ledger, LedgerCounts, balance
from refresher import alerts
from refresher.alerts import Alert, LagMonitor, PartitionsMonitor, TopicRetention
from refresher.settings import RefresherSettings
from schema import topics
from web.auth import Scope, create_key

TOPIC = "engagement.events"
MAX_AHEAD = "message.timestamp.after.max.ms"
BROKER = {
    "cleanup.policy": "delete",
    MAX_AHEAD: "3600000",
    "message.timestamp.type": "CreateTime",
    "retention.bytes": "-1",
    "retention.ms": "604800000",
    "segment.ms": "604800000",
}
CREATED = BROKER | topics.SETTINGS
UNLIMITED = str(2**63 - 1)


def ledger(
    next_offset: int, end: int | None, *, engagements: int | None = None, halt: str | None = None
) -> Ledger:
    """Return a ledger of one partition whose records are all stored."""
    counters = {"first_offset": 0, "next_offset": next_offset, "stored": next_offset}
    row = {"topic": TOPIC, "partition": 0, **counters, "duplicates": 0, "dead_lettered": 0}
    row |= {"skipped": 0, "halt_reason": halt}
    rows = next_offset if engagements is None else engagements
    counts = LedgerCounts([row], next_offset, 0, 0, 0, rows)
    return balance(counts, TOPIC, None if end is None else {0: end})


def names(found: Iterable[Alert]) -> list[str]:
    return [alert.name for alert in found]


def test_unbalanced_and_halted_ledger_raises_alerts_with_a_remedy() -> None:
    assert list(alerts.check_ledger(ledger(10, 12))) == []

    found = list(alerts.check_ledger(ledger(10, 12, engagements=9, halt="log_diverged")))
    assert [alert[:2] for alert in found] == [
        ("ledger_unbalanced", ""),
        ("partition_halted", "partition 0"),
    ]
    assert "log_diverged" in found[1].detail
    assert "engage consumer resume" in found[1].detail


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        ([(0, 5, 10), (30, 5, 10)], ["partition_stalled"]),
        ([(0, 5, 10), (29, 5, 10)], []),
        ([(0, 5, 10), (30, 6, 10)], []),
        ([(0, 5, 5), (25, 5, 6), (30, 5, 6)], []),  # its lag began five seconds ago
        ([(0, 0, 5_000), (150, 500, 6_000), (300, 1_000, 7_000)], ["lag_growing"]),
        ([(0, 0, 5_000), (150, 500, 6_000), (299, 4_500, 7_000)], []),  # it shrinks
        ([(0, 0, 5_000), (150, 5_900, 6_000), (300, 6_000, 12_000)], []),  # it had caught up
        ([(0, 5, None), (30, 5, None)], ["lag_unknown"]),
        ([(0, 5, None), (20, 5, 5), (40, 5, None)], []),
    ],
)
def test_lag_raises_an_alert_when_it_does_not_shrink(
    samples: list[tuple[float, int, int | None]], expected: list[str]
) -> None:
    monitor = LagMonitor()
    for seconds, next_offset, end in samples:
        found = monitor.check(ledger(next_offset, end), seconds)
    assert names(found) == expected


def test_lag_monitor_drops_samples_after_five_minutes() -> None:
    monitor = LagMonitor()
    for second in range(0, 3_000, 10):
        found = monitor.check(ledger(5, 10), float(second))
    assert "for 300 s" in found[0].detail


@pytest.mark.parametrize(
    ("samples", "count"),
    [
        ([(0, 7), (60, 7)], 0),
        ([(0, 1)], 0),  # the first check may come before the partitions are created
        ([(0, 0), (10, 7), (70, 1)], 0),
        ([(0, 1), (59, 1)], 0),
        ([(0, 1), (60, 1)], 1),
        ([(0, 0), (60, 1), (120, 0)], 1),
        ([(0, 0), (60, 0), (61, 2)], 0),
    ],
)
def test_missing_partitions_raise_an_alert_after_a_minute(
    samples: list[tuple[float, int]], count: int
) -> None:
    monitor = PartitionsMonitor()
    for seconds, ahead in samples:
        found = monitor.check(ahead, seconds)
    assert names(found) == ["partitions_running_out"] * count


def test_keys_that_expire_within_a_week_are_alerts_until_they_have_expired() -> None:
    now = datetime(2026, 12, 1, tzinfo=UTC)
    lives = (None, timedelta(0), timedelta(seconds=1), timedelta(days=7), timedelta(days=8))
    keys = [
        create_key(Scope.READ, expires_timestamp=None if life is None else now + life).entry
        for life in lives
    ]
    revoked = msgspec.structs.replace(keys[2], revoked_timestamp=now)

    found = list(alerts.check_keys([*keys, revoked], now))
    assert [alert.subject for alert in found] == [keys[2].key_id, keys[3].key_id]
    assert "2026-12-08 00:00 UTC" in found[1].detail


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (alerts.check_stats_view(None, 75), []),
        (alerts.check_stats_view(75.0, 75), []),
        (alerts.check_stats_view(75.1, 75), ["stats_view_stale"]),
        (alerts.check_expiry(None), []),
        (alerts.check_expiry(date(2025, 1, 1)), ["expiry_overdue"]),
        (alerts.check_disks({"/a": 50.0, "/b": 9.9}, 10.0), ["disk_filling_up"]),
        (alerts.check_topic(None, 7, 9), []),
    ],
)
def test_fact_raises_an_alert_past_its_limit(found: Iterable[Alert], expected: list[str]) -> None:
    assert names(found) == expected


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"segment.ms": "604800000"}, ["topic_retention_long"]),
        ({"retention.ms": "-1"}, ["topic_retention_long"]),
        ({"retention.ms": "1209600000"}, ["topic_retention_long"]),
        ({"cleanup.policy": "compact"}, ["topic_retention_long", "topic_retention_short"]),
        ({MAX_AHEAD: UNLIMITED}, ["topic_retention_long"]),
        ({MAX_AHEAD: UNLIMITED, "message.timestamp.type": "LogAppendTime"}, []),
        ({"retention.ms": "86400000"}, ["topic_retention_short"]),
        ({"retention.bytes": "1000000"}, ["topic_retention_short"]),
    ],
)
def test_topic_raises_an_alert_when_it_keeps_records_too_long_or_too_briefly(
    change: dict[str, str], expected: list[str]
) -> None:
    settings = RefresherSettings()
    retention = TopicRetention.parse(CREATED | change)

    limits = settings.topic_retention_days, settings.max_record_age_days
    assert names(alerts.check_topic(retention, *limits)) == expected


def test_topic_as_created_deletes_records_after_retention_and_segment() -> None:
    assert TopicRetention.parse(CREATED).max_days == pytest.approx(8, abs=0.05)
    assert math.isinf(TopicRetention.parse(CREATED | {"retention.ms": "-1"}).max_days)
