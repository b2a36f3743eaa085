"""A running stack under test: its processes, its database and its metrics ports."""

import asyncio
import http.client
import os
import signal
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from engage.commands.db import run_checks
from tests.databases import connection_to
from tests.e2e.stacks import DEADLINE_SECONDS, Stack, eventually, is_alive
from tests.faults.load import Load

RECOVERY_SECONDS = 90.0
"""Long enough for a busy machine; tests that promise a faster recovery measure it."""
DRAIN_SECONDS = 120.0
Result = TypeVar("Result")

_RECORD_OFFSET_CHANGES = """
    CREATE TABLE IF NOT EXISTS offset_changes (
        topic text, partition int, old_offset bigint, new_offset bigint);
    CREATE OR REPLACE FUNCTION record_offset_change() RETURNS trigger
    SECURITY DEFINER LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO offset_changes
        VALUES (NEW.topic, NEW.partition, OLD.next_offset, NEW.next_offset);
        RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER record_offset_change AFTER UPDATE OF next_offset ON consumer_offsets
    FOR EACH ROW WHEN (OLD.next_offset IS DISTINCT FROM NEW.next_offset)
    EXECUTE FUNCTION record_offset_change()
"""


@dataclass
class FaultStack(Stack):
    """The processes of one stack.

    Args:
        database_url: a URL that works also while a fault is on.
        seed: of all random choices.
    """

    database_url: str
    seed: int = 0
    loads: int = 0

    def connected(self, work: Callable[[Any], Awaitable[Result]]) -> Result:
        """Run *work* with a connection to the database."""

        async def run() -> Result:
            async with connection_to(self.database_url, timeout=10) as connection:
                return await work(connection)

        return asyncio.run(run())

    def query(self, statement: str, *values: Any) -> list[Any]:
        return self.connected(lambda opened: opened.fetch(statement, *values, timeout=120))

    def value(self, statement: str, *values: Any) -> Any:
        return self.query(statement, *values)[0][0]

    def execute(self, script: str) -> None:
        self.connected(lambda opened: opened.execute(script))

    def record_offset_changes(self) -> None:
        """Record each update of an offset row, in its transaction."""
        self.execute(_RECORD_OFFSET_CHANGES)

    def load(self, **options: Any) -> Load:
        """Return a load that is not started. Each one sends other events."""
        self.loads += 1
        stack, seed = self.file, self.seed + 1_000 * self.loads
        return Load(stack["ingest_url"], stack["ingest_key"], seed=seed, **options)

    def role_pids(self, role: str) -> list[int]:
        return list(self.file["processes"].get(role, []))

    def kill(self, role: str, slot: int = 0, number: signal.Signals = signal.SIGKILL) -> int:
        """Wait until the process runs, send it the signal, and return its PID."""

        def send_signal() -> int | None:
            pids = self.role_pids(role)
            # stack.json may still name a process that has just exited.
            if len(pids) <= slot or not is_alive(pids[slot]):
                return None
            os.kill(pids[slot], number)
            return pids[slot]

        return int(eventually(send_signal, f"{role} runs", 60))

    def until_replaced(self, role: str, pid: int) -> None:
        eventually(
            lambda: pid not in self.role_pids(role) and self.role_pids(role),
            f"{role} is replaced",
            RECOVERY_SECONDS,
        )

    def until_ready(self) -> None:
        eventually(
            lambda: self.engage("status").returncode == 0, "the stack is ready", RECOVERY_SECONDS
        )

    def until_drained(self) -> None:
        """Wait until the consumers have processed every record of the topic."""
        eventually(lambda: self._in_flight() == 0, "no record is in flight", DRAIN_SECONDS)

    def _in_flight(self) -> int | None:
        try:
            status, ledger = self.get("/ops/ledger")
        except (OSError, http.client.HTTPException, ValueError):
            return None
        return ledger["totals"]["in_flight"] if status == 200 else None

    def log(self, role: str = "") -> str:
        """Return the logs of the processes of a role, by default of all."""
        logs = sorted((self.folder / "logs").glob(f"{role}*.log"))
        return "".join(path.read_text(errors="replace") for path in logs)

    def readiness(self, role: str) -> list[int]:
        """Return the status of /readyz of each process of a role; 0 without a response."""
        return [status_of(url.replace("/metrics", "/readyz")) for url in self.file["metrics"][role]]

    def until_not_ready(self, role: str, timeout_seconds: float = DEADLINE_SECONDS) -> None:
        """Wait until every process of a role answers /readyz with 503."""
        eventually(
            lambda: set(self.readiness(role)) == {503}, f"{role} is not ready", timeout_seconds
        )

    def failed_checks(self) -> list[dict[str, Any]]:
        """Return the failed checks of `engage db verify`, which are exact also during a fault."""
        checks = asyncio.run(run_checks(self.database_url))
        return [check.as_row() for check in checks if not check.is_right]


def status_of(request: str | urllib.request.Request, timeout_seconds: float = 5) -> int:
    """Return the status of the response; 0 without one."""
    try:
        with urllib.request.urlopen(request, timeout=timeout_seconds) as response:
            response.read()
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)
    except (OSError, http.client.HTTPException):
        return 0
