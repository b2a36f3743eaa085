"""Waiting for conditions."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any


async def until(
    condition: Callable[[], Awaitable[Any] | Any], *, within_seconds: float = 20.0
) -> None:
    """Wait until the condition is true; fail after *within_seconds*."""
    timeout_at = time.monotonic() + within_seconds
    while True:
        result = condition()
        if await result if inspect.isawaitable(result) else result:
            return
        assert time.monotonic() < timeout_at, "timed out waiting for the condition"
        await asyncio.sleep(0.02)
