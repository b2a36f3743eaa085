"""Outcomes by response: each event of a batch has exactly one."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engagement_client.buffer import Entry
from engagement_client.replies import (
    Reply,
    Verdict,
    retry_after_seconds,
    verdict_of,
    verdict_without_reply,
)

BATCH = [Entry(b"%d" % n, 0.0) for n in range(4)]

PERMANENT = (200, 204, 301, 400, 401, 403, 404, 405, 415)


def outcome(errors: Any, received: int = 4) -> bytes:
    listed = [{"index": i, "error": tag, "detail": f"about {i}"} for i, tag in errors]
    return json.dumps({"received": received, "errors": listed}).encode()


def test_202_means_that_all_were_accepted() -> None:
    assert verdict_of(BATCH, Reply(202)) == Verdict(delivered=4)


def test_207_rejects_some_events_and_retries_unacknowledged_ones() -> None:
    body = outcome([(1, "invalid_type"), (3, "unavailable")])
    verdict = verdict_of(BATCH, Reply(207, body, retry_after="1"))

    assert verdict.delivered == 2
    assert [(r.entry, r.error, r.detail) for r in verdict.rejected] == [
        (BATCH[1], "invalid_type", "about 1")
    ]
    assert list(verdict.to_retry) == [[BATCH[3]]]
    assert verdict.error_text
    assert verdict.retry_after_seconds == 1


def test_422_with_errors_rejects_event_by_event() -> None:
    verdict = verdict_of(BATCH, Reply(422, outcome([(n, "timestamp_too_old") for n in range(4)])))

    assert (verdict.delivered, len(verdict.rejected), verdict.error_text) == (0, 4, "")


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_transient_failure_is_retried_unchanged(status: int) -> None:
    verdict = verdict_of(BATCH, Reply(status, retry_after="7"))

    assert list(verdict.to_retry) == [BATCH]
    assert verdict.retry_after_seconds == 7
    assert str(status) in verdict.error_text


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        *((status, b"<html>", str(status)) for status in PERMANENT),
        (422, b'{"code":"not_an_array"}', "not_an_array"),
    ],
)
def test_permanent_failure_has_a_reason(status: int, body: bytes, reason: str) -> None:
    verdict = verdict_of(BATCH, Reply(status, body))

    assert (verdict.refused, list(verdict.to_retry)) == (BATCH, [])
    assert reason in verdict.error_text


def test_413_halves_the_batch_until_one_event_is_too_large() -> None:
    verdict = verdict_of(BATCH[:3], Reply(413))
    [rejection] = verdict_of(BATCH[:1], Reply(413)).rejected

    assert (list(verdict.to_retry), verdict.error_text) == ([BATCH[:1], BATCH[1:3]], "")
    assert rejection.error == "too_large"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"{}",
        outcome([], received=3),
        outcome([(4, "x")]),
        outcome([(-1, "x")]),
        outcome([("0", "x")]),
        b'{"received":4,"errors":[7]}',
        b'{"received":4,"errors":{}}',
        b"[" * 100_000,
    ],
)
def test_all_events_are_retried_when_a_207_cannot_be_read_or_is_missing(body: bytes) -> None:
    for verdict in (
        verdict_of(BATCH, Reply(207, body)),
        verdict_without_reply(BATCH, "TimeoutError"),
    ):
        assert (list(verdict.to_retry), verdict.delivered) == ([BATCH], 0)


@settings(max_examples=40)
@given(
    status=st.sampled_from([202, 207, 400, 401, 413, 422, 429, 500, 503]),
    errors=st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from(["unavailable", "invalid_type"])), max_size=6
    ),
    size=st.integers(1, 4),
)
def test_no_event_is_lost_or_doubled_by_any_reply(
    status: int, errors: list[tuple[int, str]], size: int
) -> None:
    batch = BATCH[:size]
    verdict = verdict_of(batch, Reply(status, outcome(errors, size)))
    again = [entry for part in verdict.to_retry for entry in part]
    named = [*again, *verdict.refused, *(rejection.entry for rejection in verdict.rejected)]

    assert len(named) + verdict.delivered == size
    assert len(set(named)) == len(named)
    assert set(named) <= set(batch)


NOON = "Sun, 06 Nov 1994 12:00:00 GMT"


@pytest.mark.parametrize(
    ("header", "date", "seconds"),
    [
        (None, None, 0),
        ("", None, 0),
        ("120", None, 120),
        (" 5 ", None, 5),
        ("-5", None, 0),
        ("1.5", None, 0),
        ("nan", None, 0),
        ("²", None, 0),
        ("soon", None, 0),
        ("Sun, 06 Nov 1994 12:00:30 GMT", NOON, 30),
        ("Sun, 06 Nov 1994 11:00:00 GMT", NOON, 0),
        ("Sun, 06 Nov 1994 12:00:30 -0000", NOON, 30),
        (NOON, None, 0),
        ("Sun, 06 Nov 1994 12:00:30 +99999999999999", NOON, 0),
        ("Sun, 06 Nov 99999999999999999999 12:00:30 GMT", NOON, 0),
    ],
)
def test_retry_after_is_read_as_seconds_and_as_a_date(
    header: str | None, date: str | None, seconds: float
) -> None:
    assert retry_after_seconds(Reply(503, b"", header, date)) == seconds
