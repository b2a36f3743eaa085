"""Operations on the pipeline in any order; each rule applies one to the model as well."""

import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from schema.event import TYPES, Record
from schema.wire import encode
from tests.integration.pipeline.harness import Harness
from tests.integration.pipeline.invariants import assert_database_matches, assert_stats_view_matches
from tests.integration.pipeline.model import (
    DEAD_LETTER_LIMIT,
    PARTITIONS,
    Entry,
    Event,
    Garbage,
    Model,
    Retraction,
)

TODAY: Final = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
RECEIVED: Final = TODAY + timedelta(hours=23)
DAYS: Final = tuple((TODAY - timedelta(days=ago)).date() for ago in (31, 30, 6, 5, 4, 0))
HORIZONS: Final = tuple((TODAY - timedelta(days=ago)).date() for ago in (30, 6, 5, 3))
WINDOWS: Final = {"narrow": timedelta(days=20), "wide": timedelta(days=400)}
PARTITION_OF: Final = {1: 0, 2: 1, "guide.1234567": 0, "10.1371/journal.pone.0123456": 1}
POSTS: Final = [(post, TODAY - timedelta(days=3)) for post in PARTITION_OF if isinstance(post, int)]
USERS: Final = (770000001, 770000002, "ann@example.org", "bob@example.org")

_days = st.sampled_from(DAYS)
_new_events = st.fixed_dictionaries(
    {
        "day": _days,
        "minutes": st.sampled_from((0, 14, 15, 1300)),
        "post": st.sampled_from(list(PARTITION_OF)),
        "user": st.none() | st.sampled_from(USERS),
        "type": st.sampled_from(TYPES),
    }
)
_garbage = st.sampled_from(
    [
        b"[]",
        b"\xff770000001",
        None,
        json.dumps({"user": USERS[2], "event_id": "none"}).encode(),
        json.dumps({"user_id": USERS[0], "type": "view"}).encode(),
    ]
)
_known = st.integers(0, 40)
_items = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(("new", "new", "retracted first")), _new_events),
        st.tuples(st.sampled_from(("again", "retract", "other time")), _known),
        st.tuples(st.just("garbage"), st.tuples(_garbage, st.integers(0, PARTITIONS - 1))),
    ),
    min_size=1,
    max_size=6,
)
# A number is an offset, as a fraction of the log.
_positions = st.sampled_from(("stored", "earliest", "latest", 0.5, 0.8))


