"""Processes that end are replaced, and services recover from rejected logins."""

import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.databases import execute
from tests.e2e.stacks import Stack, eventually

ROLES = (
    "ingest", "consumer", "refresher", "api", "catalogue", "postgres", "kafka", "kafka-gateway",
)  # fmt: skip
_DISCONNECT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename ~ '^engage_[cre]'"
)


@pytest.mark.parametrize("role", ROLES)
def test_killed_process_is_replaced(stack: Stack, role: str) -> None:
    pid, *others = stack.file["processes"][role]
    os.kill(pid, signal.SIGKILL)

    def is_replaced() -> bool:
        pids = stack.file["processes"][role]
        return pid not in pids and len(pids) == len(others) + 1

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
    async with logins_rejected(stack):
        author = {"kind": "author", "name": "A", "joined_date": "2020-01-01"}
        eventually(lambda: stack.get("/readyz")[0] == 503, "the API notices")

        assert stack.get("/ops/ledger")[0] == 503
        assert stack.get("/categories/top")[0] == 503
        assert stack.catalogue(author | {"id": 1, "author_category": "Tech"})[0] == 503
        assert stack.post({"post_id": 1, "type": "view"})[0] == 202
    eventually(lambda: stack.engage("status").returncode == 0, "everything is ready again")
    stack.until_stored()
    assert restarts(stack) == before


def restarts(stack: Stack) -> int:
    status = json.loads(stack.engage("status", "--json").stdout)
    return sum(process["restarts"] for process in status["processes"])


@asynccontextmanager
async def logins_rejected(stack: Stack) -> AsyncIterator[None]:
    """Reject the services' logins to PostgreSQL while the block runs."""
    address = stack.file["database_url"].rpartition("@")[2].rpartition("/")[0]
    password = (stack.folder / "postgres.password").read_text()
    url = f"postgresql://postgres:{password}@{address}/postgres"

    async def alter(option: str) -> None:
        roles = ("consumer", "refresher", "reader", "editor")
        await execute(url, "".join(f"ALTER ROLE engage_{role} {option};" for role in roles))
        await execute(url, _DISCONNECT)

    await alter("NOLOGIN")
    try:
        yield
    finally:
        await alter("LOGIN")
