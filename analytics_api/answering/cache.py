"""Answers that were given already, for as long as they stand, and one computation at a time."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from prometheus_client import Counter

HITS: Final = Counter("engage_api_cache_hits_total", "Answers given without a query.")
MISSES: Final = Counter("engage_api_cache_misses_total", "Answers that took a query.")

_MAX_BYTES: Final = 16 * 1024 * 1024


class Kept(NamedTuple):
    """A body, the place where the next page begins, and the headers it was told with last."""

    body: bytes
    following: str | None = None
    headers: Mapping[str, str] = {}


class AnswerCache:
    """Answers by entity tag, the least recently used leave first.

    An entity tag names a state of the data and a question, so an entry never gets wrong. Of many
    who ask the same at once, one asks the database.
    """

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._answers: OrderedDict[str, Kept] = OrderedDict()
        self._size_bytes = 0
        self._asking: dict[str, asyncio.Task[Kept]] = {}

    async def get(self, etag: str, ask: Callable[[], Awaitable[Kept]]) -> Kept:
        """Return the answer of *etag*; *ask* is called if it is not known. Raises what it does."""
        if (kept := self.find(etag)) is not None:
            return kept
        task = self._asking.get(etag)
        if task is None:
            MISSES.inc()
            task = self._asking[etag] = asyncio.create_task(self._ask(etag, ask))
            # Seen to, also where everybody has given up waiting.
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        # Who gives up waiting must not take the answer from those who wait on.
        return await asyncio.shield(task)

    def find(self, etag: str) -> Kept | None:
        """Return the answer of *etag* if it is known."""
        if (kept := self._answers.get(etag)) is not None:
            self._answers.move_to_end(etag)
            HITS.inc()
        return kept

    def tell(self, etag: str, headers: Mapping[str, str]) -> None:
        """Have a known answer told with these headers from now on."""
        if (kept := self._answers.get(etag)) is not None:
            self._answers[etag] = kept._replace(headers=headers)

    async def _ask(self, etag: str, ask: Callable[[], Awaitable[Kept]]) -> Kept:
        try:
            answer = await ask()
        finally:
            del self._asking[etag]
        self._keep(etag, answer)
        return answer

    def _keep(self, etag: str, answer: Kept) -> None:
        if len(answer.body) > self._max_bytes // 8:
            return
        self._answers[etag] = answer
        self._size_bytes += len(answer.body)
        while self._size_bytes > self._max_bytes:
            _, oldest = self._answers.popitem(last=False)
            self._size_bytes -= len(oldest.body)
