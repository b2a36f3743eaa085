"""Replies of the ingest service, event by event."""

import msgspec
import pytest

from loadgen.replies import ACCEPTED, UNAVAILABLE, judge, retry_after_seconds
from schema.errors import SetupError


def batch_reply(*outcomes: str | None) -> bytes:
    return msgspec.json.encode(
        {
            "event_ids": [None if outcome else "id" for outcome in outcomes],
            "errors": [
                {"index": place, "error": outcome, "detail": ""}
                for place, outcome in enumerate(outcomes)
                if outcome
            ],
        }
    )


@pytest.mark.parametrize(
    ("status", "payload", "outcomes"),
    [
        pytest.param(202, b"{}", [ACCEPTED, ACCEPTED], id="all accepted"),
        pytest.param(
            207, batch_reply(None, "invalid_type"), [ACCEPTED, "invalid_type"], id="one refused"
        ),
        pytest.param(
            207, batch_reply("unavailable", None), [UNAVAILABLE, ACCEPTED], id="one unavailable"
        ),
        pytest.param(
            207, b'{"event_ids":["id",null],"errors":[]}', [ACCEPTED, UNAVAILABLE], id="no reason"
        ),
        pytest.param(
            422,
            batch_reply("invalid_type", "missing_field"),
            ["invalid_type", "missing_field"],
            id="none good",
        ),
        pytest.param(400, b'{"code":"malformed_json"}', ["malformed_json"] * 2, id="problem"),
        pytest.param(413, b"<html>", ["http_413"] * 2, id="not even JSON"),
        pytest.param(503, b"", [UNAVAILABLE] * 2, id="broker away"),
        pytest.param(429, b"", [UNAVAILABLE] * 2, id="too fast"),
    ],
)
def test_each_event_has_an_outcome(status: int, payload: bytes, outcomes: list[str]) -> None:
    assert judge(status, payload, 2) == outcomes


@pytest.mark.parametrize("status", [401, 403, 404, 405, 415])
def test_what_cannot_succeed_stops_the_load(status: int) -> None:
    with pytest.raises(SetupError, match=str(status)):
        judge(status, b"", 1)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [(None, 0.0), ("2", 2.0), ("-1", 0.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0)],
)
def test_retry_after(header: str | None, seconds: float) -> None:
    assert retry_after_seconds(header) == seconds
