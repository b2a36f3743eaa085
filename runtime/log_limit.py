"""A rate limit for repeated log messages, so that no client can fill the disk."""

import logging
import time
from collections.abc import Callable
from typing import Final

from prometheus_client import Counter

SUPPRESSED: Final = Counter(
    "engage_log_lines_suppressed_total", "Log lines suppressed by the limit for repeated messages."
)
_WINDOW_SECONDS: Final = 60.0
_MAX_PER_WINDOW: Final = 100
_MAX_MESSAGES: Final = 1000


class _Window:
    """Lines of one kind since *began_at*."""

    __slots__ = ("began_at", "lines", "suppressed")

    def __init__(self, began_at: float) -> None:
        self.began_at = began_at
        self.lines = 0
        self.suppressed = 0


class RepetitionLimit(logging.Filter):
    """Passes 100 warnings and errors of one kind per minute.

    The kind is the event of the product's own lines, and the logger of a library's lines. The next
    line of a kind has the number of suppressed lines in ``suppressed``.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._windows: dict[tuple[str, str], _Window] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record."""
        if record.levelno < logging.WARNING:
            return True
        window = self._window_of(record)
        now = self._clock()
        if now - window.began_at >= _WINDOW_SECONDS:
            _add_suppressed(record, window.suppressed)
            window.began_at, window.lines, window.suppressed = now, 0, 0
        window.lines += 1
        if window.lines <= _MAX_PER_WINDOW:
            return True
        window.suppressed += 1
        SUPPRESSED.inc()
        return False

    def _window_of(self, record: logging.LogRecord) -> _Window:
        event = str(record.msg.get("event", "")) if isinstance(record.msg, dict) else ""
        kind = record.name, event
        if kind not in self._windows:
            if len(self._windows) >= _MAX_MESSAGES:
                self._windows.clear()
            self._windows[kind] = _Window(self._clock())
        return self._windows[kind]


def _add_suppressed(record: logging.LogRecord, count: int) -> None:
    if not count:
        return
    if isinstance(record.msg, dict):
        record.msg = {**record.msg, "suppressed": count}
    else:
        record.msg = f"{record.msg} (suppressed: {count})"
