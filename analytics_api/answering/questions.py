"""Questions in use: the process asks them anew by itself, so that their readers need not wait.

A dear answer may be told for a while after it was true, as its Data-As-Of says; so may one of the
same data whose period ended a little earlier.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from prometheus_client import Counter

from analytics_api.answering.cache import AnswerCache, Kept
from analytics_api.answering.versions import Follower, Version
from schema.telemetry import get_logger

RENEWALS: Final = Counter("engage_api_renewals_total", "Questions in use that were asked anew.")
OLDER: Final = Counter("engage_api_older_answers_total", "Older answers told while a newer is due.")

DEAR_SECONDS: Final = 0.5
"""From here on an answer may be older than the newest refresh."""
STANDS_SECONDS: Final = 60.0
SAME_DATA_STANDS_SECONDS: Final = 120.0
"""Periods end with the minute: each one's answers are found within the next."""
_IN_USE_SECONDS: Final = 300.0
_LOOK_SECONDS: Final = 0.1
# One question is renewed at a time, in four fifths of the time at most, and beside it one that is
# dear, in a fifth: renewing is slow before it is a burden.
_REST_FACTOR: Final = 0.25
_DEAR_REST_FACTOR: Final = 4
_LONGEST_REST_SECONDS: Final = 30.0
_LEAST_SECONDS: Final = 0.001
_MOST_QUESTIONS: Final = 256

Clock = Callable[[], float]
AskAgain = Callable[[], Coroutine[Any, Any, None]]
logger = get_logger("questions")


class Tagged(NamedTuple):
    """A question that is asked of a state of the data.

    Attributes:
        key: the same for equal questions at all times.
        data: the label of the data's version.
        etag: the same for equal answers.
    """

    key: Hashable
    data: str
    etag: str


@dataclass
class _Question:
    """What was asked lately, and how its newest answer was found."""

    ask_again: AskAgain
    asked_at: float
    etag: str = ""
    data: str = ""
    found_at: float = 0.0
    took_seconds: tuple[float, float] = (0.0, 0.0)
    renewed_for: object = None

    @property
    def is_dear(self) -> bool:
        """Whether it takes long to find; once may be a cold start."""
        return min(self.took_seconds) >= DEAR_SECONDS

    def urgency(self, now: float) -> float:
        """Return how old its answer is for what a new one costs.

        Highest response ratio next (Brinch Hansen, 1971): few wait long for the many that are
        quickly done, and what takes long gets its turn as it ages.
        """
        return (now - self.found_at) / max(self.took_seconds[1], _LEAST_SECONDS)

    def may_stand(self, now: float, data: str) -> bool:
        """Tell whether readers may have the newest answer although a newer one is due."""
        age_seconds = now - self.found_at
        if self.data == data and age_seconds <= SAME_DATA_STANDS_SECONDS:
            return True
        return self.is_dear and age_seconds <= STANDS_SECONDS


@dataclass
class Questions:
    """The answers of reports, through a cache; ``run`` keeps those in use new.

    Args:
        follower: knows when the data changed.
        cache: of answers by entity tag.
        clock: monotonic seconds.
    """

    follower: Follower
    cache: AnswerCache = field(default_factory=AnswerCache)
    clock: Clock = time.monotonic
    _known: OrderedDict[Hashable, _Question] = field(default_factory=OrderedDict)

    async def answer(
        self,
        asked: Tagged,
        ask: Callable[[], Awaitable[Kept]],
        ask_again: AskAgain | None,
        *,
        may_be_older: bool,
    ) -> Kept:
        """Return the answer, or for a while an older one.

        Args:
            asked: the question, of the newest state of the data.
            ask: finds the answer. What it raises is raised.
            ask_again: asks the whole question anew, later; None: it is doing so.
            may_be_older: whether an older one may stand, which is dear to find or of the same data.
        """
        now = self.clock()
        known = self._known.get(asked.key)
        if ask_again is not None:
            known = self._note(asked.key, ask_again, now)
            if may_be_older and (older := self._older(known, asked, now)):
                return older
        kept = await self.cache.get(asked.etag, ask)
        if known is not None and known.etag != asked.etag:
            known.etag, known.data, known.found_at = asked.etag, asked.data, self.clock()
            known.took_seconds = known.took_seconds[1], known.found_at - now
        return kept

    def _older(self, known: _Question, asked: Tagged, now: float) -> Kept | None:
        """Return the newest answer if it is another one than the one asked for and may stand."""
        if known.etag == asked.etag or not known.may_stand(now, asked.data):
            return None
        if (older := self.cache.find(known.etag)) is not None:
            OLDER.inc()
        return older

    def _note(self, key: Hashable, ask_again: AskAgain, now: float) -> _Question:
        known = self._known.setdefault(key, _Question(ask_again, now))
        known.asked_at, known.ask_again = now, ask_again
        self._known.move_to_end(key)
        if len(self._known) > _MOST_QUESTIONS:
            self._known.popitem(last=False)
        return known

    async def run(self) -> None:
        """Ask anew what is in use and out of date, until cancelled; cheap ones do not wait."""
        await asyncio.gather(self._keep(is_dear=False), self._keep(is_dear=True))

    async def _keep(self, *, is_dear: bool) -> None:
        factor = _DEAR_REST_FACTOR if is_dear else _REST_FACTOR
        while True:
            began = self.clock()
            rest = _LOOK_SECONDS
            if await self.renew_one(is_dear=is_dear):
                rest = factor * (self.clock() - began)
            await asyncio.sleep(min(rest, _LONGEST_REST_SECONDS))

    async def renew_one(self, *, is_dear: bool) -> bool:
        """Ask anew the most urgent one; whether one was in use and out of date."""
        view, now = self.follower.view, self.clock()
        if view is None:
            return False
        state, used_since = _state(view), now - _IN_USE_SECONDS
        due = [
            each
            for each in self._known.values()
            if each.renewed_for != state and each.is_dear == is_dear and each.asked_at >= used_since
        ]
        if not due:
            return False
        next_one = max(due, key=lambda each: each.urgency(now))
        next_one.renewed_for = state
        RENEWALS.inc()
        [failure] = await asyncio.gather(next_one.ask_again(), return_exceptions=True)
        if isinstance(failure, Exception):
            logger.warning("a question could not be asked anew", error=type(failure).__name__)
        return True


def _state(version: Version) -> object:
    """Return what answers depend on: the data, and the minute that periods end with."""
    return version.label, version.as_of.replace(second=0, microsecond=0)
