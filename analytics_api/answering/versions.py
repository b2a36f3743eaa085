"""What the reports show at this moment, followed by one small query; ETags come from it."""

import asyncio
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import asyncpg

import sql
from schema.telemetry import get_logger
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
        """Return the entity tag of a question asked of this state."""
        text = "\x1f".join([self.label, *map(str, query)])
        return f'"{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"'


class Follower:
    """Keeps the newest version of the live data and of the view."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.live: Version | None = None
        self.view: Version | None = None

    async def run(self) -> None:
        """Follow until cancelled. Both versions are None while PostgreSQL is away."""
        while True:
            looking = asyncio.create_task(self.look())
            try:
                await asyncio.wait({looking}, timeout=_TIMEOUT_SECONDS)
                if not looking.done():
                    self._lost("silence")
                    looking.cancel()
                    # A silent peer holds the clean-up for long; the reports know already.
                    await asyncio.wait({looking})
                self._note(looking)
            finally:
                looking.cancel()
            await asyncio.sleep(_INTERVAL_SECONDS)

    def _note(self, looked: asyncio.Task[None]) -> None:
        try:
            looked.result()
        except asyncio.CancelledError:
            pass  # it was too late
        except (*OUTAGES, asyncpg.PostgresError) as error:
            self._lost(type(error).__name__)

    def _lost(self, why: str) -> None:
        if self.live is not None:
            logger.warning("PostgreSQL is away", error=why)
        self.live = self.view = None

    async def look(self) -> None:
        """Ask once."""
        row = await self._pool.fetchrow(sql.load("versions").text)
        if row is None:
            return
        catalogue = row["catalogue_version"]
        self.live = Version(f"l{row['live_version']}.{catalogue}", row["live_as_of"] or _NEVER)
        self.view = Version(f"v{row['refresh_id']}", row["view_as_of"])
