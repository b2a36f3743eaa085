"""What must keep working while one thing is bad, measured on a running stack."""

import asyncio
import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import asyncpg
from aiokafka.partitioner import murmur2

from consumer.replay import Replayer
from schema import topics
from schema.validation import Window
from tests.e2e.stacks import request
from tests.faults.scene import Scene

POSTS: Final = 100
_OLDEST: Final = date(2001, 1, 1)
_PAUSE_SECONDS: Final = 0.05
_LETTER: Final = """
INSERT INTO dead_letters (topic, partition, "offset", reason, detail, record_timestamp, key, value)
VALUES ('isolation', 0, $1, 'timestamp_too_old', '', now(), NULL, $2) RETURNING dead_letter_id
"""


def partition_of(post: int) -> int:
    return int(murmur2(topics.partition_key(post)) & 0x7FFFFFFF) % topics.PARTITIONS


POST_OF: Final = {partition_of(post): post for post in range(POSTS, 0, -1)}
"""A post of each partition."""


@dataclass
class Probe:
    """Measures a stack's functions; each method returns when its function has worked once.

    Args:
        stored_partitions: those whose events are expected to be stored.
        ends_at: the monotonic time at which a probe gives up.
    """

    scene: Scene
    stored_partitions: Iterable[int] = tuple(POST_OF)
    ends_at: float = field(default_factory=lambda: time.monotonic() + 60)

    def accept(self) -> None:
        """An event is accepted."""
        self._post(*POST_OF.values())

    def store(self) -> None:
        """Events are stored, of each partition."""
        ids = self._post(*(POST_OF[number] for number in self.stored_partitions))
        stored = "SELECT count(*) FROM engagements WHERE event_id = ANY ($1::uuid[])"
        self._until(lambda: self._value(stored, ids) == len(ids))

    def fresh(self) -> None:
        """An accepted event shows in its post's report."""
        post = POST_OF[next(iter(self.stored_partitions))]
        before = self._get(f"/engagement/{post}")["views"]
        self._post(post)
        self._until(lambda: self._get(f"/engagement/{post}")["views"] > before)

    def reports(self) -> None:
        """Reports that were requested before are answered."""
        for path in ("/categories/top", "/sample/posts", "/analytics/top-authors"):
            self._get(path)

    def health(self) -> None:
        """Both services say that they live, and whether they are ready."""
        stack = self.scene.stack.file
        for url in (stack["ingest_url"], stack["api_url"]):
            assert request(url, "/healthz", "")[0] == 200
            assert request(url, "/readyz", "")[0] in {200, 503}

    def view(self) -> None:
        """The stats view shows the present."""
        began = datetime.now(UTC)
        as_of = "SELECT data_as_of FROM stats_refresh"
        self._until(lambda: self._value(as_of) >= began)

    def expiry(self) -> None:
        """A day past retention is dropped."""
        day = self.make_old_day()
        self._until(lambda: not self.has_partition(day))

    def alerts(self) -> None:
        """A health check is completed."""
        began = datetime.now(UTC)
        checked = "SELECT checked_timestamp FROM last_health_check"
        self._until(lambda: self._value(checked) >= began)

    def status(self) -> None:
        """`engage status` answers."""
        assert self.scene.stack.engage("status").returncode in {0, 1}

    def make_old_day(self) -> date:
        """Store an event of a day long past, as the replay of a dead letter may."""
        return self._run(self._make_old_day)

    async def _make_old_day(self, connection: Any) -> date:
        number = await connection.fetchval("SELECT count(*) FROM dead_letters")
        day = _OLDEST + timedelta(days=number)
        event = {
            "event_id": str(uuid.uuid4()),
            "post_id": 1,
            "type": "view",
            "engaged_timestamp": f"{day}T12:00:00Z",
        }
        letter = await connection.fetchval(_LETTER, number, json.dumps(event).encode())
        window = Window(past=timedelta(days=40_000), future=timedelta(0))
        outcome = await Replayer(connection, window, "a test").replay(letter, is_dry_run=False)
        assert outcome.outcome == "stored", outcome
        return day

    def has_partition(self, day: date) -> bool:
        return bool(self._value("SELECT has_partition($1)", day))

    def _post(self, *posts: int) -> list[str]:
        status, answer = self.scene.stack.post(*({"post_id": p, "type": "view"} for p in posts))
        assert status == 202, answer
        return list(answer["event_ids"])

    def _get(self, path: str) -> Any:
        status, answer = self.scene.get(path)
        assert status == 200, (path, answer)
        return answer

    def _value(self, statement: str, *values: Any) -> Any:
        return self.scene.value(statement, *values)

    def _run(self, work: Callable[[Any], Any]) -> Any:
        async def run() -> Any:
            connection = await asyncpg.connect(self.scene.database_url)
            try:
                return await work(connection)
            finally:
                await connection.close()

        return asyncio.run(run())

    def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            assert time.monotonic() < self.ends_at, "not in time"
            time.sleep(_PAUSE_SECONDS)


BOUNDS_SECONDS: Final[Mapping[str, float]] = {
    "accept": 10,
    "store": 20,
    "fresh": 20,
    "reports": 10,
    "health": 10,
    "view": 30,
    "expiry": 30,
    "alerts": 30,
    "status": 20,
}
"""What is measured, and the longest that each may take on a busy machine."""


def measure(probe: Probe, names: Iterable[str]) -> dict[str, float | str]:
    """Run the probes side by side; return the seconds of each, or why it failed to the end."""
    with ThreadPoolExecutor(len(BOUNDS_SECONDS)) as threads:
        running = {name: threads.submit(_timed, probe, name) for name in names}
        return {name: task.result() for name, task in running.items()}


def _timed(probe: Probe, name: str) -> float | str:
    """Return after how many seconds the probe's function has worked, tried again if need be."""
    began = time.monotonic()
    while True:
        try:
            getattr(probe, name)()
        except Exception as error:  # noqa: BLE001  (reported with all others)
            if time.monotonic() > probe.ends_at:
                return f"{type(error).__name__}: {error}"
            time.sleep(_PAUSE_SECONDS)
        else:
            return time.monotonic() - began


def failures(found: Mapping[str, float | str]) -> list[str]:
    """Return a line for each probe that failed, or took longer than its bound."""
    return [
        f"{name}: {seconds if isinstance(seconds, str) else f'{seconds:.1f} s'}"
        for name, seconds in found.items()
        if isinstance(seconds, str) or seconds > BOUNDS_SECONDS[name]
    ]


def as_row(fault: str, found: Mapping[str, float | str]) -> str:
    """Return a line of the table in docs/faults.md."""
    cells = [
        f"{seconds:.1f}" if isinstance(seconds := found.get(name, "-"), float) else seconds
        for name in BOUNDS_SECONDS
    ]
    return f"| {fault} | {' | '.join(cells)} |"


HEADER: Final = f"| | {' | '.join(BOUNDS_SECONDS)} |\n|---|{'--:|' * len(BOUNDS_SECONDS)}"
