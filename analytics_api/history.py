"""Queries of long periods, run by a columnar engine on sealed days instead of by PostgreSQL.

The engine runs the same SQL file. docs/decisions/0023-history-engine.md
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from prometheus_client import Counter

import sql
from analytics_api.history_files import SealedFiles
from analytics_api.settings import ApiSettings
from runtime.logging import get_logger
from schema.errors import SetupError
from sql.pool import retry_stale_statements

if TYPE_CHECKING:
    import pyarrow as pa

QUERIES_RUN: Final = Counter(
    "engage_api_history_queries_total",
    "Queries for the history engine, by outcome: ran, failed (PostgreSQL ran it).",
    ["outcome"],
)
_TIMEOUT_SECONDS: Final = 60.0
_MAX_UNSEALED_EVENTS: Final = 2_000_000
_MAX_UNSEALED_FRACTION: Final = 0.5
"""Of a period: copying more events from PostgreSQL takes longer than the engine saves."""
_POSTS: Final = """
SELECT * FROM matching_posts($1::text, $2::bigint, $3::text, $4::boolean)"""
_USERS: Final = "SELECT user_id, user_segment, country FROM users"
_AUTHORS: Final = "SELECT author_id, name, author_category FROM authors"

logger = get_logger("history")


class Use(NamedTuple):
    """What a query reads.

    Attributes:
        start, end: names of the parameters that bound the events' times.
        tables: queries of the catalogue's tables besides ``matching_posts``, by the tables' names.
    """

    start: str
    end: str
    tables: Mapping[str, str] = {}


QUERIES: Final[Mapping[str, Use]] = {
    "audience": Use("before", "end", {"users": _USERS}),
    "funnel": Use("start", "end"),
    "overview": Use("before", "end"),
    "ranking": Use("before", "end", {"authors": _AUTHORS}),
    "users_by": Use("start", "end", {"authors": _AUTHORS}),
}
"""Queries that an engine can run: sql/<name>.sql is valid and equal in all dialects."""


class EngineError(Exception):
    """The engine cannot run the query, or cannot read a file."""


@dataclass(frozen=True)
class Input:
    """What an engine reads, all of one snapshot.

    Attributes:
        files: absolute paths of Parquet files.
        events: the events of all other days.
        tables: of the catalogue, by name; ``matching_posts`` has the posts that count.
    """

    files: Sequence[str]
    events: "pa.Table"
    tables: Mapping[str, "pa.Table"]


class Engine(Protocol):
    """Runs queries of sql/ on files and tables."""

    def run(self, query: sql.Query, values: Sequence[Any], source: Input) -> list[Any]:
        """Return the rows as mappings; blocks. Raises EngineError."""

    def cancel(self) -> None:
        """End the running query."""


class History:
    """Chooses between PostgreSQL and the engine by the number of events of a period."""

    def __init__(self, engine: Engine, folder: str, min_events: int) -> None:
        self._engine = engine
        self._files = SealedFiles(folder)
        self._min_events = min_events
        # One query at a time, so that their memory is bounded.
        self._lock = asyncio.Lock()

    async def rows(
        self, pool: Any, query: sql.Query, values: Mapping[str, Any]
    ) -> list[Any] | None:
        """Return the rows of a query; None: PostgreSQL must run it."""
        use = QUERIES.get(query.name)
        if use is None:
            return None
        try:
            source = await self._input(pool, use, values)
            if source is None:
                return None
            async with self._lock, asyncio.timeout(_TIMEOUT_SECONDS):
                found = await self._run(query, query.bind(**values), source)
        except (EngineError, TimeoutError) as error:
            QUERIES_RUN.labels("failed").inc()
            logger.error(  # noqa: TRY400
                "history engine failed", query=query.name, detail=str(error) or "it took too long"
            )
            return None
        QUERIES_RUN.labels("ran").inc()
        return found

    async def _run(self, query: sql.Query, values: Sequence[Any], source: Input) -> list[Any]:
        running = asyncio.create_task(asyncio.to_thread(self._engine.run, query, values, source))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._engine.cancel()
            await asyncio.wait({running})
            raise

    @retry_stale_statements
    async def _input(self, pool: Any, use: Use, values: Mapping[str, Any]) -> Input | None:
        """Decide in one snapshot where each day is read, and read what no file has.

        Raises EngineError: a file is missing or damaged.
        """
        start, end = values[use.start], values[use.end]
        count = sql.load("history_events")
        if await count.fetchval(pool, start=start, end=end) < self._min_events:
            return None
        async with (
            pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            days = await sql.load("history_days").fetch(
                connection, first=start.astimezone(UTC).date(), last=end.astimezone(UTC).date()
            )
            sealed = [day for day in days if day["part"] is not None]
            events = sum(day["events"] for day in days)
            unsealed = events - sum(day["events"] for day in sealed)
            most = min(events * _MAX_UNSEALED_FRACTION, _MAX_UNSEALED_EVENTS)
            if not sealed or unsealed > most:
                return None
            from analytics_api.history_tables import read_events, read_table  # noqa: PLC0415

            open_days = [day["day"] for day in days if day["part"] is None]
            filters = [values[name] for name in ("category", "author", "tag", "promoted")]
            tables = {"matching_posts": await read_table(connection, _POSTS, *filters)}
            for name, query in use.tables.items():
                tables[name] = await read_table(connection, query)
            others = await read_events(connection, list(_runs(open_days)), start, end)
        files = await asyncio.to_thread(self._files.paths, sealed)
        if files is None:
            raise EngineError("a file is missing or damaged")
        return Input(files, others, tables)


def _runs(days: Sequence[date]) -> Iterator[tuple[datetime, datetime]]:
    """Yield the start and end of each run of consecutive days."""
    for place, day in enumerate(days):
        if place == 0 or days[place - 1] != day - timedelta(days=1):
            first = day
        if place + 1 == len(days) or days[place + 1] != day + timedelta(days=1):
            yield _midnight(first), _midnight(day + timedelta(days=1))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def open_history(settings: ApiSettings) -> History | None:
    """Return the history that the settings name, or None. Raises SetupError."""
    if not settings.history_engine:
        return None
    scheme, _, rest = settings.history_engine.partition(":")
    if scheme != "duckdb" or rest:
        raise SetupError("ENGAGE_HISTORY_ENGINE must be duckdb: or empty")
    folder = settings.history_url or ""
    if not Path(folder).is_absolute():
        raise SetupError("ENGAGE_HISTORY_ENGINE=duckdb: needs ENGAGE_HISTORY_URL, an absolute path")
    if find_spec("duckdb") is None:
        raise SetupError(
            "the history engine needs DuckDB: pip install 'engagement-analytics[history]'"
        )
    from analytics_api.history_duckdb import DuckDB  # noqa: PLC0415  (it imports this module)

    engine = DuckDB(folder, settings.history_memory_bytes)
    return History(engine, folder, settings.history_min_events)
