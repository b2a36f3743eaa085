"""A member of the stack: a process that is started, monitored, and restarted when it ends."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

from engage.embedded.machine import StackError
from engage.embedded.processes import identify
from engage.embedded.programs import Program
from engage.stack.layout import MemberState
from runtime.logging import get_logger

_POLL_SECONDS: Final = 0.05
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0
_HEALTHY_SECONDS: Final = 10.0
_LOOP_RESTARTS: Final = 10
_LOOP_WINDOW_SECONDS: Final = 60.0
_SHORT_LIFE_SECONDS: Final = 2.0
_LEAVING_SECONDS: Final = 20.0

logger = get_logger("supervisor")


class Member:
    """A member and its current process.

    Args:
        state: its state, which is kept up to date.
        program: the program to run.
        on_change: called after each change of *state*.
    """

    def __init__(self, state: MemberState, program: Program, on_change: Callable[[], None]) -> None:
        self.state = state
        self._program = program
        self._on_change = on_change
        self._is_stopping = False
        self._changing = asyncio.Lock()
        self._started_at = 0.0
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._short_lives: deque[float] = deque(maxlen=_LOOP_RESTARTS + 1)

    @property
    def is_running(self) -> bool:
        return self._program.pid is not None

    async def start(self) -> None:
        """Start a process. Raises StackError."""
        self._started_at = time.monotonic()
        async with self._changing:
            await _shielded(self._program.start())
        pid = self._program.pid
        self.state.process = None if pid is None else identify(pid)
        self.state.began_seconds = time.time()
        self._on_change()

    async def supervise(self) -> None:
        """Restart the process whenever it ends, until ``stop`` is called."""
        while not self._is_stopping:
            if self._program.is_leaving:
                await self._stop_leaving()
            if self.is_running:
                self._record_recovery()
                await asyncio.sleep(_POLL_SECONDS)
            else:
                await self._restart()

    async def stop(self, timeout_seconds: float) -> None:
        """Stop the process, and start no other."""
        self._is_stopping = True
        # Wait for a start in progress: its process must be stopped too.
        async with self._changing:
            await self._program.stop(timeout_seconds)
        self.state.process = None

    @property
    def _lived_seconds(self) -> float:
        return time.monotonic() - self._started_at

    def _record_recovery(self) -> None:
        if self.state.is_looping and self._lived_seconds >= _SHORT_LIFE_SECONDS:
            self.state.is_looping = False
            self._on_change()
            logger.warning("recovered from crash loop", process=self.state.name)

    async def _stop_leaving(self) -> None:
        """Stop a process that is ending but waits for its clients, so that it can be restarted."""
        logger.warning("is stopping but waits for its clients: killed", process=self.state.name)
        async with self._changing:
            if not self._is_stopping:
                await _shielded(self._program.stop(_LEAVING_SECONDS))

    async def _restart(self) -> None:
        self._record_end(self._lived_seconds)
        self.state.process = None
        self._on_change()
        await asyncio.sleep(self._pause_seconds)
        self._pause_seconds = min(self._pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
        if self._is_stopping:
            return
        self.state.restarts += 1
        try:
            await self.start()
        except StackError as error:
            reason = str(error)
            logger.error("start failed", process=self.state.name, reason=reason)  # noqa: TRY400
        else:
            logger.warning("restarted", process=self.state.name, pid=self._program.pid)

    def _record_end(self, lived_seconds: float) -> None:
        """Log the end, and detect a crash loop."""
        if lived_seconds >= _HEALTHY_SECONDS:
            self._pause_seconds = _FIRST_PAUSE_SECONDS
        now = time.monotonic()
        if lived_seconds < _SHORT_LIFE_SECONDS:
            self._short_lives.append(now)
        else:
            self._short_lives.clear()
        is_often = len(self._short_lives) > _LOOP_RESTARTS
        self.state.is_looping = is_often and now - self._short_lives[0] <= _LOOP_WINDOW_SECONDS
        if self.state.is_looping:
            logger.error("crash loop: see its log", process=self.state.name)
        else:
            logger.warning("ended", process=self.state.name, lived_seconds=round(lived_seconds, 1))


async def _shielded(work: Coroutine[Any, Any, None]) -> None:
    """Await *work*, and let it finish first when cancelled."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
