"""Tasks side by side, of which the first that fails ends the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from schema.errors import EngagementError


@asynccontextmanager
async def side_by_side() -> AsyncIterator[asyncio.TaskGroup]:
    """Yield a task group that raises an error of the project by itself, not in a group.

    ``except*`` would do, but for Python 3.11.2, Debian's, which puts what is raised back into one.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            yield tasks
    except ExceptionGroup as errors:
        ours = errors.subgroup(EngagementError)
        raise (ours.exceptions[0] if ours else errors) from None
