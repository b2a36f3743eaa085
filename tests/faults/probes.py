"""Measures how long the functions of a running stack take."""

import json
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from aiokafka.partitioner import murmur2

from consumer.replay import Replayer
from schema import topics
from schema.validation import Window
from tests.e2e.stacks import request
from tests.faults.stack import FaultStack

POSTS: Final = 100
TIMEOUT_SECONDS: Final = 60.0
MAX_SECONDS: Final[Mapping[str, float]] = {
    "accept_events": 10,
    "store_events": 20,
    "show_new_events": 20,
    "answer_reports": 10,
    "answer_probes": 10,
    "refresh_stats_view": 30,
    "drop_expired_days": 30,
    "check_health": 30,
    "show_status": 20,
}
"""The methods of `Probe`, and the longest that each may take on a busy machine."""
_PAUSE_SECONDS: Final = 0.05
_OLDEST_DAY: Final = date(2001, 1, 1)
_INSERT_DEAD_LETTER: Final = """
INSERT INTO dead_letters (topic, partition, "offset", reason, detail, record_timestamp, key, value)
VALUES ('isolation', 0, $1, 'timestamp_too_old', '', now(), NULL, $2) RETURNING dead_letter_id
"""


POST_OF: Final[dict[int, int]] = {
    (murmur2(topics.partition_key(post)) & 0x7FFFFFFF) % topics.PARTITIONS: post
    for post in range(POSTS, 0, -1)
}
"""A post of each partition."""


@dataclass
class Probe:
    """Each method returns once its function has worked.

    Args:
        partitions: those whose events are expected to be stored.
        timeout_at: the monotonic time at which all methods fail.
    """

    stack: FaultStack
    partitions: Iterable[int] = tuple(POST_OF)
    timeout_at: float = field(default_factory=lambda: time.monotonic() + TIMEOUT_SECONDS)

    def measure(self, names: Iterable[str]) -> dict[str, float | str]:
        """Run methods concurrently. Return the seconds that each took, or its last error."""
        with ThreadPoolExecutor(len(MAX_SECONDS)) as threads:
            running = {name: threads.submit(self._measure, getattr(self, name)) for name in names}
            return {name: measuring.result() for name, measuring in running.items()}

    def _measure(self, method: Callable[[], None]) -> float | str:
        began = time.monotonic()
        while True:
            try:
                method()
            except Exception as error:  # noqa: BLE001  (returned)
                if time.monotonic() > self.timeout_at:
                    return f"{type(error).__name__}: {error}"
                time.sleep(_PAUSE_SECONDS)
            else:
                return time.monotonic() - began

    def accept_events(self) -> None:
        self._post(*POST_OF.values())

    def store_events(self) -> None:
        ids = self._post(*(POST_OF[partition] for partition in self.partitions))
        stored = "SELECT count(*) FROM engagements WHERE event_id = ANY ($1::uuid[])"
        self._until(lambda: self.stack.value(stored, ids) == len(ids))

    def show_new_events(self) -> None:
        post = POST_OF[next(iter(self.partitions))]
        before = self._get(f"/engagement/{post}")["views"]
        self._post(post)
        self._until(lambda: self._get(f"/engagement/{post}")["views"] > before)

    def answer_reports(self) -> None:
        for path in ("/categories/top", "/sample/posts", "/analytics/top-authors"):
            self._get(path)

    def answer_probes(self) -> None:
        for url in (self.stack.file["ingest_url"], self.stack.file["api_url"]):
            assert request(url, "/healthz", "")[0] == 200
            assert request(url, "/readyz", "")[0] in {200, 503}

    def refresh_stats_view(self) -> None:
        self._until_later("SELECT data_as_of FROM stats_refresh")

    def drop_expired_days(self) -> None:
        day = self.store_expired_day()
        self._until(lambda: not self.has_partition(day))

    def check_health(self) -> None:
        self._until_later("SELECT checked_timestamp FROM last_health_check")

    def show_status(self) -> None:
        assert self.stack.engage("status").returncode in {0, 1}

    def store_expired_day(self) -> date:
        """Store an event of an expired day, by replaying a dead letter. Return the day."""
        return self.stack.connected(self._store_expired_day)

    async def _store_expired_day(self, connection: Any) -> date:
        number = await connection.fetchval("SELECT count(*) FROM dead_letters")
        day = _OLDEST_DAY + timedelta(days=number)
        event = {
            "event_id": str(uuid.uuid4()),
            "post_id": 1,
            "type": "view",
            "engaged_timestamp": f"{day}T12:00:00Z",
        }
        value = json.dumps(event).encode()
        letter = await connection.fetchval(_INSERT_DEAD_LETTER, number, value)
        window = Window(past=timedelta(days=40_000), future=timedelta(0))
        replayed = await Replayer(connection, window, "a test").replay(letter, is_dry_run=False)
        assert replayed.outcome == "stored", replayed
        return day

    def has_partition(self, day: date) -> bool:
        return bool(self.stack.value("SELECT has_partition($1)", day))

    def _post(self, *posts: int) -> list[str]:
        status, response = self.stack.post(*({"post_id": post, "type": "view"} for post in posts))
        assert status == 202, response
        return list(response["event_ids"])

    def _get(self, path: str) -> Any:
        status, response = self.stack.get(path)
        assert status == 200, (path, response)
        return response

    def _until_later(self, query: str) -> None:
        """Wait until a query returns a time after now."""
        began = datetime.now(UTC)
        self._until(lambda: self.stack.value(query) >= began)

    def _until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            assert time.monotonic() < self.timeout_at, "timed out"
            time.sleep(_PAUSE_SECONDS)


def failures(found: Mapping[str, float | str]) -> list[str]:
    """Return a line for each method that failed or took too long."""
    return [
        f"{name}: {seconds if isinstance(seconds, str) else f'{seconds:.1f} s'}"
        for name, seconds in found.items()
        if isinstance(seconds, str) or seconds > MAX_SECONDS[name]
    ]
