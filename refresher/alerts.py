"""Conditions that raise alerts. No I/O.

docs/guarantees.md lists the alerts, docs/troubleshooting.md what to do about each.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

from analytics_api.ledger import Ledger
from web.auth import KeyEntry

_STALLED_SECONDS: Final = 30.0
_LAG_WINDOW_SECONDS: Final = 300.0
_MIN_GROWING_LAG: Final = 1_000
_MIN_PARTITIONS_AHEAD: Final = 2
_MISSING_PARTITIONS_SECONDS: Final = 60.0
_DAY_MS: Final = 24 * 3600 * 1000
_EXPIRES_SOON: Final = timedelta(days=7)
SEVERITIES: Final = {
    "ledger_unbalanced": "critical",
    "partition_halted": "critical",
    "partition_stalled": "warning",
    "lag_growing": "warning",
    "lag_unknown": "warning",
    "partitions_running_out": "critical",
    "topic_retention_long": "warning",
    "topic_retention_short": "warning",
    "expiry_overdue": "warning",
    "stats_view_stale": "critical",
    "disk_filling_up": "warning",
    "key_expires_soon": "warning",
    "health_checks_stopped": "warning",  # raised by sql/active_alerts.sql
}
"""Severity by alert. A critical one makes the refresher not ready."""

_HALT_FIXES: Final = {
    "too_many_dead_letters": "see `engage dead-letters list`, then `engage consumer resume`",
    "records_lost": "`engage consumer resume --from earliest` continues with the remaining records",
    "log_diverged": "see docs/dead-letters.md, then `engage consumer resume --from earliest`",
    "unreadable_batch": "`engage consumer resume` retries; see docs/dead-letters.md",
}


class Alert(NamedTuple):
    """An active alert.

    Attributes:
        subject: the affected partition or disk; may be empty.
        detail: facts and remedy, for the operator.
    """

    name: str
    subject: str
    detail: str

    @property
    def severity(self) -> str:
        """``critical`` or ``warning``."""
        return SEVERITIES[self.name]

    def __str__(self) -> str:
        subject = f" ({self.subject})" if self.subject else ""
        return f"{self.name}{subject}: {self.detail}"


def check_ledger(ledger: Ledger) -> Iterator[Alert]:
    """Check that every record is accounted for, and that no partition is halted."""
    if not ledger.balanced:
        yield Alert("ledger_unbalanced", "", "the ledger does not balance: see `engage ledger`")
    for partition in ledger.partitions:
        if partition.halt_reason is not None:
            fix = _HALT_FIXES.get(partition.halt_reason, "see `engage consumer resume`")
            reason = ": ".join(filter(None, (partition.halt_reason, partition.halt_detail)))
            yield Alert("partition_halted", _subject(partition.partition), f"{reason}; {fix}")


def check_stats_view(age_seconds: float | None, max_age_seconds: float) -> Iterator[Alert]:
    """Check the age of the data in the stats view."""
    if age_seconds is not None and age_seconds > max_age_seconds:
        detail = f"engagement_stats is {math.floor(age_seconds)} s old: see the refresher's log"
        yield Alert("stats_view_stale", "", detail)


def check_expiry(oldest_overdue: date | None) -> Iterator[Alert]:
    """Check that days are dropped at the end of their retention."""
    if oldest_overdue is not None:
        detail = f"{oldest_overdue} is past retention and not dropped: see the refresher's log"
        yield Alert("expiry_overdue", "", detail)


def check_keys(keys: Iterable[KeyEntry], now: datetime) -> Iterator[Alert]:
    """Check that no valid API key expires within a week."""
    for key in keys:
        if key.expires_timestamp is None or key.revoked_timestamp or key.has_expired(now):
            continue
        if key.has_expired(now + _EXPIRES_SOON):
            name = f" ({key.label})" if key.label else ""
            detail = (
                f"the {key.scope} key {key.key_id}{name} expires at"
                f" {key.expires_timestamp:%Y-%m-%d %H:%M} UTC: create another one with"
                " `engage keys create`, and use it instead"
            )
            yield Alert("key_expires_soon", key.key_id, detail)


def check_disks(free_by_path: Mapping[str, float], min_free_percent: float) -> Iterator[Alert]:
    """Check the free space of file systems, in percent of each."""
    for path, free_percent in free_by_path.items():
        if free_percent < min_free_percent:
            yield Alert("disk_filling_up", path, f"{free_percent:.1f} % of the space is free")


@dataclass(frozen=True)
class TopicRetention:
    """The topic's settings that decide when Kafka deletes a record.

    Kafka deletes whole segments, and a producer may set timestamps in the future: both prolong the
    life of a record. A limit in bytes, or compaction, may end it at any time.
    """

    retention_ms: int
    segment_ms: int
    max_future_ms: int
    has_bytes_limit: bool
    is_compacted: bool
    is_deleted: bool

    @classmethod
    def parse(cls, configuration: Mapping[str, str]) -> "TopicRetention":
        """Return the settings of a topic configuration that includes the broker's defaults."""
        is_producer_time = configuration.get("message.timestamp.type", "CreateTime") == "CreateTime"
        max_future_ms = int(configuration.get("message.timestamp.after.max.ms", 0))
        policies = configuration.get("cleanup.policy", "delete")
        return cls(
            retention_ms=int(configuration["retention.ms"]),
            segment_ms=int(configuration["segment.ms"]),
            max_future_ms=max_future_ms if is_producer_time else 0,
            has_bytes_limit=int(configuration.get("retention.bytes", -1)) >= 0,
            is_compacted="compact" in policies,
            is_deleted="delete" in policies,
        )

    @property
    def max_days(self) -> float:
        """Age at which every record is deleted; infinity: never."""
        if self.retention_ms < 0 or not self.is_deleted:
            return math.inf
        return (self.retention_ms + self.segment_ms + self.max_future_ms) / _DAY_MS

    @property
    def min_days(self) -> float:
        """Age at which a record may be deleted."""
        if self.has_bytes_limit or self.is_compacted:
            return 0.0
        return math.inf if self.retention_ms < 0 else self.retention_ms / _DAY_MS


