"""One thread that delivers what the buffer holds."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace

from engagement_client import lifetime
from engagement_client.attempt import attempt
from engagement_client.buffer import Batch, Buffer, Entry
from engagement_client.changes import Changes
from engagement_client.event import Tracked, from_json
from engagement_client.limits import Limits
from engagement_client.pace import Pace
from engagement_client.replies import Verdict
from engagement_client.reports import Counts, Reason, Reporter
from engagement_client.transport import Transport

Clock = Callable[[], float]


class Courier:
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
        lifetime.watch(self)

    def _begin(self) -> None:
        self._changed = Changes()
        self._buffer = Buffer(self._limits)
        self._pace = Pace(self._limits.max_backoff_seconds)
        self._counts = Counts()
        self._thread: threading.Thread | None = None
        self._hurry_until = 0
        self._told = 0
        self._close_at: float | None = None
        self._is_over = False
        self._is_dropping = False
        self.undelivered: tuple[Tracked, ...] = ()

    def forget(self) -> None:
        """Start anew in a forked process: nothing waits, and there is no thread yet."""
        is_closed = self._close_at is not None
        self._begin()
        self._transport.forget()
        if is_closed:
            self.begin_close()

    # For those who track.

    @property
    def is_closed(self) -> bool:
        """Whether no event is taken any more."""
        return self._close_at is not None

    @property
    def is_own_thread(self) -> bool:
        """Whether the caller is a callback of the delivery itself, which must not wait for it."""
        return threading.current_thread() is self._thread

    @property
    def counts(self) -> Counts:
        """What became of the events so far."""
        with self._changed:
            tracked = self._buffer.added + self._counts.dropped
            return replace(self._counts, tracked=tracked, waiting=len(self._buffer))

    def entry(self, event: Tracked) -> Entry:
        """Write an event as it is sent."""
        return Entry(event.to_json().encode(), self._clock(), event.PATH)

    def offer(self, entry: Entry) -> bool:
        """Take an event in, now or not at all; False: there is no room, or it is closed."""
        with self._changed:
            return self._offer(entry)

    def put(self, entry: Entry, seconds: float) -> bool:
        """Take an event in, waiting so long for room."""
        with self._changed:
            if self.is_own_thread:
                return self._offer(entry)
            done = self._changed.wait_for(lambda: self.is_closed or self._offer(entry), seconds)
            return done and not self.is_closed

    def count_dropped(self) -> bool:
        """Count an event that found no room; tell whether it is the first since one did."""
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
        # The thread is woken only when it has to look anew at the clock.
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

    # For those who wait.

    def hurry(self) -> Callable[[], bool]:
        """Send what waits at once; the answer tells whether all of it is settled."""
        with self._changed:
            target = self._hurry_until = self._buffer.added
            self._changed.notify_all()
        return lambda: self._told >= target

    def flush(self, seconds: float) -> bool:
        """Send what waits at once, and tell whether all of it was settled in time."""
        is_settled = self.hurry()
        with self._changed:
            return is_settled() or (
                not self.is_own_thread and self._changed.wait_for(is_settled, seconds)
            )

    def listening(self, listener: Callable[[], None]) -> AbstractContextManager[None]:
        """Call *listener*, which must not wait, from any thread whenever something settled."""
        return self._changed.listening(listener)

    # The end.

    def begin_close(self) -> None:
        """Take no more events, and send what waits for at most ``close_seconds``."""
        with self._changed:
            if self._close_at is None:
                self._close_at = self._clock() + self._limits.close_seconds
                self._hurry_until = self._buffer.added
            self._changed.notify_all()

    def close(self) -> None:
        """Deliver what waits, within a bound, and report what could not be."""
        self.begin_close()
        assert self._close_at is not None  # noqa: S101  (begun above)
        if self._thread is not None and not self.is_own_thread:
            self._thread.join(max(self._close_at - self._clock(), 0.0))
        with self._changed:
            left = self._buffer.surrender()
            self._is_over = True
            self._told = self._buffer.settled
            self._counts = self._counts.plus(undelivered=len(left))
            self._changed.tell()
        events = _events(left)
        if events:
            self.undelivered = events
            self._transport.interrupt()
        self._reporter.failed(Reason.CLOSED, events)

    # The thread.

    def _run(self) -> None:
        while batch := self._next():
            self._settle(attempt(self._transport, batch))
        self._transport.disconnect()

    def _next(self) -> Batch:
        """Wait for the next batch; empty: there will be none."""
        with self._changed:
            while True:
                now = self._clock()
                due_at = self._due_at()
                if self._is_over or (self.is_closed and self._is_hopeless(due_at)):
                    return ()
                if due_at is not None and due_at <= now:
                    return self._buffer.take()
                self._changed.wait(None if due_at is None else due_at - now)

    def _due_at(self) -> float | None:
        due_at = self._buffer.due_at()
        if due_at is None:
            return None
        if self._buffer.settled < self._hurry_until:
            due_at = 0.0
        return max(due_at, self._pace.resume_at)

    def _is_hopeless(self, due_at: float | None) -> bool:
        """Tell whether a closed courier can do no more in time."""
        return due_at is None or self._close_at is None or due_at >= self._close_at

    def _settle(self, verdict: Verdict) -> None:
        with self._changed:
            if self._is_over:
                return
            now = self._clock()
            if verdict.trouble and not verdict.refused:
                self._pace.failed(now, verdict.retry_after_seconds)
            else:
                self._pace.succeeded()
            again, given_up = self._sort_by_age(verdict.again)
            self._buffer.settle(again)
            self._counts = self._counts.plus(
                delivered=verdict.delivered,
                rejected=len(verdict.rejected),
                undelivered=len(verdict.refused) + len(given_up),
            )
            wait = self._pace.resume_at - now
            settled = self._buffer.settled
            self._changed.tell()
        if again and verdict.trouble:
            self._reporter.retrying(verdict.trouble, wait)
        self._reporter.rejected(verdict.rejected)
        self._reporter.failed(Reason.REFUSED, _events(verdict.refused), verdict.trouble)
        self._reporter.failed(Reason.GAVE_UP, _events(given_up), verdict.trouble)
        # A flush ends when the callbacks know all, though there was room before.
        with self._changed:
            self._told = settled
            self._changed.tell()

    def _sort_by_age(self, batches: Sequence[Batch]) -> tuple[list[Batch], Batch]:
        """Split off what would be too old by the time it may be sent again."""
        oldest = self._pace.resume_at - self._limits.give_up_seconds
        again: list[Batch] = [[e for e in b if e.tracked_at >= oldest] for b in batches]
        return again, [e for batch in batches for e in batch if e.tracked_at < oldest]


def _events(batch: Batch) -> tuple[Tracked, ...]:
    return tuple(from_json(entry.raw) for entry in batch)
