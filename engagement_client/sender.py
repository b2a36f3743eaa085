"""Delivery of events in the background: a thread that sends batches and retries."""

import random
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from engagement_client.buffer import Batch, Buffer, Entry, Limits
from engagement_client.event import Tracked, from_json
from engagement_client.replies import Verdict, verdict_of, verdict_without_reply
from engagement_client.reports import Counts, Reason, Reporter
from engagement_client.threads import Changes, close_at_exit
from engagement_client.transport import Transport, UnansweredError

_FIRST_BACKOFF_SECONDS: Final = 0.25
_MAX_RETRY_AFTER_SECONDS: Final = 3600.0


class Backoff:
    """Exponential backoff with full jitter, which also respects Retry-After.

    Attributes:
        resume_at: the monotonic time in seconds before which nothing is sent.
    """

    def __init__(
        self, max_seconds: float, draw: Callable[[float, float], float] = random.uniform
    ) -> None:
        self._max_seconds = max_seconds
        self._draw = draw
        self._failures = 0
        self.resume_at = 0.0

    def succeeded(self) -> None:
        """Record a success."""
        self._failures = 0

    def failed(self, now: float, retry_after_seconds: float) -> None:
        """Record a failure at a monotonic time, with the seconds of its Retry-After."""
        # 2^20 exceeds every maximum; a larger power could overflow.
        backoff = _FIRST_BACKOFF_SECONDS * 2 ** min(self._failures, 20)
        self._failures += 1
        asked = min(retry_after_seconds, _MAX_RETRY_AFTER_SECONDS)
        # Jitter comes on top of Retry-After: clients that failed together must not retry together.
        self.resume_at = now + asked + self._draw(0.0, min(backoff, self._max_seconds))


def attempt(transport: Transport, batch: Batch) -> Verdict:
    """Send a batch. No error ends the thread, since other batches are waiting."""
    try:
        return verdict_of(batch, transport.post(batch))
    except UnansweredError as error:
        return verdict_without_reply(batch, str(error))
    except Exception as error:  # noqa: BLE001  (an ssl_context of the caller's, no memory, ...)
        with suppress(Exception):
            transport.disconnect()
        return verdict_without_reply(batch, _unexpected(error))


