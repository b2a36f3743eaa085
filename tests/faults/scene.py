"""A running stack as a fault test sees it: processes to harm, and the truth in PostgreSQL."""

import asyncio
import http.client
import os
import re
import signal
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from engage.commands.db import run_checks
from tests.e2e.stacks import Stack, eventually, is_alive
from tests.faults.load import Load

RECOVERY_SECONDS = 90.0
"""The machine may be slow; what a fault promises to be faster is measured where it is promised."""

_NOTE_MOVES = """
    CREATE TABLE IF NOT EXISTS moves (
        move bigserial, topic text, partition int, came_from bigint, went_to bigint);
    CREATE OR REPLACE FUNCTION note_move() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO moves (topic, partition, came_from, went_to)
        VALUES (NEW.topic, NEW.partition, OLD.next_offset, NEW.next_offset);
        RETURN NULL;
    END $$;
    CREATE OR REPLACE TRIGGER note_move AFTER UPDATE OF next_offset ON consumer_offsets
    FOR EACH ROW WHEN (OLD.next_offset IS DISTINCT FROM NEW.next_offset)
    EXECUTE FUNCTION note_move()
"""


@dataclass
class Scene:
    """A stack, and a URL of its database by which this process reaches it in any weather."""

    stack: Stack
    database_url: str
    seed: int
    loads: int = 0

    def query(self, statement: str, *values: Any) -> list[Any]:
        async def ask() -> list[Any]:
            connection = await asyncpg.connect(self.database_url, timeout=10)
            try:
                return list(await connection.fetch(statement, *values, timeout=120))
            finally:
                await connection.close()

        return asyncio.run(ask())

    def value(self, statement: str, *values: Any) -> Any:
        return self.query(statement, *values)[0][0]

    def execute(self, script: str) -> None:
        async def run() -> None:
            connection = await asyncpg.connect(self.database_url, timeout=10)
            try:
                await connection.execute(script)
            finally:
                await connection.close()

        asyncio.run(run())

    def note_moves(self) -> None:
        """Keep a record of each step of each offset row from here on, in its transaction."""
        self.execute(_NOTE_MOVES)

    def load(self, **options: Any) -> Load:
        """Return a load that is not begun; each one draws other events."""
        self.loads += 1
        stack = self.stack.file
        journal = self.stack.folder / f"journal-{self.loads}.jsonl"
        seed = self.seed + 1_000 * self.loads
        return Load(stack["ingest_url"], stack["ingest_key"], journal, seed=seed, **options)

    def pids(self, role: str) -> list[int]:
        return list(self.stack.file["processes"].get(role, []))

    def kill(self, role: str, slot: int = 0, number: signal.Signals = signal.SIGKILL) -> int:
        """Signal the process in a place, once there is one; return its pid."""

        def signalled() -> int | None:
            pids = self.pids(role)
            # One that died a moment ago may still be named.
            if len(pids) <= slot or not is_alive(pids[slot]):
                return None
            os.kill(pids[slot], number)
            return pids[slot]

        return int(eventually(signalled, f"{role} runs", 60))

    def until_replaced(self, role: str, victim: int) -> None:
        eventually(
            lambda: victim not in self.pids(role) and self.pids(role),
            f"{role} is replaced",
            RECOVERY_SECONDS,
        )

    def until_ready(self) -> None:
        eventually(
            lambda: self.stack.engage("status").returncode == 0,
            "everything is ready again",
            RECOVERY_SECONDS,
        )

    def log(self, role: str) -> str:
        """Return what the processes of a role have logged."""
        logs = sorted((self.stack.folder / "logs").glob(f"{role}*.log"))
        return "".join(path.read_text(errors="replace") for path in logs)

    def metric(self, role: str, name: str) -> float:
        """Return the sum of a metric over the living processes of a role and over its labels."""
        pattern = re.compile(rf"^{name}(?:{{[^}}]*}})? (\S+)$", re.MULTILINE)
        texts = (text_of(url) for url in self.stack.file["metrics"][role])
        return sum(float(found) for text in texts for found in pattern.findall(text))

    def get(self, path: str) -> tuple[int, Any]:
        return self.stack.get(path)

    def readiness(self, role: str) -> list[int]:
        """Return the status of /readyz on each metrics port of a role; 0 without an answer."""
        urls = self.stack.file["metrics"][role]
        return [_status(url.replace("/metrics", "/readyz")) for url in urls]

    def assert_rollups_match(self) -> None:
        """Compare every rollup with its rows in one snapshot; also right while faults are on."""
        assert [
            check.as_row()
            for check in asyncio.run(run_checks(self.database_url))
            if not check.is_right
        ] == []


def resident_mb(pid: int) -> float:
    """Return how much memory a process has."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def text_of(url: str) -> str:
    """Return the response of the URL, or nothing without one."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode())
    except (OSError, http.client.HTTPException):
        return ""


def _status(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return int(error.code)
    except (OSError, http.client.HTTPException):
        return 0
