"""Live posts and events of a newsroom, at the rate and with the shape of its history.

Events are generated a minute ahead and sent when they are due. After a pause, as when the machine
slept, the missed ones are sent immediately with their own times.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

from loadgen.catalogue import Catalogue, Draft
from loadgen.events import Event, Item, Wire, encode
from loadgen.journal import Journal, Run
from loadgen.ledger import Totals
from loadgen.load import wall_clock_us
from loadgen.seed import publish
from loadgen.send import Sender, Target
from loadgen.traffic import Traffic, to_us
from schema.errors import Unavailable
from schema.times import EPOCH

_SECOND_US: Final = 1_000_000
_STEP_US: Final = 60 * _SECOND_US
_BATCH_EVENTS: Final = 500
_PAUSE_SECONDS: Final = 0.5

STORIES: Final = (
    ("Business", "Breaking: rail strike called off after overnight talks"),
    ("Finance", "Breaking: central bank cuts its rate for the first time in two years"),
    ("Tech", "Breaking: mobile network down across three regions"),
    ("Health", "Breaking: hospitals share beds as the flu wave peaks"),
)
"""Category and headline of stories that break, one a day in turn."""


@dataclass(frozen=True)
class Story:
    """The additional views of a story that breaks: they grow for minutes, and then decay.

    Attributes:
        post_id: the story's.
        begin_us: when it was published, in microseconds since 1970 (UTC).
        peak_per_minute: views a minute at the peak.
        minutes_to_peak: from publication to the peak.
    """

    post_id: int
    begin_us: int
    peak_per_minute: float = 6.0
    minutes_to_peak: float = 10.0

    def rate_per_minute(self, instant_us: int) -> float:
        age = max(instant_us - self.begin_us, 0) / _STEP_US / self.minutes_to_peak
        return self.peak_per_minute * age * math.exp(1 - age)

    @property
    def expected_views(self) -> float:
        return self.peak_per_minute * self.minutes_to_peak * math.e

    def views(self, start_us: int, end_us: int, random: Random) -> Iterator[int]:
        """Yield instants of views in a period (thinning: Lewis and Shedler, 1979)."""
        at_us = float(start_us)
        while True:
            at_us += random.expovariate(self.peak_per_minute / _STEP_US)
            if at_us >= end_us:
                return
            if random.random() * self.peak_per_minute < self.rate_per_minute(int(at_us)):
                yield int(at_us)


class Newsroom:
    """Publishes posts and generates events from a given time on."""

    def __init__(  # noqa: PLR0913, PLR0917  (independent parameters)
        self,
        database_url: str,
        catalogue: Catalogue,
        traffic: Traffic,
        intensity: float,
        since_us: int,
        published_us: int,
        *,
        seed: int = 1,
        clock_us: Callable[[], int] = wall_clock_us,
    ) -> None:
        """Create a newsroom.

        Args:
            database_url: of a login that may write the catalogue.
            catalogue: with the schedule of publications.
            traffic: of the catalogue's posts.
            intensity: of the traffic.
            since_us: end of the events that exist; microseconds since 1970 (UTC).
            published_us: end of the posts that exist.
            seed: of the story's views.
            clock_us: returns now.
        """
        self._database_url = database_url
        self._catalogue = catalogue
        self._traffic = traffic
        self._intensity = intensity
        self._generated_us = since_us
        self._published_us = published_us
        self._random = Random(f"{seed}:{since_us}:newsroom")
        self._clock_us = clock_us
        self._story: Story | None = None
        self._due: list[tuple[int, str, Event]] = []

    async def publish_due(self) -> list[Draft]:
        """Publish the posts that are due, and return them. Raises Unavailable."""
        now_us = self._clock_us()
        published = []
        for draft in self._catalogue.published(_moment(self._published_us), _moment(now_us)):
            self._traffic.add_post(await publish(self._database_url, draft))
            self._published_us = to_us(draft.publish_timestamp)
            published.append(draft)
        self._published_us = now_us
        return published

    async def break_story(self) -> Draft:
        """Publish a story that attracts readers within minutes. Raises Unavailable."""
        now = _moment(self._clock_us()).replace(microsecond=0)
        category, title = STORIES[now.date().toordinal() % len(STORIES)]
        author_id = next(
            author.author_id
            for author in self._catalogue.authors()
            if author.author_category == category
        )
        draft = Draft(author_id, category, now, title, 2_400, True, ["news"], False, "en")
        post = await publish(self._database_url, draft)
        self._traffic.add_post(post)
        self._story = Story(post.post_id, post.published_us)
        return draft

    def due(self) -> list[Event]:
        """Return the events that happened since the last call, in order."""
        now_us = self._clock_us()
        while self._generated_us < now_us:
            end_us = self._generated_us + _STEP_US
            for event in self._generate(self._generated_us, end_us):
                instant_us = to_us(datetime.fromisoformat(event.engaged_timestamp))
                heappush(self._due, (instant_us, event.event_id, event))
            self._generated_us = end_us
        found = []
        while self._due and self._due[0][0] <= now_us:
            found.append(heappop(self._due)[2])
        return found

    def _generate(self, start_us: int, end_us: int) -> Iterator[Event]:
        yield from self._traffic.between(start_us, end_us, self._intensity)
        if story := self._story:
            for instant_us in story.views(start_us, end_us, self._random):
                yield from self._traffic.view_of(story.post_id, instant_us)


class Feed:
    """Sends events of a newsroom, with a journal."""

    def __init__(self, newsroom: Newsroom, sender: Sender) -> None:
        self._newsroom = newsroom
        self._sender = sender

    async def send_due(self) -> int:
        """Send what happened since the last call; return how many events."""
        events = iter(self._newsroom.due())
        count = 0
        while batch := [Item(encode(event), event) for event in islice(events, _BATCH_EVENTS)]:
            await self._sender.deliver(batch, time.monotonic())
            count += len(batch)
        return count

    async def run(self, may_publish: asyncio.Event, story_after_seconds: float) -> None:
        """Send events as they happen until cancelled, and publish posts.

        Args:
            may_publish: no post is published before it is set.
            story_after_seconds: from now on until a story breaks, if it may be published then.
        """
        story_due = time.monotonic() + story_after_seconds
        is_broken = False
        while True:
            await self.send_due()
            if may_publish.is_set():
                with suppress(Unavailable):
                    await self._newsroom.publish_due()
                    if not is_broken and time.monotonic() >= story_due:
                        await self._newsroom.break_story()
                        is_broken = True
            await asyncio.sleep(_PAUSE_SECONDS)


@asynccontextmanager
async def feeding(
    newsroom: Newsroom, target: Target, journal: Path, ledger: Totals
) -> AsyncIterator[Feed]:
    """Yield a feed.

    Args:
        newsroom: whose events are sent.
        target: where to.
        journal: file to which they are appended.
        ledger: the totals before.
    """
    with Journal(journal) as writer:
        writer.begin(Run("newsroom", ledger))
        async with target.open_session() as session:
            yield Feed(newsroom, Sender(session, target, Wire(), writer))


def _moment(instant_us: int) -> datetime:
    return EPOCH + timedelta(microseconds=instant_us)
