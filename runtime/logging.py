"""The log format of all processes: one JSON line on stderr with an event and fields.

Lines about a request have its ``request_id``, lines about a batch its ``batch``.
"""

import logging
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import count
from typing import Any, Final

import structlog

from runtime.log_limit import RepetitionLimit

_MAX_TEXT = 200
_GIVEN_ID: Final = re.compile(rb"[\w.:-]{8,64}", re.ASCII)
_process: Final = secrets.token_hex(6)
_numbers: Final = count(1)
_request_id: ContextVar[str] = ContextVar("request_id")


def new_id() -> str:
    """Return an ID that is unique among all processes. Random bytes for each would cost more."""
    return f"{_process}{next(_numbers):08x}"


def begin_request(given: bytes | None) -> str:
    """Set the request ID of this task's log lines to *given*, if it is valid, or a new one."""
    if given is not None and _GIVEN_ID.fullmatch(given):
        request_id = given.decode("ascii")
    else:
        request_id = new_id()
    _request_id.set(request_id)
    return request_id


@contextmanager
def about_batch(batch_id: str) -> Iterator[None]:
    """Set the batch ID of the block's log lines."""
    with structlog.contextvars.bound_contextvars(batch=batch_id):
        yield


def name_request(_logger: Any, _method: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Add the ID of the current request, if there is one (a structlog processor)."""
    if (request_id := _request_id.get(None)) is not None:
        fields.setdefault("request_id", request_id)
    return fields


def configure_logging(service: str, level: str = "INFO") -> None:
    """Write the logs of this process and its libraries to stderr as JSON lines.

    Args:
        service: name of the process, a field of each line.
        level: lowest level that is logged. For libraries it is at least WARNING.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        name_request,
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
    handler.addFilter(RepetitionLimit())
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
    """Return the logger of a part of the product."""
    return structlog.get_logger(f"engage.{name}")


def _bounded(_logger: Any, _method: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Truncate long texts, so that clients cannot flood the log."""
    for name, value in fields.items():
        if isinstance(value, str) and len(value) > _MAX_TEXT and name != "exception":
            fields[name] = value[:_MAX_TEXT] + "…"
    return fields