def check_topic(retention: TopicRetention | None, min_days: int, max_days: int) -> Iterator[Alert]:
    """Check how long the topic keeps records.

    Args:
        retention: of the topic; None: unknown.
        min_days: how long it must keep records.
        max_days: how long it may keep them: reading an older record again finds its day expired.
    """
    if retention is None:
        return
    if retention.max_days > max_days:
        kept = "forever" if math.isinf(retention.max_days) else f"for {retention.max_days:.1f} days"
        detail = (
            f"records may be kept {kept}, but partitions outlive retention by {max_days} days:"
            " set retention.ms and segment.ms of the topic, or raise ENGAGE_TOPIC_RETENTION_DAYS"
        )
        yield Alert("topic_retention_long", "", detail)
    if retention.min_days < min_days:
        detail = (
            f"records may be deleted after {retention.min_days:.1f} days instead of {min_days}: see"
            " retention.ms, retention.bytes and cleanup.policy of the topic"
        )
        yield Alert("topic_retention_short", "", detail)


class PartitionsMonitor:
    """Checks that daily partitions are created ahead; a first start has a minute to do so."""

    def __init__(self) -> None:
        self._missing_since: float | None = None

    def check(self, ahead: int, now: float) -> list[Alert]:
        """Check the number of partitions after today, at *now* in monotonic seconds."""
        if ahead >= _MIN_PARTITIONS_AHEAD:
            self._missing_since = None
            return []
        if self._missing_since is None:
            self._missing_since = now
        if now - self._missing_since < _MISSING_PARTITIONS_SECONDS:
            return []
        detail = f"{ahead} daily partitions exist after today: see `engage db partitions`"
        return [Alert("partitions_running_out", "", detail)]


class _Sample(NamedTuple):
    at: float
    next_offset: int
    lag: int


class LagMonitor:
    """Checks whether each partition's lag shrinks, by samples of the last five minutes."""

    def __init__(self) -> None:
        self._samples: dict[int, deque[_Sample]] = {}
        self._unknown_since: float | None = None

    def check(self, ledger: Ledger, now: float) -> list[Alert]:
        """Add a sample, at *now* in monotonic seconds, and return the alerts."""
        if ledger.totals.in_flight is None:
            if self._unknown_since is None:
                self._unknown_since = now
            seconds = now - self._unknown_since
            detail = f"Kafka has not reported its end offsets for {seconds:.0f} s"
            return [Alert("lag_unknown", "", detail)] if seconds >= _STALLED_SECONDS else []
        self._unknown_since = None
        for partition in ledger.partitions:
            samples = self._samples.setdefault(partition.partition, deque())
            samples.append(_Sample(now, partition.next_offset, partition.in_flight or 0))
            while samples[0].at < now - _LAG_WINDOW_SECONDS:
                samples.popleft()
        return [
            alert for number, found in self._samples.items() for alert in _check_lag(number, found)
        ]


def _check_lag(partition: int, samples: Iterable[_Sample]) -> Iterator[Alert]:
    *before, last = samples
    stalled_at = next(
        (s.at for s in before if s.next_offset == last.next_offset and s.lag and last.lag), last.at
    )
    stalled_seconds = last.at - stalled_at
    if stalled_seconds >= _STALLED_SECONDS:
        detail = f"a lag of {last.lag:,} records, and none was stored for {stalled_seconds:.0f} s"
        yield Alert("partition_stalled", _subject(partition), detail)
    elif (
        before
        and last.at - before[0].at >= _LAG_WINDOW_SECONDS * 0.9
        and min(sample.lag for sample in [*before, last]) >= _MIN_GROWING_LAG
        and last.lag >= before[0].lag
    ):
        detail = f"the lag is {last.lag:,} records, and was {before[0].lag:,} five minutes ago"
        yield Alert("lag_growing", _subject(partition), detail)


def _subject(partition: int) -> str:
    return f"partition {partition}"
