"""A load: generate events, send them at a rate or as fast as they go, and add up.

At a rate the load is open: batches fall due by the clock, whether or not the service keeps
up, and latency counts from when a batch was due. A closed loop would wait with the service
and so hide how long its users wait. A target that is faster than one process gets several.
"""

import asyncio
import multiprocessing
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from functools import reduce
from itertools import islice
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from typing import Final, TypeAlias

from loadgen.events import ACCEPTED, UNKNOWN, Event, Format, Item, Mixer
from loadgen.journal import Account, Journal, Run, settle
from loadgen.ledger import Totals
from loadgen.plan import Histogram, LoadResult, Plan
from loadgen.send import Sender, Tally, Target, side_by_side
from loadgen.traffic import Facts, Traffic
from runtime.progress import Progress, silent

_DAY_US: Final = 86_400_000_000
_PROGRESS_INTERVAL_SECONDS: Final = 0.2
_BATCH_INTERVAL_SECONDS: Final = 0.05
"""Maximum seconds between the first and the last event of a batch of an open load."""

_Counters: TypeAlias = "SynchronizedArray[int]"
_answered: _Counters  # of all parts, in each process

Clock = Callable[[], int]
"""Returns now as microseconds since 1970 (UTC)."""


def wall_clock_us() -> int:
    """Return now as microseconds since 1970 (UTC)."""
    return time.time_ns() // 1000


async def run_load(  # noqa: PLR0913  (independent parameters)
    target: Target,
    plan: Plan,
    facts: Facts,
    journal: Path,
    *,
    ledger: Totals | None = None,
    progress: Progress = silent,
    clock: Clock = wall_clock_us,
) -> LoadResult:
    """Execute *plan*, and return when each event has an outcome.

    Args:
        target: where to send it.
        plan: what to send.
        facts: of the catalogue that the target's events are about.
        journal: file to which this run is appended.
        ledger: the totals before the run; `verify` compares with them.
        progress: called a few times a second with the events answered.
        clock: returns the end of a history, or the time of each live event.

    Raises:
        SetupError: the key is refused, the URL is wrong, or the catalogue is empty.
    """
    with Journal(journal, is_synced=plan.is_journal_synced) as writer:
        writer.begin(Run(plan.description, ledger))
        async with target.open_session() as session:
            sender = Sender(session, target, plan.wire, writer)
            began = time.monotonic()
            async with _reported(sender.tally, plan, progress):
                await _send_all(sender, plan, target.connections, items(plan, facts, clock))
            seconds = time.monotonic() - began
    return _result(sender.tally, seconds, settle([journal], writer.start_byte))


def items(plan: Plan, facts: Facts, clock: Clock = wall_clock_us) -> Iterator[Item]:
    """Yield the items to send in order. Live events are generated on demand."""
    traffic = Traffic(facts, plan.seed, plan.shape, part=plan.part)
    events: Iterator[Event]
    if plan.history_days is None:
        events = (traffic.live(clock()) for _ in range(plan.events))
    else:
        now_us = clock()
        events = traffic.history(plan.events, now_us - plan.history_days * _DAY_US, now_us)
    is_array = plan.wire.format is Format.JSON
    return Mixer(plan.mix, plan.seed, part=plan.part, is_array=is_array).mix(events)


async def _send_all(sender: Sender, plan: Plan, connections: int, source: Iterator[Item]) -> None:
    size = 1 if plan.wire.format is Format.SINGLE else plan.batch_events
    async with side_by_side() as tasks:
        if plan.rate is None:
            for _ in range(connections):
                tasks.create_task(_send_eagerly(sender, source, size))
        else:
            due: _Due = asyncio.Queue()
            tasks.create_task(_pace(due, source, size, plan.rate, connections))
            for _ in range(connections):
                tasks.create_task(_send_when_due(sender, due))


_Due = asyncio.Queue[tuple[float, list[Item]] | None]
"""Batches with the time.monotonic() at which they fell due; None ends a sender."""


async def _send_eagerly(sender: Sender, source: Iterator[Item], size: int) -> None:
    while batch := list(islice(source, size)):
        await sender.deliver(batch, time.monotonic())


async def _pace(
    due: _Due, source: Iterator[Item], size: int, rate: float, connections: int
) -> None:
    """Queue each batch when its last event is due, without waiting for responses."""
    began = time.monotonic()
    made = 0
    size = min(size, max(int(rate * _BATCH_INTERVAL_SECONDS), 1))
    while True:
        intended = began + (made + size) / rate
        await asyncio.sleep(max(intended - time.monotonic(), 0))
        batch = list(islice(source, size))
        if not batch:
            break
        made += len(batch)
        due.put_nowait((intended, batch))
    for _ in range(connections):
        due.put_nowait(None)


