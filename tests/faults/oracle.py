"""Was the promise kept? What the clients know, held against every row there is."""

import asyncio
import http.client
import json
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from tests.e2e.stacks import eventually
from tests.faults.journal import Event, Outcome
from tests.faults.load import Load
from tests.faults.scene import RECOVERY_SECONDS, Scene

DRAIN_SECONDS = 120.0
_ROWS = """
    SELECT event_id::text, engaged_timestamp, post_id, type::text
      FROM engagements WHERE event_id = ANY($1::uuid[])
"""


def verify_all(scene: Scene, load: Load, *, dead_letters: int = 0) -> dict[str, int]:
    """Hold every invariant; then send the unknown again, and hold them once more.

    Returns the numbers, for the record.
    """
    until_drained(scene)
    rows = _rows(scene, load)
    unknown = load.journal.of(Outcome.UNKNOWN)
    _hold(load, rows)
    stored_unknown = sum(rows[_row(event)] for event in unknown)
    if unknown:
        _resend(scene, load)
        until_drained(scene)
        rows = _rows(scene, load)
        _hold(load, rows)
        assert load.journal.of(Outcome.UNKNOWN) == []
    _hold_the_account(scene, dead_letters)
    return {
        "accepted": len(load.journal.of(Outcome.ACCEPTED)),
        "refused": len(load.journal.of(Outcome.REFUSED)),
        "unknown": len(unknown),
        "unknown but stored": stored_unknown,
        "rows": rows.total(),
    }


def until_stored(scene: Scene, load: Load, *, within_seconds: float) -> None:
    """Wait until every accepted event is a row."""
    ids = [event.event_id for event in load.journal.of(Outcome.ACCEPTED)]
    count = "SELECT count(*) FROM engagements WHERE event_id = ANY($1::uuid[])"
    eventually(lambda: scene.value(count, ids) == len(ids), "all is stored", within_seconds)


def until_drained(scene: Scene, timeout_seconds: float = DRAIN_SECONDS) -> None:
    """Wait until everything in the log is dealt with."""
    eventually(lambda: _in_flight(scene) == 0, "nothing is in flight", timeout_seconds)


def _in_flight(scene: Scene) -> int | None:
    try:
        status, ledger = scene.get("/ops/ledger")
    except (OSError, http.client.HTTPException, json.JSONDecodeError):
        return None
    return ledger["totals"]["in_flight"] if status == 200 else None


def _rows(scene: Scene, load: Load) -> Counter[tuple[Any, ...]]:
    ids = [event.event_id for event in load.journal.outcomes]
    return Counter(tuple(row) for row in scene.query(_ROWS, ids))


def _row(event: Event) -> tuple[Any, ...]:
    engaged = datetime.fromisoformat(event.engaged_timestamp).astimezone(UTC)
    return event.event_id, engaged, event.post_id, event.type


def _hold(load: Load, rows: Counter[tuple[Any, ...]]) -> None:
    """I1, I2, I3: once, at most once, never; and as it was sent."""
    outcomes = load.journal.outcomes
    expected = {_row(event): outcome for event, outcome in outcomes.items()}
    of = Counter(expected.values())
    lost = [row for row, found in expected.items() if found is Outcome.ACCEPTED and not rows[row]]
    doubled = [row for row, count in rows.items() if count > 1]
    intruders = [row for row in rows if expected.get(row) in (None, Outcome.REFUSED)]
    assert (lost[:5], doubled[:5], intruders[:5]) == ([], [], []), (
        f"{len(lost)} lost, {len(doubled)} doubled, {len(intruders)} that should not be there; {of}"
    )
    refused = {event.event_id for event in load.journal.of(Outcome.REFUSED)}
    assert refused <= load.wrong, "a right event was refused"


def _resend(scene: Scene, load: Load) -> None:
    def all_known() -> bool:
        asyncio.run(load.resend(load.journal.of(Outcome.UNKNOWN)))
        return not load.journal.of(Outcome.UNKNOWN)

    eventually(all_known, "the unknown became known", RECOVERY_SECONDS)


def _hold_the_account(scene: Scene, dead_letters: int) -> None:
    """I4 to I7 and I9: offsets, rollups, ledger, dead letters, and what the logs give away."""
    scene.assert_rollups_match()
    ledger = scene.stack.engage("ledger")
    assert (ledger.returncode, ledger.stdout.splitlines()[-1]) == (0, "balanced"), ledger.stdout
    assert scene.value("SELECT count(*) FROM dead_letters") == dead_letters
    backwards = "SELECT * FROM moves WHERE went_to <= came_from"
    leaps = """
        SELECT * FROM (SELECT *, lag(went_to) OVER (PARTITION BY topic, partition ORDER BY went_to)
                         AS before FROM moves) AS steps WHERE before <> came_from
    """
    assert scene.query(backwards) == []
    assert scene.query(leaps) == []
    stack = scene.stack.file
    secrets = [stack["ingest_key"], stack["read_key"], stack["database_url"].split("@")[0]]
    logs = scene.log("")
    assert [secret for secret in secrets if secret in logs] == []
