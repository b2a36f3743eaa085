"""The demo: a stack, a catalogue, a past, a present, and what the reports make of them."""

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from engage.client import get_json
from engage.commands.ledger import verdict
from engage.commands.stack import print_addresses
from engage.database import fetch_value
from engage.stack.launch import run_until_stopped, running
from engage.stack.layout import Layout, StackFile, StackSpec
from engage.stack.logs import open_log
from engage.terminal.heatmap import print_heatmap
from engage.terminal.output import print_rows
from engage.terminal.report_tables import for_people
from engage.terminal.steps import Steps
from loadgen.facts import Facts
from loadgen.ledger import snapshot
from loadgen.load import run_load
from loadgen.plan import Plan
from loadgen.seed import read_facts, seed
from loadgen.send import Target
from loadgen.verification.known import read_known
from loadgen.verification.verify import verify
from schema.errors import EngagementError, Unavailable

_HISTORY_DAYS: Final = 90
# Not much more than the past had at these hours: else all there is to see is that all rises.
_LIVE_PER_SECOND: Final = 200
_TRICKLE_PER_SECOND: Final = 0.25
_ENDLESS: Final = 2**31
_POSTS_COMPARED: Final = 200
_REFRESH_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 0.2
# Title, name, path, and how many rows of it fit a screen that shows them all.
_REPORTS: Final = (
    ("Best authors of the last 3 months", "top-authors", "/analytics/top-authors", 5),
    ("Much work, little engagement", "opportunity-authors", "/analytics/opportunity-authors", 3),
    ("Categories", "categories", "/categories/top", 6),
    ("Posts", "posts", "/sample/posts", 5),
)
_LEDGER_COLUMNS: Final = (
    "partition", "next_offset", "stored", "duplicates", "dead_lettered", "skipped", "in_flight",
)  # fmt: skip


@dataclass(frozen=True)
class Sizes:
    """How much of everything."""

    posts: int
    history: int
    live: int


@dataclass
class Outcome:
    """What came of the demo; *is_complete*: all of it was shown."""

    is_complete: bool = False
    faults: list[str] = field(default_factory=list)


def run(folder: Path | None, sizes: Sizes, *, is_once: bool) -> Outcome:
    """Run the demo and end its stack; a folder of its own is deleted unless something failed.

    Raises:
        EngagementError: something could not be started or reached.
    """
    place = folder or Path(tempfile.mkdtemp(prefix="engage-demo-"))
    outcome = Outcome()
    open_log(Layout(place).log("supervisor"), speaks=False)
    try:
        run_until_stopped(_Demo(place, sizes, outcome).run(is_once=is_once))
    except EngagementError as error:
        raise type(error)(f"{error}\n(the logs are in {place / 'logs'})") from error
    if folder is None and not outcome.faults:
        shutil.rmtree(place, ignore_errors=True)
    return outcome


