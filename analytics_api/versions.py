"""Version of the data that reports show, polled by one small query. ETags derive from it."""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import asyncpg

import sql
from runtime.logging import get_logger
from sql.pool import OUTAGES, Pool

_INTERVAL_SECONDS: Final = 0.2
_TIMEOUT_SECONDS: Final = 2.0
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

logger = get_logger("versions")


@dataclass(frozen=True)
class Version:
    """One state of the data.

    Attributes:
        label: differs whenever a report of this kind may differ.
        as_of: when that state was true.
    """

    label: str
    as_of: datetime

    @property
    def is_known(self) -> bool:
        """Whether the view was ever refreshed, or the consumer ever caught up."""
        return self.as_of > _NEVER

    def etag(self, *query: object) -> str:
        """Return the entity tag of a report of this state, with these parameters."""
        text = "\x1f".join([self.label, *map(str, query)])
        return f'"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"'


class VersionPoller:
    """Polls the version of the live data and of the stats view.

    Attributes:
        live, view: None while PostgreSQL does not answer.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.live: Version | None = None
        self.view: Version | None = None

    async def run(self) -> None:
        """Poll until cancelled."""
        while True:
            polling = asyncio.create_task(self.poll())
            try:
                await asyncio.wait({polling}, timeout=_TIMEOUT_SECONDS)
                if not polling.done():
                    self._forget("timeout")
                    polling.cancel()
                    # Cancelling takes long when the server went silent; reports know already.
                    await asyncio.wait({polling})
                self._check(polling)
            finally:
                polling.cancel()
            await asyncio.sleep(_INTERVAL_SECONDS)

    def _check(self, polled: asyncio.Task[None]) -> None:
        try:
            polled.result()
        except asyncio.CancelledError:
            pass  # it timed out
        except (*OUTAGES, asyncpg.PostgresError) as error:
            self._forget(type(error).__name__)

    def _forget(self, why: str) -> None:
        if self.live is not None:
            logger.warning("PostgreSQL is unavailable", error=why)
        self.live = self.view = None

    async def poll(self) -> None:
        """Poll once."""
        row = await sql.load("versions").fetchrow(self._pool)
        if row is None:
            return
        catalogue = row["catalogue_version"]
        self.live = Version(f"l{row['live_version']}.{catalogue}", row["live_as_of"] or _NEVER)
        self.view = Version(f"v{row['refresh_id']}", row["view_as_of"])
