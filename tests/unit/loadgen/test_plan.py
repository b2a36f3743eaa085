"""Plans of loads, their shares among processes, and their latencies."""

from random import Random

import pytest

from loadgen.events import Mix
from loadgen.load import items, split
from loadgen.plan import Histogram, Plan
from loadgen.traffic import Facts


@pytest.mark.parametrize(
    ("field", "value"),
    [("batch_events", 0), ("batch_events", 1001), ("history_days", 400), ("rate", 0.0)],
)
def test_invalid_plan_is_rejected(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        Plan(events=1, **{field: value})


def test_parts_add_up() -> None:
    parts = split(Plan(events=10, rate=100.0), 3)

    assert [part.events for part in parts] == [4, 3, 3]
    assert sum(part.rate or 0 for part in parts) == pytest.approx(100)


def test_parts_send_different_events_and_the_same_part_the_same_bytes(
    facts: Facts, now_us: int
) -> None:
    mix = Mix(duplicates=0.5, invalid=0.1)
    parts = split(Plan(events=400, history_days=30, mix=mix), 2)
    sent = [list(items(part, facts, lambda: now_us)) for part in parts]
    ids = [{item.event.event_id for item in part if item.event} for part in sent]

    assert [len(found) for found in ids] == [200, 200]
    assert not ids[0] & ids[1]
    assert list(items(parts[0], facts, lambda: now_us)) == sent[0]


@pytest.mark.parametrize("percent", [50, 90, 99, 99.9])
def test_percentiles_of_latencies_are_exact_to_two_percent(percent: float) -> None:
    random = Random(1)
    values = sorted(random.lognormvariate(-5, 1.5) for _ in range(20_000))
    histogram = Histogram()
    assert histogram.percentile(percent) == 0.0
    for value in values:
        histogram.record(value)

    exact = values[int(len(values) * percent / 100) - 1]
    assert histogram.percentile(percent) == pytest.approx(exact, rel=0.02, abs=2e-6)


def test_no_percentile_is_above_the_largest_value() -> None:
    histogram = Histogram()
    histogram.record(0.010001, times=3)

    assert histogram.count == 3
    assert histogram.percentile(99.9) == histogram.max_seconds == 0.010001
