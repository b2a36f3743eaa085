"""The events of a leaked key are retracted."""

from datetime import UTC, datetime
from typing import Any

from sql.command import connected
from tests.e2e.stacks import Stack, eventually, request

POST, FORGED, HONEST = 771_177, 1_100, 7


async def test_events_of_a_leaked_key_are_retracted_and_no_others(stack: Stack) -> None:
    leaked = stack.engage("keys", "create", "--scope", "ingest", "--label", "leaked").stdout.strip()
    key_id = leaked.split("_")[2]
    eventually(lambda: send(stack, leaked, [])[1]["code"] == "empty_batch", "the key is accepted")
    start = datetime.now(UTC).isoformat()
    before = await views_of(stack, POST)
    for number in range(0, FORGED, 500):
        body = [{"post_id": POST, "type": "view"}] * min(500, FORGED - number)
        assert send(stack, leaked, body)[0] == 202
    assert stack.post(*[{"post_id": POST, "type": "view"}] * HONEST)[0] == 202
    stack.until_stored()
    views = await views_of(stack, POST)
    assert views - before == FORGED + HONEST
    assert stack.engage("keys", "revoke", key_id).returncode == 0

    options = ("events", "retract", "--key", key_id, "--from", start)
    counted = stack.engage(*options, "--dry-run")
    assert (counted.returncode, counted.stdout) == (0, f"would retract {FORGED:,} events\n")
    declined = stack.engage(*options)  # there is no terminal to confirm on
    assert declined.returncode == 1
    assert await views_of(stack, POST) == views
    for _ in range(2):  # repeated, it changes nothing
        done = stack.engage(*options, "--yes")
        assert (done.returncode, done.stdout) == (0, f"retracted {FORGED:,} of {FORGED:,} events\n")
        assert "records: " in done.stderr
        stack.until_stored()
        assert await views_of(stack, POST) - before == HONEST
    assert stack.engage("ledger").stdout.endswith("balanced\n")
    assert stack.engage("db", "verify").returncode == 0


def test_invalid_period_or_key_is_rejected(stack: Stack) -> None:
    good = {"--key": "abcdefghij", "--from": "2026-05-01T00:00:00Z", "--to": "2026-05-02T00:00:00Z"}
    for wrong in (
        {"--key": "eng_ingest_abcdefghij_x"},
        {"--from": "yesterday"},
        {"--from": "2026-05-01T00:00:00"},
        {"--to": "2026-04-30T23:59:59+00:00"},
    ):
        options = [part for pair in (good | wrong).items() for part in pair]
        assert stack.engage("events", "retract", *options, "--yes").returncode == 2, wrong


def send(stack: Stack, key: str, events: list[dict[str, Any]]) -> tuple[int, Any]:
    return request(stack.file["ingest_url"], "/events/batch", key, events)


async def views_of(stack: Stack, post_id: int) -> int:
    """Return the post's views: the stored rows, which must agree with the rollup."""
    rows = "SELECT count(*) FROM engagements WHERE post_id = $1"
    rollup = "SELECT coalesce(sum(views), 0)::bigint FROM post_totals WHERE post_id = $1"
    url = stack.file["database_url"]
    async with connected(url) as connection:
        counts = [int(await connection.fetchval(query, post_id)) for query in (rows, rollup)]
    assert counts[0] == counts[1]
    return counts[0]
