"""`engage demo`: a stack, a catalogue, past and live events, and the reports about them."""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from analytics_api.report import load_reports
from engage.commands.ledger import verdict
from engage.commands.stack import fetch, print_addresses
from engage.report_tables import print_heatmap, table_of
from engage.stack.launch import open_log, run_until_stopped, running
from engage.stack.layout import Layout, StackFile, StackSpec
from engage.target import fetch_value, find
from engage.terminal import CHECK_FAILED, print_rows
from loadgen.ledger import snapshot
from loadgen.load import run_load
from loadgen.plan import Plan
from loadgen.seed import read_facts, seed
from loadgen.send import Target
from loadgen.traffic import Facts
from loadgen.verification.recompute import read_known
from loadgen.verification.verify import verify
from runtime.progress import Progress, shown
from schema.errors import EngagementError, Unavailable

_HISTORY_DAYS: Final = 90
# Close to the rate of the past at these hours: otherwise every report only shows a rise.
_LIVE_PER_SECOND: Final = 200
_TRICKLE_PER_SECOND: Final = 0.25
_ENDLESS: Final = 2**31
_POSTS_COMPARED: Final = 200
_REFRESH_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.2
# Title, name, path, and the number of rows shown, so that all reports fit on one screen.
_REPORTS: Final = (
    ("Best authors of the last 3 months", "top-authors", "/analytics/top-authors", 5),
    ("High volume, low engagement", "opportunity-authors", "/analytics/opportunity-authors", 3),
    ("Categories", "categories", "/categories/top", 6),
    ("Posts", "posts", "/sample/posts", 5),
)
_LEDGER_COLUMNS: Final = (
    "partition", "next_offset", "stored", "duplicates", "dead_lettered", "skipped", "in_flight",
)  # fmt: skip


@dataclass
class _Step:
    """A step under way: its progress, and what it ends with."""

    update: Progress
    outcome: str = ""


