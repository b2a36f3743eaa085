"""One log format for every process: a JSON line on stderr with an event phrase and fields."""

import logging
import sys
from typing import Any

import structlog

_MAX_TEXT = 200


def configure_logging(service: str, level: str = "INFO") -> None:
    """Send this process's logs, its libraries' included, to stderr as JSON lines.

    Args:
        service: the process's name, a field of each line.
        level: the lowest level shown; libraries are shown from WARNING on.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _bounded,
        structlog.processors.format_exc_info,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.JSONRenderer(),
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(logging.WARNING, logging.getLevelName(level)))
    logging.getLogger("engage").setLevel(level)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=service)


def get_logger(name: str) -> Any:
    """Return the logger of a part of the product; *name* is a plain noun."""
    return structlog.get_logger(f"engage.{name}")


def _bounded(_logger: Any, _method: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Cut long texts, so that nothing a client sends can flood the log."""
    for name, value in fields.items():
        if isinstance(value, str) and len(value) > _MAX_TEXT and name != "exception":
            fields[name] = value[:_MAX_TEXT] + "…"
    return fields
