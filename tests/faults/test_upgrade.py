"""Processes of a new version replace the old ones under load, on migrated tables."""

import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from schema.migrate import Migration, migrate, shipped
from tests.faults.comparison import compare
from tests.faults.stack import FaultStack

ORDER = (
    ("consumer", 0), ("consumer", 1), ("refresher", 0), ("ingest", 0), ("ingest", 1), ("api", 0),
    ("catalogue", 0),
)  # fmt: skip
"""Readers of a record before its writers."""
NEW_MIGRATIONS = (
    "ALTER TABLE engagements ADD COLUMN later integer, ADD COLUMN later_still text DEFAULT 'x'",
    "ALTER TABLE consumer_offsets ADD COLUMN later bigint NOT NULL DEFAULT 0",
    "ALTER TABLE post_totals ADD COLUMN later bigint NOT NULL DEFAULT 0",
    "ALTER TABLE stats_refresh ADD COLUMN later integer",
    "CREATE TABLE later_on (post_id bigint PRIMARY KEY, later integer)",
    "ALTER TABLE posts ADD COLUMN later text; CREATE INDEX posts_by_later ON posts (later)",
)
"""Operations that docs/upgrading.md allows while the previous version runs."""


@contextmanager
def requesting_reports(stack: FaultStack) -> Iterator[Counter[int | None]]:
    """Request a report repeatedly. Yield the statuses; None counts lost connections."""
    statuses: Counter[int | None] = Counter()
    stopping = threading.Event()

    def request() -> None:
        while not stopping.is_set():
            try:
                statuses[stack.get("/categories/top")[0]] += 1
            except OSError:
                statuses[None] += 1
            stopping.wait(0.05)

    thread = threading.Thread(target=request, name="reports")
    thread.start()
    try:
        yield statuses
    finally:
        stopping.set()
        thread.join()


def test_no_event_is_lost_and_no_request_fails_during_a_rolling_upgrade(
    stack: FaultStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = shipped()
    new = [Migration(n, "later", text) for n, text in enumerate(NEW_MIGRATIONS, len(known) + 1)]
    monkeypatch.setattr("schema.migrate.shipped", lambda: known + new)
    with (
        stack.load(rate_per_second=300, retries=True) as load,
        requesting_reports(stack) as statuses,
    ):
        time.sleep(2)
        applied = stack.connected(migrate)
        time.sleep(2)
        for role, slot in ORDER:
            stack.until_replaced(role, stack.kill(role, slot, signal.SIGTERM))
            stack.until_ready()
        time.sleep(2)

    assert len(applied) == len(NEW_MIGRATIONS)
    assert load.statuses.keys() <= {202, 207, 422}
    assert statuses.keys() <= {200, None}
    assert statuses[200] > 10
    compared = compare(stack, load)
    assert compared.differences == []
    assert compared.unknown == 0
