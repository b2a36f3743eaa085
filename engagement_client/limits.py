"""How much is kept, how long is waited."""

from dataclasses import dataclass
from typing import Final

MAX_BATCH_EVENTS: Final = 1_000
MAX_BATCH_BYTES: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of one client.

    Attributes:
        max_events: most events held, those on their way included.
        max_bytes: most bytes of events held, as JSON.
        batch_events: an unfinished batch is sent when it has so many events.
        batch_bytes: most bytes of one batch, uncompressed.
        flush_seconds: an unfinished batch is sent when its oldest event is so old.
        block_seconds: how long tracking may wait for room in a full buffer.
        request_seconds: a request that has no whole answer by then counts as unanswered.
        give_up_seconds: an event that is not delivered at this age is reported as a failure.
        close_seconds: how long closing, or the end of the process, may wait for delivery.
        max_backoff_seconds: most seconds between retries where the service asks for no more.

    Raises:
        ValueError: a bound is not positive, or a batch larger than the service takes.
    """

    max_events: int = 50_000
    max_bytes: int = 16 * 1024 * 1024
    batch_events: int = MAX_BATCH_EVENTS
    batch_bytes: int = MAX_BATCH_BYTES
    flush_seconds: float = 1.0
    block_seconds: float = 1.0
    request_seconds: float = 10.0
    give_up_seconds: float = 600.0
    close_seconds: float = 5.0
    max_backoff_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            is_wait = name in ("flush_seconds", "block_seconds", "close_seconds")
            if not getattr(self, name) >= 0 or not (getattr(self, name) or is_wait):
                raise ValueError(f"{name}: expected a positive number")
        if self.batch_events > MAX_BATCH_EVENTS or self.batch_bytes > MAX_BATCH_BYTES:
            raise ValueError(
                f"a batch has {MAX_BATCH_EVENTS} events and {MAX_BATCH_BYTES} bytes at most"
            )
