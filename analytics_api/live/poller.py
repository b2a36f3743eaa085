"""The live feed: one query per second for all clients, and none without clients."""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
from prometheus_client import Counter
from pydantic import BaseModel, Field

import sql
from analytics_api.end_offsets import EndOffsets
from analytics_api.ledger import Alert, active_alerts
from analytics_api.live.broadcast import Broadcast, Message
from analytics_api.measures import Counts, ExternalId
from analytics_api.versions import VersionPoller
from runtime.logging import get_logger
from sql.pool import OUTAGES, Pool
from web.problems import Problem, database_unavailable

_INTERVAL_SECONDS: Final = 1.0
# Queries may take a tenth of one connection's time.
_PAUSE_FACTOR: Final = 9
_WINDOW_SECONDS: Final = 60
_MEAN_SECONDS: Final = 10
_TOP_POSTS_WINDOW: Final = timedelta(minutes=5)
_TOP_POSTS: Final = 10
_CLIENT_SECONDS: Final = 30.0
_MAX_AGE_SECONDS: Final = 2.0
_UNAVAILABLE: Final = Message(
    None, b'event: away\ndata: {"detail":"PostgreSQL does not answer"}\n\n'
)

READS: Final = Counter("engage_api_live_reads_total", "Queries of the live stream to PostgreSQL.")

logger = get_logger("live")


class LivePost(Counts):
    """One post and its engagements of the last minutes."""

    post_id: int
    title: str
    author_id: int
    author_name: str
    category: str
    external_id: ExternalId = None


class UnknownPosts(BaseModel):
    """Events of the last minutes whose posts are not in the catalogue."""

    posts: int
    events: int


class Pipeline(BaseModel):
    """Pipeline health."""

    stored: int = Field(description="Events stored since the first start.")
    in_flight: int | None = Field(
        description="Records not yet stored; null while Kafka is unavailable."
    )
    latency_seconds: float | None = Field(
        description="Seconds from receipt to commit of the oldest event in the newest batch of a"
        " partition; their maximum. null: nothing was stored in the last minute."
    )
    dead_letters: int = Field(description="Dead letters that were not replayed.")
    halted_partitions: int = Field(description="Partitions that need an operator.")
    caught_up_timestamp: datetime | None = Field(description="Last time at which the lag was 0.")
    view_as_of: datetime | None = Field(description="Data-As-Of of reports.")
    alerts: list[Alert]


class Live(BaseModel):
    """Current engagement with all posts, and pipeline health."""

    as_of: datetime = Field(description="The end of the last second.")
    events_per_second: float = Field(description="Mean of the last 10 entries of seconds.")
    seconds: list[int] = Field(description="Events in each of the last 60 seconds.")
    top_posts: list[LivePost] = Field(description="Most engaged in the last 5 minutes.")
    unknown_posts: UnknownPosts = Field(description="Not in top_posts, nor in any report.")
    pipeline: Pipeline


