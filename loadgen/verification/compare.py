"""Comparison of each post's numbers in the read API with the journals."""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

import aiohttp

from loadgen.journal import Account, Follower
from loadgen.ledger import ask
from loadgen.send import side_by_side
from runtime.progress import Progress
from schema.event import TYPES

_READERS: Final = 8
_MAX_EXAMPLES: Final = 5
# The ledger is the primary's; a replica that reports are read from may be behind it.
_PATIENCE_SECONDS: Final = 5.0
_RETRY_SECONDS: Final = 0.2
_FIELDS: Final = {kind: f"{kind}s" for kind in TYPES}


def choose(account: Account, sample_posts: int | None) -> list[int]:
    """Return the posts to compare: all (None), or the busiest and a sample of the others."""
    posts = sorted(account.posts, key=lambda post: (-account.posts[post].total(), post))
    if sample_posts is None or len(posts) <= sample_posts:
        return posts
    return [*posts[:1], *Random(sample_posts).sample(posts[1:], sample_posts - 1)]


class Comparison:
    """Compares posts, and collects those that differ.

    Attributes:
        checked: posts compared.
        unknown: posts that the catalogue does not know, so that nothing shows them.
        is_exact: the numbers must be equal; else not smaller.
    """

    def __init__(self, follower: Follower, *, is_exact: bool) -> None:
        account = follower.account
        self.checked = 0
        self.unknown = 0
        self._follower = follower
        self._sure = account.posts
        self._unsure: dict[int, Counter[str]] = defaultdict(Counter)
        for event in account.unknown.values():
            self._unsure[event.post_id][event.type] += 1
        self.is_exact = is_exact
        self._wrong: list[str] = []
        self._patient_until = 0.0

    async def run(
        self, reader: aiohttp.ClientSession, posts: Sequence[int], progress: Progress
    ) -> None:
        """Compare *posts*. Raises as loadgen.ledger.ask does."""
        self._patient_until = time.monotonic() + _PATIENCE_SECONDS
        waiting = iter(posts)
        async with side_by_side() as tasks:
            for _ in range(_READERS):
                tasks.create_task(self._work(reader, waiting, len(posts), progress))

    def faults(self) -> list[str]:
        """Return a sentence for each of the first posts that differ, and the number of others."""
        more = len(self._wrong) - _MAX_EXAMPLES
        rest = [f"and {more:,} more posts disagree"] if more > 0 else []
        return [*self._wrong[:_MAX_EXAMPLES], *rest]

    async def _work(
        self, reader: aiohttp.ClientSession, waiting: Iterator[int], total: int, progress: Progress
    ) -> None:
        for post in waiting:
            shown = await self._shown(reader, post)
            if shown is None:
                self.unknown += 1
            else:
                self._compare(post, shown)
            remark = f"{len(self._wrong)} wrong" if self._wrong else ""
            progress("posts compared", self.checked + self.unknown, total, remark)

    async def _shown(self, reader: aiohttp.ClientSession, post: int) -> Counter[str] | None:
        """Return the shown numbers once they agree; None: the catalogue lacks the post.

        Events that are sent meanwhile are in the journals a moment later, or shown a moment later.
        """
        while answer := await ask(reader, f"/engagement/{post}?period=all"):
            shown = Counter({kind: int(answer[field]) for kind, field in _FIELDS.items()})
            self._follower.read_on()
            if not self._is_wrong(post, shown) or time.monotonic() > self._patient_until:
                return shown
            await asyncio.sleep(_RETRY_SECONDS)
        return None

    def _is_too_few(self, post: int, shown: Counter[str]) -> bool:
        return any(shown[kind] < self._sure[post][kind] for kind in TYPES)

    def _is_wrong(self, post: int, shown: Counter[str]) -> bool:
        sure, unsure = self._sure[post], self._unsure[post]
        is_too_many = any(shown[kind] > sure[kind] + unsure[kind] for kind in TYPES)
        return self._is_too_few(post, shown) or (self.is_exact and is_too_many)

    def _compare(self, post: int, shown: Counter[str]) -> None:
        self.checked += 1
        if self._is_wrong(post, shown):
            accepted = _text(self._sure[post])
            self._wrong.append(f"post {post} shows {_text(shown)}, accepted were {accepted}")


def _text(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[kind]} {field}" for kind, field in _FIELDS.items())
