"""One log format for every process: a JSON line on stderr with an event phrase and fields.

Lines that were written for a request carry its ``request_id``, those for a batch its ``batch``.
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

_MAX_TEXT = 200
_GIVEN_ID: Final = re.compile(rb"[\w.:-]{8,64}", re.ASCII)
_process: Final = secrets.token_hex(6)
_numbers: Final = count(1)
_request_id: ContextVar[str] = ContextVar("request_id")


def new_id() -> str:
    """Return an id that no other process has either; random bytes each time would cost more."""
    return f"{_process}{next(_numbers):08x}"


def begin_request(given: bytes | None) -> str:
    """Let this task's log lines carry an id, the client's own if it is one, and return it."""
    if given is not None and _GIVEN_ID.fullmatch(given):
        request_id = given.decode("ascii")
    else:
        request_id = new_id()
    _request_id.set(request_id)
    return request_id


@contextmanager
def about_batch(batch_id: str) -> Iterator[None]:
    """Let the log lines of the block carry the batch's id."""
    with structlog.contextvars.bound_contextvars(batch=batch_id):
        yield


def name_request(_logger: Any, _method: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Add the id of the request that is being answered, if there is one (a structlog processor)."""
    if (request_id := _request_id.get(None)) is not None:
        fields.setdefault("request_id", request_id)
    return fields


def configure_logging(service: str, level: str = "INFO") -> None:
    """Send this process's logs, its libraries' included, to stderr as JSON lines.

    Args:
        service: the process's name, a field of each line.
        level: the lowest level shown; libraries are shown from WARNING on.
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
