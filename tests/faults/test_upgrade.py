"""A new version takes over process by process, under load, on tables it has already changed."""

import asyncio
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import pytest

from schema.migrate import Migration, migrate, shipped
from tests.faults.conftest import Say
from tests.faults.oracle import verify_all
from tests.faults.scene import Scene

ORDER = (
    ("consumer", 0), ("consumer", 1), ("refresher", 0), ("ingest", 0), ("ingest", 1), ("api", 0),
    ("catalogue", 0),
)  # fmt: skip
"""Who reads a record before who writes it."""
_EXPANDING = (
    "ALTER TABLE engagements ADD COLUMN later integer, ADD COLUMN later_still text DEFAULT 'x'",
    "ALTER TABLE consumer_offsets ADD COLUMN later bigint NOT NULL DEFAULT 0",
    "ALTER TABLE post_totals ADD COLUMN later bigint NOT NULL DEFAULT 0",
    "ALTER TABLE stats_refresh ADD COLUMN later integer",
    "CREATE TABLE later_on (post_id bigint PRIMARY KEY, later integer)",
    "ALTER TABLE posts ADD COLUMN later text; CREATE INDEX posts_by_later ON posts (later)",
)
"""What migrations may do while the version before is at work: docs/upgrading.md."""


def test_processes_are_replaced_one_by_one_on_migrated_tables_and_nothing_is_lost(
    scene: Scene, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = shipped()
    later = [
        Migration(number, "later", text) for number, text in enumerate(_EXPANDING, len(known) + 1)
    ]
    monkeypatch.setattr("schema.migrate.shipped", lambda: known + later)
    with scene.load(rate_per_second=300, retries=True) as load, _reading(scene) as reads:
        time.sleep(2)
        applied = asyncio.run(_migrate(scene.database_url))
        time.sleep(2)
        for role, slot in ORDER:
            victim = scene.kill(role, slot, signal.SIGTERM)
            scene.until_replaced(role, victim)
            scene.until_ready()
        time.sleep(2)

    assert len(applied) == len(_EXPANDING)
    numbers = verify_all(scene, load)
    assert numbers["unknown"] == 0
    assert load.facts.statuses.keys() <= {202, 207, 422}, "ingest answered with an error"
    assert reads.keys() <= {200, None}, "the read API answered with an error"
    assert reads[200] > 10
    say(f"{numbers}; {load.facts.resends} sent again; {dict(reads)} reads")


async def _migrate(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return await migrate(connection)
    finally:
        await connection.close()


@contextmanager
def _reading(scene: Scene) -> Iterator[Counter[int | None]]:
    """Ask for a report all the time; count the statuses, None for a connection that was cut."""
    statuses: Counter[int | None] = Counter()
    stopping = threading.Event()

    def read() -> None:
        while not stopping.is_set():
            try:
                statuses[scene.get("/categories/top")[0]] += 1
            except OSError:
                statuses[None] += 1
            stopping.wait(0.05)

    thread = threading.Thread(target=read, name="reads")
    thread.start()
    try:
        yield statuses
    finally:
        stopping.set()
        thread.join()
