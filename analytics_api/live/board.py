"""What happens at this moment: asked once for all who look, and only while somebody looks."""

import asyncio
import contextlib
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
from prometheus_client import Counter

import sql
from analytics_api.answering.versions import Follower
from analytics_api.ledger.books import raised_alarms
from analytics_api.ledger.log_ends import LogEnds
from analytics_api.live.fan_out import FanOut, Message
from analytics_api.live.models import Live, LivePost, Pipeline
from schema.http.problems import Problem, unavailable
from schema.telemetry import get_logger
from sql.pool import OUTAGES, AnyConnection, Pool

_TICK_SECONDS: Final = 1.0
# The board may take a tenth of one connection's time, so that it is slow before it is a burden.
_PAUSE_FACTOR: Final = 9
_SECONDS: Final = 60
_MEAN_OF: Final = 10
_MOMENT: Final = timedelta(minutes=5)
_POSTS: Final = 10
_POLLED_SECONDS: Final = 30.0
_FRESH_SECONDS: Final = 2.0
_AWAY: Final = Message(None, b'event: away\ndata: {"detail":"PostgreSQL does not answer"}\n\n')

READS: Final = Counter("engage_api_live_reads_total", "Times the live board asked PostgreSQL.")

logger = get_logger("live")


class Board:
    """The newest answer, kept fresh while there are listeners or polls.

    Args:
        pool: where it asks.
        follower: knows how fresh the reports are.
        log_ends: knows how many records there are.
        topic: whose records these are.
        fan_out: tells the listeners.
    """

    def __init__(
        self, pool: Pool, follower: Follower, log_ends: LogEnds, topic: str, fan_out: FanOut
    ) -> None:
        self._pool = pool
        self._follower = follower
        self._log_ends = log_ends
        self._topic = topic
        self.fan_out = fan_out
        self._life = secrets.token_hex(4)
        self._number = 0
        self._newest: Live | None = None
        self._facts = ""
        self._asked_at = self._polled_at = -_POLLED_SECONDS
        self._asking = asyncio.Lock()
        self._wanted = asyncio.Event()
        self._is_away = False

    @property
    def message_id(self) -> str:
        """The newest answer's id; differs whenever the answer does."""
        return f"{self._life}-{self._number}"

    async def run(self) -> None:
        """Ask once a second while somebody wants to know, until cancelled."""
        while True:
            await self._wanted.wait()
            began = time.monotonic()
            with contextlib.suppress(Problem):
                await self._renew()
            took_seconds = time.monotonic() - began
            pause_seconds = max(_TICK_SECONDS - took_seconds, _PAUSE_FACTOR * took_seconds)
            await asyncio.sleep(pause_seconds)
            if not self.fan_out.has_listeners and self._age(self._polled_at) > _POLLED_SECONDS:
                self._wanted.clear()

    def want(self) -> None:
        """Have it kept fresh: somebody begins to listen."""
        self._wanted.set()

    async def newest(self) -> Live:
        """Return what is true now, or was a moment ago. Raises Problem 503: PostgreSQL is away."""
        self._polled_at = time.monotonic()
        self._wanted.set()
        if self._newest is None or self._is_away or self._age(self._asked_at) > _FRESH_SECONDS:
            return await self._renew()
        return self._newest

    async def _renew(self) -> Live:
        asked = time.monotonic()
        async with self._asking:
            if self._newest is None or self._asked_at < asked:
                await self._ask_and_tell()
        if self._is_away or self._newest is None:
            raise unavailable("PostgreSQL does not answer")
        return self._newest

    async def _ask_and_tell(self) -> None:
        READS.inc()
        try:
            found = await self._ask(datetime.now(UTC))
        except (*OUTAGES, asyncpg.PostgresError) as error:
            if not self._is_away:
                logger.warning("the live board could not be read", error=type(error).__name__)
                self.fan_out.tell(_AWAY)
            self._is_away = True
            return
        finally:
            self._asked_at = time.monotonic()
        facts = found.model_dump_json(exclude={"as_of"})
        if self._is_away or facts != self._facts:
            self._number += 1
            self._facts = facts
            self._newest = found
            self.fan_out.tell(_message(self.message_id, found))
        self._is_away = False

    async def _ask(self, now: datetime) -> Live:
        until = now.replace(microsecond=0)
        async with self._pool.acquire() as connection:
            seconds = await _fetch(
                connection, "live_seconds", since=until - timedelta(seconds=_SECONDS), until=until
            )
            posts = await _fetch(
                connection, "live_posts", since=now - _MOMENT, until=now, limit=_POSTS
            )
            [pipeline] = await _fetch(connection, "live_pipeline", topic=self._topic)
            alarms = await raised_alarms(connection)
        view = self._follower.view
        counts = [row["events"] for row in seconds]
        return Live(
            as_of=until,
            events_per_second=sum(counts[-_MEAN_OF:]) / _MEAN_OF,
            seconds=counts,
            top_posts=[LivePost(**row) for row in posts],
            pipeline=Pipeline(
                **{name: pipeline[name] for name in Pipeline.model_fields if name in pipeline},
                in_flight=await self._in_flight(pipeline["next_offset"]),
                view_as_of=view.as_of if view and view.is_known else None,
                alarms=alarms,
            ),
        )

    async def _in_flight(self, next_offset: int) -> int | None:
        # After the offsets: what is produced between the two is in flight, never negative.
        ends = await self._log_ends.read()
        return None if ends is None else max(0, sum(ends.values()) - next_offset)

    @staticmethod
    def _age(since: float) -> float:
        return time.monotonic() - since


def _message(message_id: str, live: Live) -> Message:
    text = f"event: live\nid: {message_id}\ndata: {live.model_dump_json()}\n\n"
    return Message(message_id, text.encode())


async def _fetch(connection: AnyConnection, name: str, **values: Any) -> list[Any]:
    query = sql.load(name)
    return await connection.fetch(query.text, *query.bind(**values))