class _Demo:
    """One run; each method is a part of it."""

    def __init__(self, folder: Path, sizes: Sizes, outcome: Outcome) -> None:
        self._folder = folder
        self._sizes = sizes
        self._outcome = outcome
        self._journals = Layout(folder).loads
        self._journal = self._journals / "demo.jsonl"
        self._console = Console(highlight=False)
        self._steps = Steps(self._console)

    async def run(self, *, is_once: bool) -> None:
        """Start the stack, show everything, end the stack."""
        async with AsyncExitStack() as ended_last:
            with self._steps.step("stack") as step:
                supervisor = await ended_last.enter_async_context(running(StackSpec(self._folder)))
                step.told = "Kafka, PostgreSQL and all services are ready"
            stack = supervisor.stack
            await self._fill(stack)
            await self._report(stack)
            self._console.print()
            print_addresses(stack, self._folder)
            self._outcome.is_complete = True
            if not is_once:
                await self._trickle(stack)

    async def _fill(self, stack: StackFile) -> None:
        with self._steps.step("catalogue") as step:
            written = await seed(stack.database_url, posts=self._sizes.posts, progress=step.update)
            facts = await read_facts(stack.database_url)
            step.told = f"{len(facts.posts):,} posts, {len(facts.user_ids):,} users"
            step.told += ", all there already" if written.is_unchanged else ""
        history = Plan(events=self._sizes.history, history_days=_HISTORY_DAYS)
        await self._send("history", stack, facts, history, f"of the last {_HISTORY_DAYS} days")
        live = Plan(events=self._sizes.live, rate=_LIVE_PER_SECOND, batch_events=10, part=1)
        await self._send("live", stack, facts, live, "as they happen")
        with self._steps.step("verify") as step:
            verification = await verify(
                stack.api_url,
                stack.read_key,
                [self._journal],
                known=await read_known(stack.database_url),
                refresh=lambda: self._refresh(stack),
                sample_posts=_POSTS_COMPARED,
                progress=step.update,
            )
            step.told = (
                f"sent {verification.sent:,} = accepted {verification.identities:,}"
                f" = stored {verification.stored:,}"
                f", {sum(verification.reports.values()):,} numbers of reports recomputed"
            )
        self._outcome.faults += verification.faults

    async def _send(
        self, name: str, stack: StackFile, facts: Facts, plan: Plan, remark: str
    ) -> None:
        before = await snapshot(stack.api_url, stack.read_key)
        with self._steps.step(name) as step:
            result = await run_load(
                Target(stack.ingest_url, stack.ingest_key),
                plan,
                facts,
                self._journal,
                ledger=before,
                progress=step.update,
            )
            pace = f"{result.events_per_second:,.0f} a second"
            step.told = f"{result.accepted:,} events {remark}, over HTTP, {pace}"

    async def _report(self, stack: StackFile) -> None:
        await self._refresh(stack)
        for title, name, path, shown in _REPORTS:
            self._print(title, for_people(name, await self._ask(stack, path))[:shown])
        await self._report_patterns(stack)
        ledger = await self._ask(stack, "/ops/ledger")
        rows = _only(_LEDGER_COLUMNS, ledger["partitions"])
        self._print("Ledger", rows)
        self._console.print(verdict(ledger), style="bold")
        if not ledger["balanced"]:
            self._outcome.faults.append("the ledger does not balance")
        if any(row["in_flight"] != 0 for row in rows):
            self._outcome.faults.append("events are still in flight")

    async def _report_patterns(self, stack: StackFile) -> None:
        patterns = await self._ask(stack, "/analytics/engagement-patterns")
        if not patterns:
            self._outcome.faults.append("the report of engagement patterns is empty")
        self._console.print("\nWhen engagement is high (the darker, the more)", style="bold")
        print_heatmap(patterns)

    async def _refresh(self, stack: StackFile) -> None:
        """Bring the reports' view up to date, which is done on a schedule otherwise."""
        async with asyncio.timeout(_REFRESH_SECONDS):
            await _until(lambda: self._refreshed(stack))
            # The API follows the view's version.
            await _until(lambda: self._shows_engagements(stack))

    async def _refreshed(self, stack: StackFile) -> bool:
        return bool(await fetch_value(stack.database_url, "refresh_now") != "busy")

    async def _shows_engagements(self, stack: StackFile) -> bool:
        try:
            categories = await self._ask(stack, "/categories/top")
        except Unavailable:
            return False
        return any(category["total_engagements"] for category in categories)

    def _print(self, title: str, rows: list[dict[str, Any]]) -> None:
        if not rows:
            self._outcome.faults.append(f"the report {title} is empty")
        self._console.print()
        print_rows(rows, title=title)

    async def _ask(self, stack: StackFile, path: str) -> Any:
        return await asyncio.to_thread(get_json, stack.api_url, path, stack.read_key)

    async def _trickle(self, stack: StackFile) -> None:
        """Send an event now and then until the demo is ended, so that the page moves."""
        print(
            f"\n{60 * _TRICKLE_PER_SECOND:g} events a minute keep coming. Ctrl-C ends everything."
        )
        plan = Plan(events=_ENDLESS, rate=_TRICKLE_PER_SECOND, batch_events=1, part=2)
        target = Target(stack.ingest_url, stack.ingest_key)
        facts = await read_facts(stack.database_url)
        await run_load(target, plan, facts, self._journals / "trickle.jsonl")


def _only(columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{name: row[name] for name in columns} for row in rows]


async def _until(holds: Callable[[], Awaitable[bool]]) -> None:
    while True:
        if await holds():
            return
        await asyncio.sleep(_LOOK_SECONDS)
