import logging
from typing import Any

import pytest

from runtime.log_limit import RepetitionLimit
from tests.factories import Clock


def record(
    message: Any = "Invalid HTTP request received.",
    name: str = "uvicorn.error",
    level: int = logging.WARNING,
) -> logging.LogRecord:
    return logging.LogRecord(name, level, "", 0, message, (), None)


def passed(limit: RepetitionLimit, count: int, **how: Any) -> int:
    return sum(limit.filter(record(**how)) for _ in range(count))


def test_repeated_warnings_are_limited_per_minute() -> None:
    clock = Clock()
    limit = RepetitionLimit(clock)

    assert passed(limit, 10_000) == 100
    clock.seconds = 59.0
    assert passed(limit, 100) == 0
    clock.seconds = 60.0
    following = record()
    assert limit.filter(following)
    assert following.getMessage() == "Invalid HTTP request received. (suppressed: 10000)"
    # Different texts of a library count together.
    assert sum(limit.filter(record(f"from {number}")) for number in range(1_000)) == 99


def test_events_of_the_product_are_limited_separately() -> None:
    clock = Clock()
    limit = RepetitionLimit(clock)

    assert passed(limit, 200, message={"event": "report failed"}, name="engage.api") == 100
    assert passed(limit, 200, message={"event": "request failed"}, name="engage.api") == 100
    clock.seconds = 61.0
    following = record({"event": "report failed", "path": "/x"}, "engage.api")
    assert limit.filter(following)
    assert following.msg == {"event": "report failed", "path": "/x", "suppressed": 100}


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_lines_below_warnings_are_not_limited(level: int) -> None:
    assert passed(RepetitionLimit(Clock()), 1_000, level=level) == 1_000


def test_number_of_remembered_messages_is_limited() -> None:
    limit = RepetitionLimit(Clock())
    for number in range(5_000):
        limit.filter(record(name=f"library.{number}"))
    assert len(limit._windows) <= 1_000
