"""Daily partitions of engagements, created on demand."""

from collections.abc import Iterable
from datetime import date
from enum import Enum
from typing import Final

import asyncpg

from sql.pool import AnyConnection

_EXPIRED: Final = "XE001"


class DayState(Enum):
    """Whether events of a UTC day can be stored."""

    READY = "ready"
    EXPIRED = "expired"
    """Its partition was dropped. Its events were counted, or came too late."""
    OUT_OF_RANGE = "out_of_range"
    """It is outside the days that can have partitions: a forged time of receipt."""
    LOCKED = "locked"
    """Another session holds a lock on engagements; try again later."""


async def ensure_days(connection: AnyConnection, days: Iterable[date]) -> dict[DayState, set[date]]:
    """Create the partitions of days, and return the days by their state.

    Locks are waited for once: after that, days without a partition are locked as well.
    """
    found: dict[DayState, set[date]] = {state: set() for state in DayState}
    for day in days:
        if found[DayState.LOCKED] and not await connection.fetchval(
            "SELECT has_partition($1)", day
        ):
            found[DayState.LOCKED].add(day)
        else:
            found[await ensure_day(connection, day)].add(day)
    return found


async def ensure_day(connection: AnyConnection, day: date) -> DayState:
    """Create the day's partition unless it exists. Waits for locks for 200 ms at most."""
    try:
        await connection.execute("SELECT ensure_partition($1)", day)
    except asyncpg.DatetimeFieldOverflowError:
        return DayState.OUT_OF_RANGE
    except asyncpg.LockNotAvailableError:
        return DayState.LOCKED
    except asyncpg.PostgresError as error:
        if error.sqlstate == _EXPIRED:
            return DayState.EXPIRED
        raise
    return DayState.READY
