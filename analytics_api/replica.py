"""Replication lag of the replica from which reports are read."""

import asyncio
import math
import time
from collections import deque
from itertools import islice
from typing import Final

import asyncpg
from prometheus_client import Gauge

import sql
from runtime.logging import get_logger
from sql.pool import OUTAGES, Pool

LAG: Final = Gauge(
    "engage_api_replica_lag_seconds",
    "Age in seconds of the oldest commit missing on the replica; NaN if unknown.",
)
LAG.set(math.nan)

_INTERVAL_SECONDS: Final = 1.0
_TIMEOUT_SECONDS: Final = 2.0
_REMEMBERED: Final = 1_000

logger = get_logger("replica")


class Positions:
    """Positions in the primary's log that the replica has not replayed, and when each was read.

    The replica's own clock does not suffice: without anything to replay it seems late, and cut off
    from its primary it seems current.
    """

    def __init__(self) -> None:
        self._missing: deque[tuple[float, int]] = deque()
        self._spacing_seconds = 0.0

    def lag_seconds(self, now: float, written: int | None, replayed: int) -> float | None:
        """Return for how long the replica has lacked a position, since that was read.

        Args:
            now: in monotonic seconds.
            written: the primary's position; None: it is unavailable.
            replayed: the replica's position.
        """
        missing = self._missing
        while missing and missing[0][1] <= replayed:
            missing.popleft()
        if not missing:
            self._spacing_seconds = 0.0
        if written is not None and written > replayed and self._is_due(now):
            missing.append((now, written))
        if len(missing) > _REMEMBERED:
            # A long lag is measured more coarsely.
            self._missing = missing = deque(islice(missing, 0, None, 2))
            self._spacing_seconds = missing[-1][0] - missing[-2][0]
        if missing:
            return now - missing[0][0]
        return None if written is None else 0.0

    def _is_due(self, now: float) -> bool:
        return not self._missing or now - self._missing[-1][0] >= self._spacing_seconds


class ReplicaLag:
    """Polls the lag of a replica once a second."""

    def __init__(self, primary: Pool, replica: Pool) -> None:
        self._primary = primary
        self._replica = replica
        self._positions = Positions()
        self.seconds: float | None = None

    async def run(self) -> None:
        """Poll until cancelled. The lag is None while it is unknown."""
        while True:
            self.seconds = await self._poll()
            LAG.set(math.nan if self.seconds is None else self.seconds)
            await asyncio.sleep(_INTERVAL_SECONDS)

    async def _poll(self) -> float | None:
        # The primary first: what it writes between the two is not yet the replica's fault.
        written = await _position(self._primary, is_replica=False)
        replayed = await _position(self._replica, is_replica=True)
        if replayed is None:
            return None
        return self._positions.lag_seconds(time.monotonic(), written, replayed)


async def _position(pool: Pool, *, is_replica: bool) -> int | None:
    """Return a server's position; None: it is unavailable, or has the other role."""
    try:
        async with asyncio.timeout(_TIMEOUT_SECONDS):
            row = await sql.load("wal_position").fetchrow(pool)
    except (*OUTAGES, asyncpg.PostgresError) as error:
        logger.debug("no position", error=type(error).__name__)
        return None
    if row is None or row["is_replica"] != is_replica:
        return None
    position: int | None = row["position_bytes"]
    return position
