"""What counts as wrong, and what does not."""

from collections.abc import Sequence
from datetime import date

import pytest

from analytics_api.ledger.books import Books, balance
from analytics_api.ledger.models import Ledger
from analytics_api.refresher import alarms
from analytics_api.refresher.alarms import LagWatch

TOPIC = "engagement.events"


def ledger(
    next_offset: int, end: int | None, *, engagements: int | None = None, halt: str | None = None
) -> Ledger:
    """Return a ledger of one partition, everything in it stored."""
    row = {
        "topic": TOPIC,
        "partition": 0,
        "first_offset": 0,
        "next_offset": next_offset,
        "stored": next_offset,
        "duplicates": 0,
        "dead_lettered": 0,
        "skipped": 0,
        "halt_reason": halt,
    }
    rows = next_offset if engagements is None else engagements
    books = Books([row], next_offset, 0, 0, 0, rows)
    return balance(books, TOPIC, None if end is None else {0: end})


def looked(*looks: tuple[float, int, int | None]) -> list[str]:
    """Return the alarms of the last of these looks: (seconds, next offset, log end)."""
    watch = LagWatch()
    found: Sequence[alarms.Alarm] = ()
    for seconds, next_offset, end in looks:
        found = watch.look(ledger(next_offset, end), seconds)
    return [alarm.alarm for alarm in found]


def test_a_ledger_that_adds_up_raises_nothing() -> None:
    assert list(alarms.of_the_ledger(ledger(10, 12))) == []


def test_an_imbalance_and_a_halt_are_told_with_what_to_do() -> None:
    found = list(alarms.of_the_ledger(ledger(10, 12, engagements=9, halt="log_diverged")))

    assert [(alarm.alarm, alarm.subject) for alarm in found] == [
        ("imbalance", ""),
        ("halted", "partition 0"),
    ]
    assert "log_diverged" in found[1].detail
    assert "engage consumer resume" in found[1].detail


@pytest.mark.parametrize(
    ("looks", "expected"),
    [
        ([(0, 5, 10), (30, 5, 10)], ["stalled"]),
        ([(0, 5, 10), (29, 5, 10)], []),
        ([(0, 5, 10), (30, 6, 10)], []),
        ([(0, 5, 5), (25, 5, 6), (30, 5, 6)], []),  # it came five seconds ago
        ([(0, 0, 5_000), (150, 500, 6_000), (300, 1_000, 7_000)], ["falling_behind"]),
        ([(0, 0, 5_000), (150, 500, 6_000), (299, 4_500, 7_000)], []),  # it shrinks
        ([(0, 0, 5_000), (150, 5_900, 6_000), (300, 6_000, 12_000)], []),  # it had caught up
        ([(0, 5, None), (30, 5, None)], ["lag_unknown"]),
        ([(0, 5, None), (20, 5, 5), (40, 5, None)], []),
    ],
)
def test_a_lag_that_does_not_shrink(
    looks: list[tuple[float, int, int | None]], expected: list[str]
) -> None:
    assert looked(*looks) == expected


def test_lags_are_forgotten_after_five_minutes() -> None:
    looks = [(float(second), 5, 10) for second in range(0, 3_000, 10)]
    watch = LagWatch()
    for second, next_offset, end in looks:
        found = watch.look(ledger(next_offset, end), second)
    assert "for 300 s" in found[0].detail


@pytest.mark.parametrize(("age_seconds", "count"), [(None, 0), (75.0, 0), (75.1, 1)])
def test_the_views_age(age_seconds: float | None, count: int) -> None:
    assert len(list(alarms.of_the_view(age_seconds, limit_seconds=75))) == count


@pytest.mark.parametrize(
    ("looks", "count"),
    [
        ([(0, 7), (60, 7)], 0),
        ([(0, 1)], 0),  # the very first look may come before the days are made
        ([(0, 0), (10, 7), (70, 1)], 0),
        ([(0, 1), (59, 1)], 0),
        ([(0, 1), (60, 1)], 1),
        ([(0, 0), (60, 1), (120, 0)], 1),
        ([(0, 0), (60, 0), (61, 2)], 0),
    ],
)
def test_too_few_partitions_ahead_are_told_once_it_lasts(
    looks: list[tuple[float, int]], count: int
) -> None:
    watch = alarms.PartitionsWatch()
    for seconds, ahead in looks:
        found = watch.look(ahead, seconds)
    assert len(found) == count


@pytest.mark.parametrize(("oldest", "count"), [(None, 0), (date(2025, 1, 1), 1)])
def test_days_that_do_not_expire(oldest: date | None, count: int) -> None:
    assert len(list(alarms.of_expiry(oldest))) == count


def test_each_disk_is_told_alone() -> None:
    found = list(alarms.of_the_disks({"/a": 50.0, "/b": 9.9}, least_percent=10.0))
    assert [(alarm.alarm, alarm.subject) for alarm in found] == [("disk_filling_up", "/b")]