def _unexpected(error: Exception) -> str:
    """Name the type and the place of an error without its message, which could contain a key."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"unexpected {type(error).__name__} at {Path(last.filename).name}:{last.lineno}"


Clock = Callable[[], float]


class Sender:
    """Delivers events in the background, one batch after the other, until it is closed.

    Every method may be called from any thread. No callback is called with the lock held, so a
    callback may track events itself.
    """

    def __init__(
        self,
        transport: Transport,
        limits: Limits,
        reporter: Reporter,
        clock: Clock = time.monotonic,
    ) -> None:
        self._transport = transport
        self._limits = limits
        self._reporter = reporter
        self._clock = clock
        self._begin()
        close_at_exit(self)

    def _begin(self) -> None:
        self._changed = Changes()
        self._buffer = Buffer(self._limits)
        self._backoff = Backoff(self._limits.max_backoff_seconds)
        self._counts = Counts()
        self._thread: threading.Thread | None = None
        self._flush_until = 0
        self._reported = 0
        self._close_at: float | None = None
        self._is_over = False
        self._is_dropping = False
        self.undelivered: tuple[Tracked, ...] = ()

    def reset_after_fork(self) -> None:
        """Reset in a forked process: the buffer is empty, and there is no thread yet."""
        is_closed = self._close_at is not None
        self._begin()
        self._transport.reset_after_fork()
        if is_closed:
            self.begin_close()

    @property
    def is_closed(self) -> bool:
        """Whether it accepts no further events."""
        return self._close_at is not None

    @property
    def is_own_thread(self) -> bool:
        """Whether the caller is a callback in the delivery thread, which must not wait for it."""
        return threading.current_thread() is self._thread

    @property
    def counts(self) -> Counts:
        """Counts of the events so far."""
        with self._changed:
            tracked = self._buffer.added + self._counts.dropped
            return replace(self._counts, tracked=tracked, waiting=len(self._buffer))

    def entry(self, event: Tracked) -> Entry:
        """Encode an event."""
        return Entry(event.to_json().encode(), self._clock(), event.PATH)

    def offer(self, entry: Entry) -> bool:
        """Buffer an event without waiting. Return False when the buffer is full or closed."""
        with self._changed:
            return self._offer(entry)

    def put(self, entry: Entry, seconds: float) -> bool:
        """Buffer an event, waiting up to *seconds* for room. Return whether it was buffered."""
        with self._changed:
            if self.is_own_thread:
                return self._offer(entry)
            done = self._changed.wait_for(lambda: self.is_closed or self._offer(entry), seconds)
            return done and not self.is_closed

    def count_dropped(self) -> bool:
        """Count a dropped event. Return whether it is the first since an event was buffered."""
        with self._changed:
            self._counts = self._counts.plus(dropped=1)
            is_first, self._is_dropping = not self._is_dropping, True
            return is_first

    def _offer(self, entry: Entry) -> bool:
        if self.is_closed:
            return False
        if self._thread is None:
            self._start()
        due_before = self._buffer.due_at()
        is_taken = self._buffer.add(entry)
        self._is_dropping = self._is_dropping and not is_taken
        # Wake the thread only when its next deadline changed.
        if self._buffer.due_at() != due_before:
            self._changed.notify_all()
        return is_taken

    def _start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="engagement-client", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._thread = None
            raise

    def request_flush(self) -> Callable[[], bool]:
        """Send buffered events now. Return a function that returns whether all are settled."""
        with self._changed:
            target = self._flush_until = self._buffer.added
            self._changed.notify_all()
        return lambda: self._reported >= target

    def flush(self, seconds: float) -> bool:
        """Send buffered events now. Return whether all were settled in time."""
        is_settled = self.request_flush()
        with self._changed:
            return is_settled() or (
                not self.is_own_thread and self._changed.wait_for(is_settled, seconds)
            )

    def listening(self, listener: Callable[[], None]) -> AbstractContextManager[None]:
        """Call *listener*, which must not block, from any thread whenever events settle."""
        return self._changed.listening(listener)

    def begin_close(self) -> None:
        """Accept no more events, and send buffered ones for at most ``close_seconds``."""
        with self._changed:
            if self._close_at is None:
                self._close_at = self._clock() + self._limits.close_seconds
                self._flush_until = self._buffer.added
            self._changed.notify_all()

    def close(self) -> None:
        """Deliver buffered events for a limited time, and report the others."""
        self.begin_close()
        assert self._close_at is not None  # noqa: S101  (begun above)
        if self._thread is not None and not self.is_own_thread:
            self._thread.join(max(self._close_at - self._clock(), 0.0))
        with self._changed:
            left = self._buffer.drain()
            self._is_over = True
            self._reported = self._buffer.settled
            self._counts = self._counts.plus(undelivered=len(left))
            self._changed.notify_listeners()
        events = _events(left)
        if events:
            self.undelivered = events
            self._transport.interrupt()
        self._reporter.failed(Reason.CLOSED, events)

    def _run(self) -> None:
        while batch := self._next():
            self._settle(attempt(self._transport, batch))
        self._transport.disconnect()

    def _next(self) -> Batch:
        """Wait for the next batch. An empty one is the end."""
        with self._changed:
            while True:
                now = self._clock()
                due_at = self._due_at()
                if self._is_over or (self.is_closed and self._is_too_late(due_at)):
                    return ()
                if due_at is not None and due_at <= now:
                    return self._buffer.take()
                self._changed.wait(None if due_at is None else due_at - now)

    def _due_at(self) -> float | None:
        due_at = self._buffer.due_at()
        if due_at is None:
            return None
        if self._buffer.settled < self._flush_until:
            due_at = 0.0
        return max(due_at, self._backoff.resume_at)

    def _is_too_late(self, due_at: float | None) -> bool:
        """Whether the next batch is due after the close timeout."""
        return due_at is None or self._close_at is None or due_at >= self._close_at

    def _settle(self, verdict: Verdict) -> None:
        with self._changed:
            if self._is_over:
                return
            now = self._clock()
            if verdict.error_text and not verdict.refused:
                self._backoff.failed(now, verdict.retry_after_seconds)
            else:
                self._backoff.succeeded()
            again, given_up = self._sort_by_age(verdict.to_retry)
            self._buffer.settle(again)
            self._counts = self._counts.plus(
                delivered=verdict.delivered,
                rejected=len(verdict.rejected),
                undelivered=len(verdict.refused) + len(given_up),
            )
            wait = self._backoff.resume_at - now
            settled = self._buffer.settled
            self._changed.notify_listeners()
        if again and verdict.error_text:
            self._reporter.retrying(verdict.error_text, wait)
        self._reporter.rejected(verdict.rejected)
        self._reporter.failed(Reason.REFUSED, _events(verdict.refused), verdict.error_text)
        self._reporter.failed(Reason.GAVE_UP, _events(given_up), verdict.error_text)
        # A flush ends after the callbacks, although the buffer had room before.
        with self._changed:
            self._reported = settled
            self._changed.notify_listeners()

    def _sort_by_age(self, batches: Sequence[Batch]) -> tuple[list[Batch], Batch]:
        """Separate events that will be too old at the next attempt from the others."""
        oldest = self._backoff.resume_at - self._limits.give_up_seconds
        again: list[Batch] = [[e for e in b if e.tracked_at >= oldest] for b in batches]
        return again, [e for batch in batches for e in batch if e.tracked_at < oldest]


def _events(batch: Batch) -> tuple[Tracked, ...]:
    return tuple(from_json(entry.raw) for entry in batch)
