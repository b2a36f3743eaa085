"""Where the supervisor's own log goes: its file always, a person's terminal in words."""

import logging
import sys
from pathlib import Path
from typing import Any, Final

from engage.embedded.processes import LOG_LIMIT_BYTES
from schema.telemetry import configure_logging

_HIDDEN: Final = frozenset({"event", "level", "timestamp", "service", "_record", "_from_structlog"})


def open_log(path: Path, *, speaks: bool) -> None:
    """Send the supervisor's log to *path*.

    Args:
        path: one JSON line a message is appended to it.
        speaks: also print each message on stderr, in words.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    configure_logging("supervisor")
    root = logging.getLogger()
    written = root.handlers[0]
    if isinstance(written, logging.StreamHandler):
        written.setStream(path.open("a", encoding="utf-8"))
    if speaks:
        root.addHandler(_Spoken())


class _Spoken(logging.Handler):
    """Prints messages of the supervisor, not those of its libraries."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the event phrase and its fields on one line."""
        if record.name.startswith("engage") and isinstance(record.msg, dict):
            print(_in_words(record.msg), file=sys.stderr, flush=True)


def _in_words(fields: dict[str, Any]) -> str:
    process = fields.get("process")
    said = f"{process}: {fields['event']}" if process else str(fields["event"])
    others = ", ".join(
        f"{name.replace('_', ' ')} {value}"
        for name, value in fields.items()
        if name not in _HIDDEN and name != "process"
    )
    return f"{said} ({others})" if others else said