class PipelineMachine(RuleBasedStateMachine):
    """Compares the pipeline with the model after each rule, if a consumer runs."""

    harness: ClassVar[Harness]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(RECEIVED)
        self.known: list[Event] = []
        self.window: timedelta | None = None
        self.is_topic_new = True

    @initialize()
    def begin(self) -> None:
        self.harness.begin(DAYS, PARTITIONS)
        self._start("wide")

    def teardown(self) -> None:
        self.harness.end()

    @invariant()
    def settle(self) -> None:
        """Wait for the consumer, and compare."""
        if self.window is None:
            return
        self.model.consume(self.window)
        offset_rows = self.model.tables.offset_rows
        self.harness.settle({n: (row.next, row.halt) for n, row in offset_rows.items()})
        assert_database_matches(self.model, self.harness)

    def _start(self, window: str) -> None:
        self.window = WINDOWS[window]
        self.harness.start_consumer(self.window, DEAD_LETTER_LIMIT)

    # Events and other records.

    @rule(items=_items)
    def produce(self, items: Iterable[tuple[str, Any]]) -> None:
        self._produce(items)

    def _produce(self, items: Iterable[tuple[str, Any]]) -> None:
        records = []
        for kind, what in items:
            for partition, entry in self._entries(kind, what):
                self.model.logs[partition].entries.append(entry)
                records.append((partition, _value(entry)))
        self.harness.produce(records)

    def _entries(self, kind: str, what: Any) -> Iterator[tuple[int, Entry]]:
        """Yield a record with its partition, unless there is no event yet to repeat."""
        if kind == "garbage":
            value, partition = what
            yield partition, Garbage(value)
        elif kind in {"new", "retracted first"}:
            event = self._new_event(**what)
            yield PARTITION_OF[event.post], event if kind == "new" else Retraction(event)
        elif self.known:
            event = self.known[what % len(self.known)]
            if kind == "other time":
                event = replace(event, time=event.time + timedelta(minutes=1))
                self.known.append(event)
            yield PARTITION_OF[event.post], Retraction(event) if kind == "retract" else event

    def _new_event(self, *, day: Any, minutes: int, **fields: Any) -> Event:
        time = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(minutes=minutes)
        event_id = uuid.UUID(int=(0x4 << 76) | len(self.known) + 1)
        self.known.append(Event(event_id, time, **fields))
        return self.known[-1]

    # The consumer.

    @precondition(lambda self: self.window is not None)
    @rule()
    def stop_consumer(self) -> None:
        self.window = None
        self.harness.end_consumer(is_crash=False)

    @precondition(lambda self: self.window is None)
    @rule(window=st.sampled_from(list(WINDOWS)))
    def start_consumer(self, window: str) -> None:
        self._start(window)

    @precondition(lambda self: self.window is not None)
    @rule(items=_items)
    def crash_consumer(self, items: Iterable[tuple[str, Any]]) -> None:
        self._produce(items)
        self.harness.end_consumer(is_crash=True)
        self.harness.start_consumer(self.window, DEAD_LETTER_LIMIT)

    @precondition(lambda self: self.window is not None)
    @rule(items=_items)
    def consume_twice(self, items: Iterable[tuple[str, Any]]) -> None:
        """Let a second consumer read the same partitions, then end the first."""
        self.harness.start_consumer(self.window, DEAD_LETTER_LIMIT)
        self._produce(items)
        self.settle()
        self.harness.end_consumer(is_crash=True)

    # The log.

    def _halted(self) -> list[int]:
        return [n for n, row in self.model.tables.offset_rows.items() if row.halt]

    @precondition(lambda self: self._halted())
    @rule(position=_positions, which=st.integers(0, PARTITIONS - 1))
    def resume(self, position: str | float, which: int) -> None:
        halted = self._halted()
        partition = halted[which % len(halted)]
        if isinstance(position, float):
            log = self.model.logs[partition]
            position = log.start + int((log.end - log.start) * position)
        self.harness.resume(partition, position)
        self.model.resume(partition, position)

    @precondition(lambda self: self.window is not None)
    @rule(
        partition=st.integers(0, PARTITIONS - 1),
        position=st.sampled_from(("earliest", "earliest", "stored")),
    )
    def halt_and_resume(self, partition: int, position: str) -> None:
        if partition not in self._halted():
            self._produce([("garbage", (b"[]", partition))] * DEAD_LETTER_LIMIT)
            self.settle()
        self.harness.resume(partition, position)
        self.model.resume(partition, position)

    @rule(partition=st.integers(0, PARTITIONS - 1), fraction=st.sampled_from((0.5, 1.0)))
    def truncate_log(self, partition: int, fraction: float) -> None:
        log = self.model.logs[partition]
        offset = log.start + int((log.end - log.start) * fraction)
        if offset > log.start:
            self.harness.truncate_log(partition, offset)
            log.start = offset

    @precondition(lambda self: self.window is None and self.is_topic_new)
    @rule()
    def recreate_topic(self) -> None:
        self.is_topic_new = False
        self.harness.recreate_topic()
        self.model.recreate_topic()

    # The operator.

    @rule()
    def replay_dead_letters(self) -> None:
        self.harness.replay()
        self.model.replay()

    @rule(user=st.sampled_from(USERS))
    def erase(self, user: int | str) -> None:
        self.harness.erase(user, is_linked=self.model.backup is None)
        self.model.erase(user)

    @rule(
        which=st.sampled_from((("post", "guide.1234567"), ("user", USERS[2]), ("user", USERS[3])))
    )
    def assign_number(self, which: tuple[str, str]) -> None:
        """Assign a catalogue number to an external ID, whose events may be stored already."""
        kind, name = which
        if name not in self.model.tables.erased:
            self.harness.assign_number(kind, name)

    @rule(first_kept=st.sampled_from(HORIZONS), has_archive=st.booleans())
    def expire(self, first_kept: Any, has_archive: bool) -> None:
        self.harness.expire(first_kept, has_archive=has_archive)
        self.model.expire(first_kept, list(DAYS), has_archive=has_archive)

    @precondition(lambda self: self.model.tables.archived)
    @rule(which=_known, is_kept=st.booleans())
    def restore(self, which: int, is_kept: bool) -> None:
        days = sorted(self.model.tables.archived)
        day = days[which % len(days)]
        keep_until = TODAY.date() + timedelta(days=30 if is_kept else -1)
        is_damaged = self.model.is_damaged(day) and not self.model.tables.archived[day].is_restored
        assert self.harness.restore(day, keep_until) is not is_damaged
        self.model.restore(day, is_kept=is_kept)

    @precondition(
        lambda self: (
            self.model.tables.archived
            and not any(map(self.model.is_damaged, self.model.tables.archived))
        )
    )
    @rule()
    def scrub_archive(self) -> None:
        self.harness.scrub()
        self.model.scrub()
        days = self.model.tables.archived
        assert self.harness.archived_users(days).isdisjoint(
            self.harness.numbers_of(self.model.tables.erased)
        )

    @rule()
    def refresh(self) -> None:
        self.harness.refresh()
        assert_stats_view_matches(self.model, self.harness)

    # Backups.

    @precondition(lambda self: self.window is None)
    @rule()
    def back_up(self) -> None:
        self.harness.back_up()
        self.model.back_up()

    @precondition(lambda self: self.window is None and self.model.backup is not None)
    @rule(window=st.sampled_from(list(WINDOWS)))
    def roll_back(self, window: str) -> None:
        self.harness.roll_back()
        self.model.roll_back()
        self._start(window)


def _value(entry: Entry) -> bytes | None:
    if isinstance(entry, Garbage):
        return entry.value
    event = entry.event if isinstance(entry, Retraction) else entry
    post = {"post_id" if isinstance(event.post, int) else "post": event.post}
    if isinstance(entry, Retraction):
        named = {
            "retracted_event_id": str(event.event_id),
            "engaged_timestamp": event.time.isoformat(),
            "received_timestamp": RECEIVED.isoformat(),
        }
        return json.dumps(named | post).encode()
    user = {"user_id" if isinstance(event.user, int) else "user": event.user}
    times = {"engaged_timestamp": event.time, "received_timestamp": RECEIVED}
    return encode(Record(event_id=event.event_id, type=event.type, **times, **post, **user))
