"""The processes that are measured: started, ended, and what they use of the machine."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

from schema.settings import PREFIX

_TICK_SECONDS = 1 / os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@asynccontextmanager
async def running(*arguments: str, **settings: str) -> AsyncIterator[int]:
    """Run this Python with *arguments*, with these settings of ours, while the block runs.

    Yields:
        Its process id.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, *arguments, env=environment(**settings)
    )
    try:
        yield process.pid
    finally:
        process.terminate()
        await process.wait()


def environment(**settings: str) -> dict[str, str]:
    """Return the environment of a service with these settings."""
    return {**os.environ, **{PREFIX + name.upper(): value for name, value in settings.items()}}


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the processor time that processes have used so far."""
    ticks = 0
    for pid in pids:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(after_name[11]) + int(after_name[12])
    return ticks * _TICK_SECONDS


def rss_megabytes(pid: int) -> float:
    """Return the memory of a process that is in RAM, shared pages included."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES / 1e6
