"""What a load shall be, and what came of it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from loadgen.latency import Histogram
from loadgen.mixture import Mix
from loadgen.traffic import Shape
from loadgen.wire import Wire
from schema.event import MAX_BATCH_EVENTS

PERCENTILES: Final = (50, 90, 99, 99.9)
MAX_HISTORY_DAYS: Final = 399
"""The service takes events up to 400 days old; the last one is for their way."""


@dataclass(frozen=True)
class Plan:
    """What to send.

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
        """What progress calls it."""
        return "live events" if self.history_days is None else "history"

    @property
    def description(self) -> str:
        """The plan in one line."""
        return ", ".join(f"{name}={value}" for name, value in vars(self).items())


@dataclass(frozen=True)
class LoadResult:
    """What came of a load.

    Attributes:
        sent: events sent, repeats and invalid ones included.
        accepted: how many of these were accepted.
        identities: distinct accepted events.
        unknown: distinct events given up without an answer.
        refused: events by the error they were refused with.
        surprises: outcomes that are not as they should be, by what happened.
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
    surprises: Counter[str]
    requests: int
    retries: int
    seconds: float
    latency: Histogram

    @property
    def events_per_second(self) -> float:
        """Events sent in a second."""
        return self.sent / self.seconds if self.seconds else 0.0

    @property
    def latency_seconds(self) -> dict[str, float]:
        """Latencies by the name of their percentile, and the largest."""
        found = {f"p{percent:g}": self.latency.percentile(percent) for percent in PERCENTILES}
        return found | {"max": self.latency.max_seconds}
