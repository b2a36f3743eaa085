"""Replies of the ingest service, event by event, and errors of parallel tasks."""

import asyncio

import msgspec
import pytest

from loadgen.events import ACCEPTED, UNAVAILABLE
from loadgen.send import outcomes_of, retry_after_seconds, side_by_side
from schema.errors import SetupError, Unavailable


def batch_reply(*outcomes: str | None) -> bytes:
    errors = [
        {"index": place, "error": outcome, "detail": ""}
        for place, outcome in enumerate(outcomes)
        if outcome
    ]
    event_ids = [None if outcome else "id" for outcome in outcomes]
    return msgspec.json.encode({"event_ids": event_ids, "errors": errors})


@pytest.mark.parametrize(
    ("status", "payload", "outcomes"),
    [
        (202, b"{}", [ACCEPTED, ACCEPTED]),
        (207, batch_reply(None, "invalid_type"), [ACCEPTED, "invalid_type"]),
        (207, batch_reply("unavailable", None), [UNAVAILABLE, ACCEPTED]),
        (207, b'{"event_ids":["id",null],"errors":[]}', [ACCEPTED, UNAVAILABLE]),
        (422, batch_reply("invalid_type", "missing_field"), ["invalid_type", "missing_field"]),
        (400, b'{"code":"malformed_json"}', ["malformed_json"] * 2),
        (413, b"<html>", ["http_413"] * 2),
        (503, b"", [UNAVAILABLE] * 2),
        (429, b"", [UNAVAILABLE] * 2),
    ],
)
def test_each_event_has_an_outcome(status: int, payload: bytes, outcomes: list[str]) -> None:
    assert outcomes_of(status, payload, 2) == outcomes


@pytest.mark.parametrize("status", [401, 403, 404, 405, 415])
def test_load_stops_when_it_cannot_succeed(status: int) -> None:
    with pytest.raises(SetupError, match=str(status)):
        outcomes_of(status, b"", 1)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, 0.0), ("2", 2.0), ("-1", 0.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0)],
)
def test_retry_after_is_read(header: str | None, seconds: float) -> None:
    assert retry_after_seconds(header) == seconds


@pytest.mark.parametrize(
    ("errors", "raised"),
    [
        ([Unavailable("first"), SetupError("second")], Unavailable),
        ([ValueError()], ExceptionGroup),
    ],
)
async def test_first_error_of_parallel_tasks_ends_the_others(
    errors: list[Exception], raised: type[Exception]
) -> None:
    async def fail(error: Exception) -> None:
        raise error

    async def run() -> None:
        async with side_by_side() as tasks:
            tasks.create_task(asyncio.Event().wait())
            for error in errors:
                tasks.create_task(fail(error))

    with pytest.raises(raised):
        await run()
