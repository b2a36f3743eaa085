"""Each post's numbers as the read API shows them, compared with what journals tell."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from random import Random
from typing import Final

import aiohttp

from loadgen.account import Account
from loadgen.ledger import ask
from loadgen.progress import Progress
from schema.errors import EngagementError
from schema.event import TYPES

_READERS: Final = 8
_MAX_EXAMPLES: Final = 5
_FIELDS: Final = {kind: f"{kind}s" for kind in TYPES}


def choose(account: Account, sample_posts: int | None) -> list[int]:
    """Return the posts to compare: all (None), or the busiest and a sample of the others."""
    posts = sorted(account.posts, key=lambda post: (-account.posts[post].total(), post))
    if sample_posts is None or len(posts) <= sample_posts:
        return posts
    return [*posts[:1], *Random(sample_posts).sample(posts[1:], sample_posts - 1)]


class Comparison:
    """Compares posts, and remembers which disagree.

    Attributes:
        checked: posts compared.
        unknown: posts that the catalogue does not know, so that nothing shows them.
    """

    def __init__(self, account: Account, *, is_exact: bool) -> None:
        """Make a comparison; *is_exact*: the numbers must be equal, else not smaller."""
        self.checked = 0
        self.unknown = 0
        self._sure = account.posts
        self._unsure: dict[int, Counter[str]] = defaultdict(Counter)
        for event in account.unknown.values():
            self._unsure[event.post_id][event.type] += 1
        self._is_exact = is_exact
        self._wrong: list[str] = []

    async def run(
        self, reader: aiohttp.ClientSession, posts: Sequence[int], progress: Progress
    ) -> None:
        """Compare *posts*. Raises as loadgen.ledger.ask does."""
        waiting = iter(posts)
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(_READERS):
                    tasks.create_task(self._work(reader, waiting, len(posts), progress))
        except* EngagementError as errors:
            raise errors.exceptions[0] from None

    def faults(self) -> list[str]:
        """Return a sentence for each of the first posts that disagree, and how many more do."""
        more = len(self._wrong) - _MAX_EXAMPLES
        rest = [f"and {more:,} more posts disagree"] if more > 0 else []
        return [*self._wrong[:_MAX_EXAMPLES], *rest]

    async def _work(
        self, reader: aiohttp.ClientSession, waiting: Iterator[int], total: int, progress: Progress
    ) -> None:
        for post in waiting:
            answer = await ask(reader, f"/engagement/{post}?period=all")
            if answer is None:
                self.unknown += 1
            else:
                shown = Counter({kind: int(answer[field]) for kind, field in _FIELDS.items()})
                self._compare(post, shown)
            remark = f"{len(self._wrong)} wrong" if self._wrong else ""
            progress("posts compared", self.checked + self.unknown, total, remark)

    def _compare(self, post: int, shown: Counter[str]) -> None:
        self.checked += 1
        sure, unsure = self._sure[post], self._unsure[post]
        is_too_few = any(shown[kind] < sure[kind] for kind in TYPES)
        is_too_many = any(shown[kind] > sure[kind] + unsure[kind] for kind in TYPES)
        if is_too_few or (self._is_exact and is_too_many):
            self._wrong.append(f"post {post} shows {_text(shown)}, accepted were {_text(sure)}")


def _text(counts: Counter[str]) -> str:
    return ", ".join(f"{counts[kind]} {field}" for kind, field in _FIELDS.items())
