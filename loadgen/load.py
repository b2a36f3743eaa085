"""A load: generate events, send them at a rate or as fast as they go, and add up.

At a rate the load is open: batches fall due by the clock, whether or not the service keeps
up, and latency counts from when a batch was due. A closed loop would wait with the service
and so hide how long its users wait.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from pathlib import Path
from typing import Final

from loadgen.account import Account, settle
from loadgen.events import Event
from loadgen.facts import Facts
from loadgen.journal import Journal, Run
from loadgen.ledger import Totals
from loadgen.mixture import Item, Mixer
from loadgen.plan import LoadResult, Plan
from loadgen.progress import Progress, silent
from loadgen.replies import ACCEPTED, UNKNOWN
from loadgen.send import Sender, Tally, Target
from loadgen.tasks import side_by_side
from loadgen.traffic import Traffic
from loadgen.wire import Format

_DAY_US: Final = 86_400_000_000
_PROGRESS_INTERVAL_SECONDS: Final = 0.2
_BATCH_INTERVAL_SECONDS: Final = 0.05
"""How much time the events of one batch of an open load may span."""

Clock = Callable[[], int]
"""Returns now as microseconds since 1970 (UTC)."""


def wall_clock_us() -> int:
    """Return now as microseconds since 1970 (UTC)."""
    return time.time_ns() // 1000


async def run_load(  # noqa: PLR0913  (each is a thing of its own)
    target: Target,
    plan: Plan,
    facts: Facts,
    journal: Path,
    *,
    ledger: Totals | None = None,
    progress: Progress = silent,
) -> LoadResult:
    """Send what *plan* says, and return when each event has an answer or is given up.

    Args:
        target: where to send it.
        plan: what to send.
        facts: of the catalogue that the target's events are about.
        journal: file to which this run is appended.
        ledger: the totals before the run; `verify` compares with them.
        progress: called a few times a second with the events answered.

    Raises:
        SetupError: the key is refused, the URL is wrong, or the catalogue is empty.
    """
    with Journal(journal, is_synced=plan.is_journal_synced) as writer:
        writer.begin(Run(plan.description, ledger))
        async with target.open_session() as session:
            sender = Sender(session, target, plan.wire, writer)
            began = time.monotonic()
            async with _reported(sender.tally, plan, progress):
                await _send_all(sender, plan, target.connections, items(plan, facts))
            seconds = time.monotonic() - began
    return _result(sender.tally, seconds, settle([journal], writer.start_byte))


def items(plan: Plan, facts: Facts, clock: Clock = wall_clock_us) -> Iterator[Item]:
    """Yield what is to be sent, in order; live events are made when they are asked for."""
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
    """Put each batch into the queue when its last event is due, never waiting for replies."""
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
    """Tell the progress a few times a second, and once at the end."""

    def tell(total: int) -> None:
        progress(plan.step, tally.answered, max(total, tally.answered), _remark(tally))

    async def keep_telling() -> None:
        while True:
            await asyncio.sleep(_PROGRESS_INTERVAL_SECONDS)
            tell(plan.expected_items)

    telling = asyncio.create_task(keep_telling())
    try:
        yield
    finally:
        telling.cancel()
    tell(tally.answered)


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
        surprises=account.surprises,
        requests=tally.requests,
        retries=tally.retries,
        seconds=seconds,
        latency=tally.latency,
    )
