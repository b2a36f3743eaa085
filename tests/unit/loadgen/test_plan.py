"""What a load shall be, and how processes share it."""

import pytest

from loadgen.facts import Facts
from loadgen.load import items
from loadgen.mixture import Mix
from loadgen.parallel import split
from loadgen.plan import Plan


@pytest.mark.parametrize(
    ("field", "value"),
    [("batch_events", 0), ("batch_events", 1001), ("history_days", 400), ("rate", 0.0)],
)
def test_a_plan_that_cannot_be_is_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        Plan(events=1, **{field: value})


def test_parts_add_up() -> None:
    parts = split(Plan(events=10, rate=100.0), 3)

    assert [part.events for part in parts] == [4, 3, 3]
    assert sum(part.rate or 0 for part in parts) == pytest.approx(100)


def test_parts_send_different_events(facts: Facts, now_us: int) -> None:
    one, other = split(Plan(events=400, history_days=30, mix=Mix(duplicates=0.5)), 2)
    ids = [
        {item.event.event_id for item in items(part, facts, lambda: now_us) if item.event}
        for part in (one, other)
    ]

    assert [len(found) for found in ids] == [200, 200]
    assert not ids[0] & ids[1]


def test_the_same_plan_at_the_same_time_sends_the_same_bytes(facts: Facts, now_us: int) -> None:
    plan = Plan(events=300, history_days=30, mix=Mix(duplicates=0.1, invalid=0.1))

    assert list(items(plan, facts, lambda: now_us)) == list(items(plan, facts, lambda: now_us))
