"""Which parts of a batch PostgreSQL refuses, found by halving. Pure."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

Unit = TypeVar("Unit")


async def find_refused(
    units: Sequence[Unit],
    refusal: Callable[[Sequence[Unit]], Awaitable[str | None]],
    limit: int,
) -> list[tuple[Unit, str]]:
    """Return the first *limit* units that are refused alone, in their order, and why.

    Among n units each refused one costs about 2 log2(n) questions; the good ones cost little.

    Args:
        units: what was refused as a whole.
        refusal: tells why these units cannot be stored, or None.
        limit: where to stop.
    """
    found: list[tuple[Unit, str]] = []
    todo = [units] if units else []
    while todo and len(found) < limit:
        part = todo.pop()
        why = await refusal(part)
        if why is None:
            continue
        if len(part) == 1:
            found.append((part[0], why))
            continue
        middle = len(part) // 2
        todo += [part[middle:], part[:middle]]
    return found
