"""Compares the clients' responses with every row, rollup, offset and log."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.e2e.stacks import eventually
from tests.faults.load import Event, Load, Outcome
from tests.faults.stack import RECOVERY_SECONDS, FaultStack

_ROWS = """
    SELECT event_id::text, engaged_timestamp, post_id, type::text
      FROM engagements WHERE event_id = ANY($1::uuid[])
"""
_BACKWARD_OFFSETS = "SELECT * FROM offset_changes WHERE new_offset <= old_offset"
_SKIPPED_OFFSETS = """
    SELECT * FROM (
        SELECT *, lag(new_offset) OVER one_partition AS previous FROM offset_changes
        WINDOW one_partition AS (PARTITION BY topic, partition ORDER BY new_offset)) AS changes
     WHERE previous <> old_offset
"""
Row = tuple[str, datetime, int, str]


@dataclass
class Comparison:
    """The numbers of a comparison.

    Args:
        unknown: events of unknown outcome before they were sent again.
        differences: one line each; empty if every event is stored as the responses say.
    """

    accepted: int
    rejected: int
    unknown: int
    rows: int
    differences: list[str]


def compare(stack: FaultStack, load: Load) -> Comparison:
    """Compare, send events of unknown outcome again, and compare again."""
    stack.until_drained()
    rows = _stored_rows(stack, load)
    differences = _row_differences(load, rows)
    unknown = load.events_with(Outcome.UNKNOWN)
    if unknown:
        eventually(lambda: _resend(load), "all outcomes are known", RECOVERY_SECONDS)
        stack.until_drained()
        rows = _stored_rows(stack, load)
        differences += _row_differences(load, rows)
    found = Comparison(
        len(load.events_with(Outcome.ACCEPTED)),
        len(load.events_with(Outcome.REJECTED)),
        len(unknown),
        rows.total(),
        differences + _state_differences(stack),
    )
    print(found)  # noqa: T201  (shown when the test fails, and with -s)
    return found


def _resend(load: Load) -> bool:
    asyncio.run(load.resend(load.events_with(Outcome.UNKNOWN)))
    return not load.events_with(Outcome.UNKNOWN)


def _stored_rows(stack: FaultStack, load: Load) -> Counter[Row]:
    ids = [event.event_id for event in load.outcomes]
    return Counter(tuple(row) for row in stack.query(_ROWS, ids))


def _row(event: Event) -> Row:
    engaged = datetime.fromisoformat(event.engaged_timestamp).astimezone(UTC)
    return event.event_id, engaged, event.post_id, event.type


def _row_differences(load: Load, rows: Counter[Row]) -> list[str]:
    """An accepted event is one row as it was sent, an unknown one at most one, others none."""
    expected = {_row(event): outcome for event, outcome in load.outcomes.items()}
    rejected = {event.event_id for event in load.events_with(Outcome.REJECTED)}
    found: dict[str, list[Any]] = {
        "lost": [row for row in expected if expected[row] is Outcome.ACCEPTED and not rows[row]],
        "duplicated": [row for row, count in rows.items() if count > 1],
        "unexpected": [r for r in rows if expected.get(r) in (None, Outcome.REJECTED)],
        "valid but rejected": sorted(rejected - load.invalid),
    }
    return [f"{len(items)} {what}: {items[:5]}" for what, items in found.items() if items]


def _state_differences(stack: FaultStack) -> list[str]:
    ledger, settings = stack.engage("ledger"), stack.file
    is_balanced = (ledger.returncode, ledger.stdout.splitlines()[-1:]) == (0, ["balanced"])
    secrets = ("ingest_key", "read_key", "database_url")
    log = stack.log()
    found: dict[str, Any] = {
        "failed checks": stack.failed_checks(),
        "ledger": "" if is_balanced else f"{ledger.returncode} {ledger.stdout} {ledger.stderr}",
        "dead letters": stack.value("SELECT count(*) FROM dead_letters"),
        "offsets that moved backward": stack.query(_BACKWARD_OFFSETS),
        "offsets that skipped records": stack.query(_SKIPPED_OFFSETS),
        "secrets in logs": [name for name in secrets if settings[name].split("@")[0] in log],
    }
    return [f"{what}: {value}" for what, value in found.items() if value]
