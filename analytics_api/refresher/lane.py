"""One connection on which jobs run, one after the other."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import asyncpg
from prometheus_client import Counter

from schema.errors import Unavailable
from schema.settings import DatabaseSettings
from schema.telemetry import get_logger
from sql.pool import OUTAGES, Connection, connect

JOB_ERRORS: Final = Counter("engage_refresher_job_errors_total", "Jobs that failed.", ["task"])

_RETRY_SECONDS: Final = 1.0

Job = Callable[[Connection], Awaitable[None]]

logger = get_logger("refresher")


class Lane:
    """Runs jobs on a connection of its own, opened anew after each failure.

    Args:
        settings: where PostgreSQL is.
        application_name: what PostgreSQL shows of it.
    """

    def __init__(self, settings: DatabaseSettings, application_name: str) -> None:
        self._settings = settings
        self._application_name = application_name
        self._connection: Connection | None = None
        self._busy = asyncio.Lock()
        self.problem: str | None = "starting"

    async def run(self, job: Job) -> None:
        """Run a job until it succeeds: an hourly one must not wait an hour for PostgreSQL."""
        while not await self.attempt(job):  # noqa: ASYNC110  (nobody tells when it is back)
            await asyncio.sleep(_RETRY_SECONDS)

    async def attempt(self, job: Job) -> bool:
        """Run a job once; whether it succeeded."""
        name = getattr(job, "__name__", "job")
        async with self._busy:
            try:
                await job(await self._open())
            except (Unavailable, *OUTAGES, asyncpg.PostgresError) as error:
                JOB_ERRORS.labels(name).inc()
                self.problem = f"{name}: {type(error).__name__}"
                logger.warning("job failed", job=name, error=type(error).__name__, why=str(error))
                self.close()
                return False
        self.problem = None
        return True

    async def _open(self) -> Connection:
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._settings, self._application_name)
        return self._connection

    def close(self) -> None:
        """Drop the connection."""
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
