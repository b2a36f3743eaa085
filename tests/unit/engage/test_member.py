"""A member of the stack: it is restarted, with a growing pause, until it is stopped."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from engage.embedded.machine import StackError
from engage.stack import member
from engage.stack.layout import MemberState
from engage.stack.member import Member
from tests.waiting import until


@dataclass
class Stub:
    """A program whose process is this one."""

    start_seconds: float = 0.0
    refusals: int = 0
    starts: list[float] = field(default_factory=list)
    stops: int = 0
    is_alive: bool = False
    is_leaving: bool = False

    @property
    def pid(self) -> int | None:
        return os.getpid() if self.is_alive else None

    async def start(self) -> None:
        self.starts.append(asyncio.get_running_loop().time())
        await asyncio.sleep(self.start_seconds)
        if self.refusals:
            self.refusals -= 1
            raise StackError("no")
        self.is_alive = True

    async def stop(self, timeout_seconds: float) -> None:
        self.stops += 1
        self.is_alive = self.is_leaving = False


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "_POLL_SECONDS", 0.001)
    monkeypatch.setattr(member, "_FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(member, "_LONGEST_PAUSE_SECONDS", 0.004)


def _member(program: Stub, on_change: Callable[[], None] = lambda: None) -> Member:
    return Member(MemberState("consumer", 0), program, on_change)


@asynccontextmanager
async def _supervised(program: Stub) -> AsyncIterator[Member]:
    supervised = _member(program)
    await supervised.start()
    task = asyncio.create_task(supervised.supervise())
    yield supervised
    await supervised.stop(1)
    await task


@pytest.mark.usefixtures("fast")
async def test_member_is_restarted_and_counted_when_it_ends() -> None:
    program, seen = Stub(), []
    supervised = _member(program, lambda: seen.append(supervised.state.process is None))
    await supervised.start()
    task = asyncio.create_task(supervised.supervise())
    program.is_alive = False
    await until(lambda: supervised.is_running)
    await supervised.stop(1)
    await task

    assert supervised.state.restarts == 1
    assert seen == [False, True, False]


@pytest.mark.usefixtures("fast")
async def test_member_is_in_a_crash_loop_until_it_keeps_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = Stub()
    async with _supervised(program) as supervised:
        while not supervised.state.is_looping:
            program.is_alive = False
            await until(lambda: supervised.is_running)
        assert supervised.state.restarts > 10

        monkeypatch.setattr(member, "_SHORT_LIFE_SECONDS", 0.01)
        await until(lambda: not supervised.state.is_looping)


@pytest.mark.usefixtures("fast")
async def test_member_is_replaced_when_another_program_stopped_it() -> None:
    program = Stub()
    async with _supervised(program):
        program.is_leaving = True
        await until(lambda: len(program.starts) == 2)
        assert program.stops == 1


@pytest.mark.usefixtures("fast")
async def test_failed_start_is_repeated() -> None:
    program = Stub()
    async with _supervised(program) as supervised:
        program.is_alive, program.refusals = False, 2
        await until(lambda: supervised.is_running and len(program.starts) == 4)
        assert program.refusals == 0


@pytest.mark.usefixtures("fast")
async def test_stop_waits_for_a_start_in_progress() -> None:
    program = Stub(start_seconds=0.05)
    supervised = _member(program)
    starting = asyncio.create_task(supervised.start())
    await until(lambda: bool(program.starts))
    starting.cancel()
    await supervised.stop(1)

    with pytest.raises(asyncio.CancelledError):
        await starting
    assert (program.stops, program.is_alive) == (1, False)


async def test_pauses_between_restarts_grow() -> None:
    program = Stub()
    async with _supervised(program):
        for starts in (2, 3, 4):
            program.is_alive = False
            await until(lambda starts=starts: len(program.starts) == starts)

    gaps = [later - earlier for earlier, later in pairwise(program.starts[1:])]
    assert gaps[1] > gaps[0] > 0.1