async def _send_when_due(sender: Sender, due: _Due) -> None:
    while entry := await due.get():
        intended, batch = entry
        await sender.deliver(batch, intended)


@asynccontextmanager
async def _reported(tally: Tally, plan: Plan, progress: Progress) -> AsyncIterator[None]:
    """Report the progress a few times a second, and at the end."""

    def report(total: int) -> None:
        progress(plan.step, tally.answered, max(total, tally.answered), _remark(tally))

    async def keep_telling() -> None:
        while True:
            await asyncio.sleep(_PROGRESS_INTERVAL_SECONDS)
            report(plan.expected_items)

    telling = asyncio.create_task(keep_telling())
    try:
        yield
    finally:
        telling.cancel()
    report(tally.answered)


def _remark(tally: Tally) -> str:
    refused = tally.answered - tally.outcomes[ACCEPTED] - tally.outcomes[UNKNOWN]
    counts = {"retries": tally.retries, "refused": refused, "unknown": tally.outcomes[UNKNOWN]}
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)


def _result(tally: Tally, seconds: float, account: Account) -> LoadResult:
    return LoadResult(
        sent=account.sent,
        accepted=account.accepted,
        identities=len(account.identities),
        unknown=len(account.unknown),
        refused=account.refused,
        unexpected=account.unexpected,
        requests=tally.requests,
        retries=tally.retries,
        seconds=seconds,
        latency=tally.latency,
    )


async def run_loads(  # noqa: PLR0913  (independent parameters)
    target: Target,
    plan: Plan,
    facts: Facts,
    journals: Sequence[Path],
    *,
    ledger: Totals | None = None,
    progress: Progress = silent,
) -> LoadResult:
    """Execute *plan* as ``run_load`` does, in as many processes as there are journals.

    Each opens target.connections connections, and appends to its own journal.
    """
    if len(journals) == 1:
        return await run_load(target, plan, facts, journals[0], ledger=ledger, progress=progress)
    context = multiprocessing.get_context("spawn")
    answered = context.Array("q", len(journals))
    loop = asyncio.get_running_loop()
    with ProcessPoolExecutor(len(journals), context, _initialize, (answered,)) as pool:
        parts = [
            loop.run_in_executor(pool, _run_part, target, part, facts, journal, ledger)
            for part, journal in zip(split(plan, len(journals)), journals, strict=True)
        ]
        telling = asyncio.create_task(_keep_telling(progress, plan, answered))
        try:
            results = await asyncio.gather(*parts)
        finally:
            telling.cancel()
    merged = reduce(merge, results)
    progress(plan.step, merged.sent, merged.sent, "")
    return merged


def split(plan: Plan, count: int) -> list[Plan]:
    """Return the plans of *count* processes that together do what *plan* says."""
    share, rest = divmod(plan.events, count)
    return [
        replace(
            plan,
            events=share + (part < rest),
            rate=plan.rate and plan.rate / count,
            part=part,
        )
        for part in range(count)
    ]


def merge(one: LoadResult, other: LoadResult) -> LoadResult:
    """Add up the results of two parts that ran at the same time."""
    latency = Histogram()
    latency.merge(one.latency)
    latency.merge(other.latency)
    sums = {
        each.name: getattr(one, each.name) + getattr(other, each.name)
        for each in fields(LoadResult)
        if each.name not in ("seconds", "latency")
    }
    return LoadResult(**sums, seconds=max(one.seconds, other.seconds), latency=latency)


def _initialize(answered: _Counters) -> None:
    """Keep the counters shared with the parent, in a process of the pool."""
    global _answered  # noqa: PLW0603  (a pool hands shared memory over at a process's start only)
    _answered = answered


def _run_part(
    target: Target, plan: Plan, facts: Facts, journal: Path, ledger: Totals | None
) -> LoadResult:
    def report(_step: str, done: int, _total: int, _remark: str) -> None:
        _answered[plan.part] = done

    return asyncio.run(run_load(target, plan, facts, journal, ledger=ledger, progress=report))


async def _keep_telling(progress: Progress, plan: Plan, answered: _Counters) -> None:
    while True:
        await asyncio.sleep(_PROGRESS_INTERVAL_SECONDS)
        done = sum(answered[:])
        progress(plan.step, done, max(plan.expected_items, done), "")
