"""One place of the stack: a process is started in it, watched, and replaced when it ends."""

import asyncio
import subprocess
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from engage.embedded.errors import StackError
from engage.embedded.processes import identify, spawn, stop_child
from engage.stack.state import MemberState
from schema.telemetry import get_logger

_LOOK_SECONDS: Final = 0.05
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 5.0
_HEALTHY_SECONDS: Final = 10.0
_LOOP_RESTARTS: Final = 10
_LOOP_WINDOW_SECONDS: Final = 60.0
_SHORT_LIFE_SECONDS: Final = 2.0
_LEAVING_SECONDS: Final = 20.0

logger = get_logger("supervisor")


class Program(Protocol):
    """What can be started in a place, as often as needed."""

    @property
    def pid(self) -> int | None:
        """The running process, or None."""

    @property
    def is_leaving(self) -> bool:
        """Whether it was told to end, not by us, and waits for others without a bound."""

    async def start(self) -> None:
        """Start a process. Raises StackError with the reason and the fix."""

    async def stop(self, timeout_seconds: float) -> None:
        """End it in its own way; it is killed when it takes longer."""


@dataclass
class Service:
    """A program of ours: one module, configured by its environment."""

    command: Sequence[str]
    environment: Mapping[str, str]
    folder: Path
    log_path: Path
    descriptors: Sequence[int] = ()
    _child: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The running process, or None."""
        return self._child.pid if self._child and self._child.poll() is None else None

    @property
    def is_leaving(self) -> bool:
        """False: it ends within its bound."""
        return False

    async def start(self) -> None:
        """Start the module's process; it gets ready by itself."""
        self._child = spawn(
            self.command,
            log_path=self.log_path,
            folder=self.folder,
            environment=self.environment,
            inherited_descriptors=self.descriptors,
        )

    async def stop(self, timeout_seconds: float) -> None:
        """SIGTERM, and SIGKILL after the timeout."""
        if self._child is not None:
            await asyncio.to_thread(stop_child, self._child, grace_seconds=timeout_seconds)


class Member:
    """A place and its present process.

    Args:
        state: what is written down about it; kept up to date.
        program: what runs in it.
        noted: called after each change of *state*.
    """

    def __init__(self, state: MemberState, program: Program, noted: Callable[[], None]) -> None:
        self.state = state
        self._program = program
        self._noted = noted
        self._is_stopping = False
        self._changing = asyncio.Lock()
        self._started_at = 0.0
        self._pause_seconds = _FIRST_PAUSE_SECONDS
        self._short_lives: deque[float] = deque(maxlen=_LOOP_RESTARTS + 1)

    @property
    def is_running(self) -> bool:
        """Whether its process lives."""
        return self._program.pid is not None

    async def start(self) -> None:
        """Start a process. Raises StackError."""
        self._started_at = time.monotonic()
        async with self._changing:
            await _to_its_end(self._program.start())
        pid = self._program.pid
        self.state.process = None if pid is None else identify(pid)
        self.state.began_seconds = time.time()
        self._noted()

    async def keep(self) -> None:
        """Replace the process whenever it ends, until ``stop`` is called."""
        while not self._is_stopping:
            if self._program.is_leaving:
                await self._see_off()
            if self.is_running:
                self._note_recovery()
                await asyncio.sleep(_LOOK_SECONDS)
            else:
                await self._replace()

    async def stop(self, timeout_seconds: float) -> None:
        """End the process, and do not start another one."""
        self._is_stopping = True
        # A start under way is waited for: what it starts must be ended too.
        async with self._changing:
            await self._program.stop(timeout_seconds)
        self.state.process = None

    @property
    def _lived_seconds(self) -> float:
        return time.monotonic() - self._started_at

    def _note_recovery(self) -> None:
        if self.state.is_looping and self._lived_seconds >= _SHORT_LIFE_SECONDS:
            self.state.is_looping = False
            self._noted()
            logger.warning("lives again", process=self.state.name)

    async def _see_off(self) -> None:
        """End a process that is neither of use nor gone, so that it can be replaced."""
        logger.warning("was told to end; its clients hold it up", process=self.state.name)
        async with self._changing:
            if not self._is_stopping:
                await _to_its_end(self._program.stop(_LEAVING_SECONDS))

    async def _replace(self) -> None:
        self._judge(self._lived_seconds)
        self.state.process = None
        self._noted()
        await asyncio.sleep(self._pause_seconds)
        self._pause_seconds = min(self._pause_seconds * 2, _LONGEST_PAUSE_SECONDS)
        if self._is_stopping:
            return
        self.state.restarts += 1
        try:
            await self.start()
        except StackError as error:
            reason = str(error)
            logger.error("cannot be started", process=self.state.name, reason=reason)  # noqa: TRY400
        else:
            logger.warning("started again", process=self.state.name, pid=self._program.pid)

    def _judge(self, lived_seconds: float) -> None:
        """Log the end; tell a process that cannot live from one that was killed."""
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
            logger.error("ends as soon as it is started: see its log", process=self.state.name)
        else:
            logger.warning("ended", process=self.state.name, lived_seconds=round(lived_seconds, 1))


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Await *work*; when cancelled meanwhile, let it end first."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise
