"""Whole stacks, as `engage up` makes them, and what the command line does to them."""

import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engage.stack.layout import Layout, StackFile


async def engage(*arguments: str) -> None:
    """Run a command of ours.

    Raises:
        RuntimeError: it failed; the message is what it wrote.
    """
    process = await start(*arguments)
    _, said = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"engage {' '.join(arguments)}: {said.decode()}")


async def start(*arguments: str) -> asyncio.subprocess.Process:
    """Start a command of ours."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "engage", *arguments),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"NO_COLOR": "1"},
    )


@asynccontextmanager
async def stack(*options: str) -> AsyncIterator[tuple[str, StackFile]]:
    """Run a stack with the sample catalogue while the block runs.

    Yields:
        Its folder and its stack.json.
    """
    with tempfile.TemporaryDirectory(prefix="engage-bench-") as folder:
        where = ("--dir", folder)
        try:
            await up(folder, *options)
            await engage("seed", *where)
            yield folder, StackFile.read(Layout(Path(folder)).stack_file)
        finally:
            await engage("down", *where, "--wipe")


async def up(folder: str, *options: str) -> None:
    """Start a stack on free ports; it is ready when this returns."""
    free = ("--ingest-port", "0", "--api-port", "0")
    await engage("up", "--detach", "--dir", folder, *free, *options)