class LivePoller:
    """Keeps the newest state while there are subscribers or polling clients.

    Args:
        pool: connections to PostgreSQL.
        poller: of the version of the stats view.
        end_offsets: of the topic's partitions.
        topic: of the events.
        broadcast: gets each new state.
    """

    def __init__(
        self,
        pool: Pool,
        poller: VersionPoller,
        end_offsets: EndOffsets,
        topic: str,
        broadcast: Broadcast,
    ) -> None:
        self._pool = pool
        self._poller = poller
        self._end_offsets = end_offsets
        self._topic = topic
        self.broadcast = broadcast
        self._process_id = secrets.token_hex(4)
        self._number = 0
        self._newest: Live | None = None
        self._content = ""
        self._polled_at = self._requested_at = -_CLIENT_SECONDS
        self._polling = asyncio.Lock()
        self._has_clients = asyncio.Event()
        self._is_unavailable = False

    @property
    def message_id(self) -> str:
        """ID of the newest state; differs whenever the state does."""
        return f"{self._process_id}-{self._number}"

    async def run(self) -> None:
        """Poll once a second while there are clients, until cancelled."""
        while True:
            await self._has_clients.wait()
            began = time.monotonic()
            with contextlib.suppress(Problem):
                await self._update()
            took_seconds = time.monotonic() - began
            pause_seconds = max(_INTERVAL_SECONDS - took_seconds, _PAUSE_FACTOR * took_seconds)
            await asyncio.sleep(pause_seconds)
            is_requested = _age(self._requested_at) <= _CLIENT_SECONDS
            if not (self.broadcast.has_subscribers or is_requested):
                self._has_clients.clear()

    def start(self) -> None:
        """Start polling for a new subscriber."""
        self._has_clients.set()

    async def newest(self) -> Live:
        """Return the state of the last seconds. Raises Problem 503 without PostgreSQL."""
        self._requested_at = time.monotonic()
        self._has_clients.set()
        is_old = _age(self._polled_at) > _MAX_AGE_SECONDS
        if self._newest is None or self._is_unavailable or is_old:
            return await self._update()
        return self._newest

    async def _update(self) -> Live:
        requested = time.monotonic()
        async with self._polling:
            if self._newest is None or self._polled_at < requested:
                await self._poll()
        if self._is_unavailable or self._newest is None:
            raise database_unavailable("PostgreSQL does not answer")
        return self._newest

    async def _poll(self) -> None:
        READS.inc()
        try:
            found = await self._query(datetime.now(UTC))
        except (*OUTAGES, asyncpg.PostgresError) as error:
            if not self._is_unavailable:
                logger.warning("live state unavailable", error=type(error).__name__)
                self.broadcast.publish(_UNAVAILABLE)
            self._is_unavailable = True
            return
        finally:
            self._polled_at = time.monotonic()
        content = found.model_dump_json(exclude={"as_of"})
        if self._is_unavailable or content != self._content:
            self._number += 1
            self._content = content
            self._newest = found
            self.broadcast.publish(_message(self.message_id, found))
        self._is_unavailable = False

    async def _query(self, now: datetime) -> Live:
        until = now.replace(microsecond=0)
        since = until - timedelta(seconds=_WINDOW_SECONDS)
        async with self._pool.acquire() as connection:
            seconds = await sql.load("live_seconds").fetch(connection, since=since, until=until)
            posts = await sql.load("live_posts").fetch(
                connection, since=now - _TOP_POSTS_WINDOW, until=now, limit=_TOP_POSTS
            )
            pipeline = await sql.load("live_pipeline").fetchrow(connection, topic=self._topic)
            alerts = await active_alerts(connection)
        view = self._poller.view
        counts = [row["events"] for row in seconds]
        return Live(
            as_of=until,
            events_per_second=sum(counts[-_MEAN_SECONDS:]) / _MEAN_SECONDS,
            seconds=counts,
            top_posts=[LivePost(**row) for row in posts if row["post_id"] is not None],
            unknown_posts=_unknown_posts(posts),
            pipeline=Pipeline(
                **{name: pipeline[name] for name in Pipeline.model_fields if name in pipeline},
                in_flight=await self._in_flight(pipeline["next_offset"]),
                view_as_of=view.as_of if view and view.is_known else None,
                alerts=alerts,
            ),
        )

    async def _in_flight(self, next_offset: int) -> int | None:
        # After the offsets: records produced in between are in flight, never negative.
        ends = await self._end_offsets.read()
        return None if ends is None else max(0, sum(ends.values()) - next_offset)


def _unknown_posts(rows: Sequence[Any]) -> UnknownPosts:
    """Return the sums of the row without a post."""
    unknown = [row for row in rows if row["post_id"] is None]
    return UnknownPosts(
        posts=sum(row["posts"] for row in unknown),
        events=sum(row["total_engagements"] for row in unknown),
    )


def _age(since: float) -> float:
    return time.monotonic() - since


def _message(message_id: str, live: Live) -> Message:
    text = f"event: live\nid: {message_id}\ndata: {live.model_dump_json()}\n\n"
    return Message(message_id, text.encode())
