"""One load shared by several processes, for targets that outrun a single one."""

import asyncio
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import reduce
from multiprocessing.sharedctypes import SynchronizedArray
from pathlib import Path
from typing import Final, TypeAlias

from loadgen.facts import Facts
from loadgen.latency import Histogram
from loadgen.ledger import Totals
from loadgen.load import run_load
from loadgen.plan import LoadResult, Plan
from loadgen.progress import Progress, silent
from loadgen.send import Target

_PROGRESS_INTERVAL_SECONDS: Final = 0.2
_Counters: TypeAlias = "SynchronizedArray[int]"
_answered: _Counters  # of all parts, in each process


async def run_loads(  # noqa: PLR0913  (each is a thing of its own)
    target: Target,
    plan: Plan,
    facts: Facts,
    journals: Sequence[Path],
    *,
    ledger: Totals | None = None,
    progress: Progress = silent,
) -> LoadResult:
    """Send what *plan* says from as many processes as there are journals.

    Arguments and errors are those of loadgen.load.run_load; each process opens
    target.connections connections, and appends to a journal of its own.
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
    return LoadResult(
        sent=one.sent + other.sent,
        accepted=one.accepted + other.accepted,
        identities=one.identities + other.identities,
        unknown=one.unknown + other.unknown,
        refused=one.refused + other.refused,
        surprises=one.surprises + other.surprises,
        requests=one.requests + other.requests,
        retries=one.retries + other.retries,
        seconds=max(one.seconds, other.seconds),
        latency=latency,
    )


def _initialize(answered: _Counters) -> None:
    """Keep the counters shared with the parent, in a process of the pool."""
    global _answered  # noqa: PLW0603  (a pool hands shared memory over at a process's start only)
    _answered = answered


def _run_part(
    target: Target, plan: Plan, facts: Facts, journal: Path, ledger: Totals | None
) -> LoadResult:
    def tell(_step: str, done: int, _total: int, _remark: str) -> None:
        _answered[plan.part] = done

    return asyncio.run(run_load(target, plan, facts, journal, ledger=ledger, progress=tell))


async def _keep_telling(progress: Progress, plan: Plan, answered: _Counters) -> None:
    while True:
        await asyncio.sleep(_PROGRESS_INTERVAL_SECONDS)
        done = sum(answered[:])
        progress(plan.step, done, max(plan.expected_items, done), "")