class _Demo:
    """The demo in a folder.

    Attributes:
        faults: the checks that failed.
        is_complete: whether all of it was shown.
    """

    _stack: StackFile

    def __init__(self, folder: Path, posts: int, history: int, live: int) -> None:
        self.faults: list[str] = []
        self.is_complete = False
        self._folder = folder
        self._posts, self._history, self._live = posts, history, live
        self._journals = Layout(folder).loads
        self._journal = self._journals / "demo.jsonl"
        self._console = Console(highlight=False)

    async def run(self, *, is_once: bool) -> None:
        async with AsyncExitStack() as ended_last:
            with self._step("stack") as step:
                supervisor = await ended_last.enter_async_context(running(StackSpec(self._folder)))
                step.outcome = "Kafka, PostgreSQL and all services are ready"
            self._stack = supervisor.stack
            await self._fill()
            await self._report()
            self._console.print()
            print_addresses(self._stack, self._folder)
            self.is_complete = True
            if is_once:
                print(
                    "\nThe demo is complete and stops now: run `make demo` to keep these URLs open."
                )
            else:
                await self._trickle()

    @contextmanager
    def _step(self, name: str) -> Iterator[_Step]:
        began = time.monotonic()
        with shown(transient=True) as progress:
            step = _Step(progress)
            yield step
        seconds = time.monotonic() - began
        self._console.print(
            f"[green]✓[/] [bold]{name:<10}[/] {step.outcome}  [dim]{seconds:.1f} s[/]",
            soft_wrap=True,
        )

    async def _fill(self) -> None:
        with self._step("catalogue") as step:
            written = await seed(self._stack.database_url, posts=self._posts, progress=step.update)
            facts = await read_facts(self._stack.database_url)
            step.outcome = f"{len(facts.posts):,} posts, {len(facts.user_ids):,} users"
            step.outcome += ", unchanged" if written.is_unchanged else ""
        history = Plan(events=self._history, history_days=_HISTORY_DAYS)
        await self._send("history", facts, history, f"of the last {_HISTORY_DAYS} days")
        live = Plan(events=self._live, rate=_LIVE_PER_SECOND, batch_events=10, part=1)
        await self._send("live", facts, live, "live")
        with self._step("verify") as step:
            verification = await verify(
                self._stack.api_url,
                self._stack.read_key,
                [self._journal],
                known=await read_known(self._stack.database_url),
                refresh=self._refresh,
                sample_posts=_POSTS_COMPARED,
                progress=step.update,
            )
            step.outcome = (
                f"sent {verification.sent:,} = accepted {verification.identities:,}"
                f" = stored {verification.stored:,}"
                f", {sum(verification.reports.values()):,} numbers of reports recomputed"
            )
        self.faults += verification.faults

    async def _send(self, name: str, facts: Facts, plan: Plan, remark: str) -> None:
        before = await snapshot(self._stack.api_url, self._stack.read_key)
        with self._step(name) as step:
            result = await run_load(
                Target(self._stack.ingest_url, self._stack.ingest_key),
                plan,
                facts,
                self._journal,
                ledger=before,
                progress=step.update,
            )
            pace = f"{result.events_per_second:,.0f} a second"
            step.outcome = f"{result.accepted:,} events {remark}, over HTTP, {pace}"

    async def _report(self) -> None:
        await self._refresh()
        reports = load_reports()
        for title, name, path, count in _REPORTS:
            rows = table_of(reports[name].columns, await self._ask(path))
            self._print(title, rows[:count])
        await self._report_patterns()
        ledger = await self._ask("/ops/ledger")
        rows = [{name: row[name] for name in _LEDGER_COLUMNS} for row in ledger["partitions"]]
        self._print("Ledger", rows)
        self._console.print(verdict(ledger), style="bold")
        if not ledger["balanced"]:
            self.faults.append("the ledger does not balance")
        if any(row["in_flight"] != 0 for row in rows):
            self.faults.append("events are still in flight")

    async def _report_patterns(self) -> None:
        patterns = await self._ask("/analytics/engagement-patterns")
        if not patterns:
            self.faults.append("the report of engagement patterns is empty")
        self._console.print("\nWhen engagement is high (the darker, the more)", style="bold")
        print_heatmap(patterns)

    async def _refresh(self) -> None:
        """Refresh the stats view, as the refresher does on a schedule."""
        async with asyncio.timeout(_REFRESH_SECONDS):
            url = self._stack.database_url
            while await fetch_value(url, "refresh_stats_view") == "busy":  # noqa: ASYNC110
                await asyncio.sleep(_POLL_SECONDS)
            # The API polls the version of the view.
            while not await self._shows_engagements():  # noqa: ASYNC110
                await asyncio.sleep(_POLL_SECONDS)

    async def _shows_engagements(self) -> bool:
        try:
            categories = await self._ask("/categories/top")
        except Unavailable:
            return False
        return any(category["total_engagements"] for category in categories)

    def _print(self, title: str, rows: list[dict[str, Any]]) -> None:
        if not rows:
            self.faults.append(f"the report {title} is empty")
        self._console.print()
        print_rows(rows, title=title)

    async def _ask(self, path: str) -> Any:
        return await asyncio.to_thread(find(self._folder).get, path)

    async def _trickle(self) -> None:
        """Send events slowly until the demo ends, so that the dashboard changes."""
        print(f"\nSending {60 * _TRICKLE_PER_SECOND:g} events a minute. Press Ctrl-C to stop.")
        plan = Plan(events=_ENDLESS, rate=_TRICKLE_PER_SECOND, batch_events=1, part=2)
        target = Target(self._stack.ingest_url, self._stack.ingest_key)
        facts = await read_facts(self._stack.database_url)
        await run_load(target, plan, facts, self._journals / "trickle.jsonl")


def demo(
    folder: Annotated[
        Path | None,
        typer.Option("--dir", help="Folder of the stack. Default: a temporary folder."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Exit when all is shown.")] = False,
    posts: Annotated[int, typer.Option(min=1, help="Number of posts in the catalogue.")] = 30_000,
    history: Annotated[int, typer.Option(min=1, help="Number of past events.")] = 60_000,
    live: Annotated[int, typer.Option(min=1, help="Number of live events.")] = 200,
) -> None:
    """Start a stack with Kafka and PostgreSQL, fill it, and show its reports and dashboard.

    With --once the exit code is 0 only if nothing is in flight, the ledger balances and no report
    is empty.
    """
    fetch(StackSpec(Path.cwd() if folder is None else folder.expanduser().absolute()))
    place = folder or Path(tempfile.mkdtemp(prefix="engage-demo-"))
    Layout(place).prepare_folder()
    open_log(Layout(place).log("supervisor"), speaks=False)
    demonstration = _Demo(place, posts, history, live)
    try:
        run_until_stopped(demonstration.run(is_once=once))
    except EngagementError as error:
        raise type(error)(f"{error}\n(the logs are in {place / 'logs'})") from error
    for fault in demonstration.faults:
        print(f"error: {fault}", file=sys.stderr)
    if demonstration.faults:
        raise typer.Exit(CHECK_FAILED)
    if folder is None:
        shutil.rmtree(place, ignore_errors=True)
    if not demonstration.is_complete:
        raise typer.Exit(130)
