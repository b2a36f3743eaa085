"""Whatever is killed comes back, and stack.json names it."""

import json
import os
import signal

import pytest

from tests.e2e.stacks import Stack, eventually

ROLES = ("ingest", "consumer", "refresher", "api", "catalogue", "postgres", "kafka")


@pytest.mark.parametrize("role", ROLES)
def test_a_killed_process_is_replaced(stack: Stack, role: str) -> None:
    victim, *others = stack.file["processes"][role]
    os.kill(victim, signal.SIGKILL)

    def is_replaced() -> bool:
        pids = stack.file["processes"][role]
        return victim not in pids and len(pids) == len(others) + 1

    eventually(is_replaced, f"{role} is replaced")
    eventually(lambda: stack.engage("status").returncode == 0, "everything is ready again")
    status = json.loads(stack.engage("status", "--json").stdout)
    restarts = [p["restarts"] for p in status["processes"] if p["name"].startswith(role)]
    assert sum(restarts) >= 1
    assert stack.post({"post_id": 1, "type": "view"})[0] == 202
