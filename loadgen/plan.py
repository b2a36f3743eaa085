"""The plan of a load, and its result."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Self

from loadgen.events import Mix, Wire
from loadgen.traffic import Shape
from schema.event import MAX_BATCH_EVENTS

_PRECISION_BITS: Final = 6
_LEAST: Final = 1 << _PRECISION_BITS


class Histogram:
    """Counts durations in buckets whose width grows with their value."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self.count = 0
        self.max_seconds = 0.0

    def record(self, seconds: float, times: int = 1) -> None:
        """Add a duration, as often as *times* events had it."""
        microseconds = max(int(seconds * 1_000_000), 0)
        self._counts[_bucket(microseconds)] += times
        self.count += times
        self.max_seconds = max(self.max_seconds, seconds)

    def merge(self, other: Self) -> None:
        self._counts.update(other._counts)
        self.count += other.count
        self.max_seconds = max(self.max_seconds, other.max_seconds)

    def percentile(self, percent: float) -> float:
        """Return the seconds that *percent* of the durations do not exceed; 0 for none."""
        rank = self.count * percent / 100
        passed = 0
        for bucket, count in sorted(self._counts.items()):
            passed += count
            if passed >= rank:
                return min(_upper_bound(bucket) / 1_000_000, self.max_seconds)
        return self.max_seconds


def _bucket(microseconds: int) -> int:
    """Return the bucket of a value: its leading bits, and how many were cut off."""
    shift = max(microseconds.bit_length() - _PRECISION_BITS - 1, 0)
    return shift * _LEAST + (microseconds >> shift)


def _upper_bound(bucket: int) -> int:
    shift = max(bucket // _LEAST - 1, 0)
    leading = bucket - shift * _LEAST
    return ((leading + 1) << shift) - 1


PERCENTILES: Final = (50, 90, 99, 99.9)
MAX_HISTORY_DAYS: Final = 399
"""The service accepts events up to 400 days old; one day is a margin."""


@dataclass(frozen=True)
class Plan:
    """The plan of a load.

    Attributes:
        events: distinct valid events; what *mix* adds comes on top.
        history_days: their times lie in these last days; None: each happens as it is sent.
        rate: events per second; None: as fast as they are answered.
        batch_events: events in a request.
        seed: with the same catalogue and the same time, the same seed gives the same events.
        part: of a load that several processes share: other events, but the same viral posts.
        shape: shares of late events and of unknown posts.
        mix: shares of duplicates and of invalid events.
        wire: how requests are written.
        is_journal_synced: the journal survives a power cut, at the cost of a disk's time a batch.
    """

    events: int
    history_days: int | None = None
    rate: float | None = None
    batch_events: int = 500
    seed: int = 1
    part: int = 0
    shape: Shape = field(default_factory=Shape)
    mix: Mix = field(default_factory=Mix)
    wire: Wire = field(default_factory=Wire)
    is_journal_synced: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.batch_events <= MAX_BATCH_EVENTS:
            raise ValueError(f"batch_events: from 1 to {MAX_BATCH_EVENTS}")
        if self.history_days is not None and not 1 <= self.history_days <= MAX_HISTORY_DAYS:
            raise ValueError(f"history_days: from 1 to {MAX_HISTORY_DAYS}")
        if self.rate is not None and self.rate <= 0:
            raise ValueError("rate: more than 0")

    @property
    def expected_items(self) -> int:
        """About how many events will be sent, with what *mix* adds."""
        return round(self.events * (1 + self.mix.duplicates + self.mix.invalid))

    @property
    def step(self) -> str:
        return "live events" if self.history_days is None else "history"

    @property
    def description(self) -> str:
        return ", ".join(f"{name}={value}" for name, value in vars(self).items())


@dataclass(frozen=True)
class LoadResult:
    """The result of a load.

    Attributes:
        sent: events sent, repeats and invalid ones included.
        accepted: how many of these were accepted.
        identities: distinct accepted events.
        unknown: distinct events given up without an answer.
        refused: events by the error they were refused with.
        unexpected: unexpected outcomes, by their description.
        requests: sent, retries included.
        retries: how many of them.
        seconds: how long it took.
        latency: of accepted events, from the intended send time.
    """

    sent: int
    accepted: int
    identities: int
    unknown: int
    refused: Counter[str]
    unexpected: Counter[str]
    requests: int
    retries: int
    seconds: float
    latency: Histogram

    @property
    def events_per_second(self) -> float:
        return self.sent / self.seconds if self.seconds else 0.0

    @property
    def latency_seconds(self) -> dict[str, float]:
        """Latencies by the name of their percentile, and the largest."""
        found = {f"p{percent:g}": self.latency.percentile(percent) for percent in PERCENTILES}
        return found | {"max": self.latency.max_seconds}

    def lines(self) -> list[str]:
        latency = ", ".join(
            f"{name} {seconds * 1000:,.1f} ms" for name, seconds in self.latency_seconds.items()
        )
        pace = f"{self.seconds:,.1f} s ({self.events_per_second:,.0f} a second)"
        requests = f"{self.requests:,} requests, {self.retries:,} of them retries"
        distinct = f"of these {self.identities:,} distinct; unknown {self.unknown:,}"
        lines = [
            f"sent {self.sent:,} events in {pace}, {requests}",
            f"accepted {self.accepted:,}, {distinct}",
            f"latency from the intended send time: {latency}",
        ]
        if self.refused:
            codes = ", ".join(f"{count:,} {code}" for code, count in sorted(self.refused.items()))
            lines.append(f"refused {self.refused.total():,}: {codes}")
        return lines + [f"UNEXPECTED: {n:,} times {what}" for what, n in self.unexpected.items()]
