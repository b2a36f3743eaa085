"""A place of the stack: what ends in it is replaced, with patience, until it is stopped."""

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise

import pytest

from engage.embedded.errors import StackError
from engage.stack import member
from engage.stack.member import Member
from engage.stack.state import MemberState


@dataclass
class Stub:
    """A program that pretends to be this process, and ends when told to."""

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
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(member, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(member, "_FIRST_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(member, "_LONGEST_PAUSE_SECONDS", 0.004)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while True:
            if holds():
                return
            await asyncio.sleep(0.001)


def _place(program: Stub, noted: Callable[[], None] = lambda: None) -> Member:
    return Member(MemberState("consumer", 0), program, noted)


@pytest.mark.usefixtures("quick")
async def test_what_ends_is_started_again_and_counted() -> None:
    program, notes = Stub(), []
    place = _place(program, lambda: notes.append(place.state.process))
    await place.start()
    keeping = asyncio.create_task(place.keep())
    program.is_alive = False
    await _until(lambda: place.is_running)
    await place.stop(1)
    await keeping

    assert place.state.restarts == 1
    assert [note is None for note in notes] == [False, True, False]


@pytest.mark.usefixtures("quick")
async def test_what_ends_at_once_again_and_again_is_called_a_loop_until_it_lives(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program = Stub()
    place = _place(program)
    await place.start()
    keeping = asyncio.create_task(place.keep())
    while not place.state.is_looping:
        program.is_alive = False
        await _until(lambda: place.is_running)
    assert place.state.restarts > 10

    monkeypatch.setattr(member, "_SHORT_LIFE_SECONDS", 0.01)
    await _until(lambda: not place.state.is_looping)
    await place.stop(1)
    await keeping


@pytest.mark.usefixtures("quick")
async def test_what_was_told_to_end_by_others_and_does_not_is_replaced() -> None:
    program = Stub()
    place = _place(program)
    await place.start()
    keeping = asyncio.create_task(place.keep())
    program.is_leaving = True

    await _until(lambda: len(program.starts) == 2)
    assert program.stops == 1
    await place.stop(1)
    await keeping


@pytest.mark.usefixtures("quick")
async def test_a_start_that_fails_is_tried_again() -> None:
    program = Stub()
    place = _place(program)
    await place.start()
    program.is_alive, program.refusals = False, 2
    keeping = asyncio.create_task(place.keep())
    await _until(lambda: place.is_running)
    await place.stop(1)
    await keeping

    assert len(program.starts) == 4


@pytest.mark.usefixtures("quick")
async def test_a_stop_waits_for_a_start_under_way_and_ends_what_it_started() -> None:
    program = Stub(start_seconds=0.05)
    place = _place(program)
    starting = asyncio.create_task(place.start())
    await _until(lambda: bool(program.starts))
    starting.cancel()
    await place.stop(1)

    with pytest.raises(asyncio.CancelledError):
        await starting
    assert (program.stops, program.is_alive) == (1, False)


async def test_pauses_grow() -> None:
    program = Stub()
    place = _place(program)
    await place.start()
    keeping = asyncio.create_task(place.keep())
    for starts in (2, 3, 4):
        program.is_alive = False
        await _until(lambda starts=starts: len(program.starts) == starts)
    await place.stop(1)
    await keeping

    gaps = [later - earlier for earlier, later in pairwise(program.starts[1:])]
    assert gaps[1] > gaps[0] > 0.1
