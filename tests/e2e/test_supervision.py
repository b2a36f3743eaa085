"""Processes that end are replaced, and services recover from rejected logins."""

import json
import os
import signal
from typing import Any

import asyncpg
import pytest

from tests.e2e.stacks import Stack, eventually

ROLES = (
    "ingest", "consumer", "refresher", "api", "catalogue", "postgres", "kafka", "kafka-gateway",
)  # fmt: skip


@pytest.mark.parametrize("role", ROLES)
def test_killed_process_is_replaced(stack: Stack, role: str) -> None:
    victim, *others = stack.file["processes"][role]
    os.kill(victim, signal.SIGKILL)

    def is_replaced() -> bool:
        pids = stack.file["processes"][role]
        return victim not in pids and len(pids) == len(others) + 1

    eventually(is_replaced, f"{role} is replaced")
    eventually(lambda: stack.engage("status").returncode == 0, "everything is ready again")
    status = json.loads(stack.engage("status", "--json").stdout)
    restarts = [
        p["restarts"] for p in status["processes"] if p["pid"] in stack.file["processes"][role]
    ]
    assert sum(restarts) >= 1
    assert stack.post({"post_id": 1, "type": "view"})[0] == 202


async def test_services_recover_from_rejected_logins(stack: Stack) -> None:
    before = restarts(stack)
    owner = await asyncpg.connect(superuser_url(stack))
    try:
        await allow_logins(owner, "NOLOGIN")
        author = {"kind": "author", "name": "A", "joined_date": "2020-01-01"}
        eventually(lambda: stack.get("/readyz")[0] == 503, "the API notices")

        assert stack.get("/ops/ledger")[0] == 503
        assert stack.get("/categories/top")[0] == 503
        assert stack.catalogue(author | {"id": 1, "author_category": "Tech"})[0] == 503
        assert stack.post({"post_id": 1, "type": "view"})[0] == 202
    finally:
        await allow_logins(owner, "LOGIN")
        await owner.close()
    eventually(lambda: stack.engage("status").returncode == 0, "everything is ready again")
    stack.until_stored()
    assert restarts(stack) == before


def restarts(stack: Stack) -> int:
    status = json.loads(stack.engage("status", "--json").stdout)
    return sum(process["restarts"] for process in status["processes"])


def superuser_url(stack: Stack) -> str:
    address = stack.file["database_url"].rpartition("@")[2].rpartition("/")[0]
    password = (stack.folder / "postgres.password").read_text()
    return f"postgresql://postgres:{password}@{address}/postgres"


async def allow_logins(owner: Any, how: str) -> None:
    for login in ("consumer", "refresher", "reader", "editor"):
        await owner.execute(f"ALTER ROLE engage_{login} {how}")
    await owner.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename ~ '^engage_[cre]'"
    )
