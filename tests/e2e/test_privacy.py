"""A user's data are exported and then erased."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from tests.e2e.stacks import Stack
from tests.e2e.test_operators import produce

USER = 424_242_424
NAME = "crm-person-77"


@pytest.fixture(scope="module")
def events(stack: Stack) -> list[dict[str, Any]]:
    """Events of the user, by number and external ID, on three days."""
    user = {"signup_date": "2024-01-01", "country": "AT", "user_segment": "free"}
    line = user | {"kind": "user", "id": USER, "external_id": NAME}
    assert stack.catalogue(line)[0] == 200
    now = datetime.now(UTC)
    named: list[dict[str, Any]] = [{"user_id": USER}, {"user_id": USER}, {"user": NAME}]
    made = [
        {"event_id": str(uuid.uuid4()), "post_id": 5, "type": "like"}
        | {"engaged_timestamp": (now - timedelta(days=days)).isoformat()}
        | who
        for days, who in enumerate(named)
    ]
    assert stack.post(*made)[0] == 202
    return made


async def test_user_is_exported_then_erased_also_from_late_events(
    stack: Stack, events: list[dict[str, Any]]
) -> None:
    invalid = {"user_id": USER, "post_id": 1, "type": "nothing", "event_id": str(uuid.uuid4())}
    await produce(stack, [json.dumps(invalid).encode()])
    stack.until_stored()
    totals = stack.get("/engagement/5")[1]["likes"]
    exported = [
        json.loads(line) for line in run(stack, "export", "--user-id", str(USER)).splitlines()
    ]
    run(stack, "erase", "--user-id", str(USER), "--by", "ticket 1", "--yes")
    late = {"post_id": 6, "type": "view", "user_id": USER}
    assert stack.post(*events, late, late | {"user": NAME, "user_id": None})[0] == 202
    stack.until_stored()

    kinds = sorted(row["kind"] for row in exported)
    assert kinds == ["dead_letter", "event", "event", "event", "external_id", "user"]
    assert stack.get("/engagement/5")[1]["likes"] == totals
    assert await tables_with_the_user(stack) == ["erased_users"]
    assert stack.engage("db", "verify").returncode == 0
    assert stack.engage("ledger").stdout.endswith("balanced\n")


def run(stack: Stack, *arguments: str) -> str:
    done = stack.engage("users", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def tables_with_the_user(stack: Stack) -> list[str]:
    """Return the tables that contain the number or the external ID, also in bytea columns."""
    connection: Any = await asyncpg.connect(stack.file["database_url"])
    wanted = [str(USER), NAME]
    wanted += [text.encode().hex() for text in wanted]
    try:
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            "   AND relkind IN ('r', 'p', 'm') AND NOT relispartition ORDER BY relname"
        )
        asked = "SELECT EXISTS (SELECT FROM {} AS t WHERE t::text LIKE ANY ($1))"
        patterns = [f"%{text}%" for text in wanted]
        return [
            row["relname"]
            for row in tables
            if await connection.fetchval(asked.format(row["relname"]), patterns)
        ]
    finally:
        await connection.close()
