"""`engage demo`: a stack, the catalogue of a newsroom, past and live events, and the reports."""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

import typer
from rich.console import Console

from analytics_api.report import Report, load_reports
from engage.commands.ledger import verdict
from engage.commands.stack import fetch, print_addresses, print_warnings
from engage.report_headings import heading
from engage.report_tables import print_heatmap, print_table
from engage.settings import ClientSettings
from engage.stack.launch import open_log, run_until_stopped, running
from engage.stack.layout import Layout, StackFile, StackSpec
from engage.target import Target as ReadApi
from engage.target import fetch_value
from engage.terminal import CHECK_FAILED, print_rows
from loadgen.journal import settle
from loadgen.ledger import snapshot
from loadgen.load import run_load, wall_clock_us
from loadgen.newsroom import Feed, Newsroom, feeding
from loadgen.plan import Plan
from loadgen.seed import read_facts, seed
from loadgen.send import Target
from loadgen.traffic import Facts, Traffic, to_us
from loadgen.verification.recompute import read_known
from loadgen.verification.verify import Verification, verify
from runtime.progress import Progress, shown
from runtime.settings import TimeZoneSettings
from schema.errors import EngagementError, Unavailable

_HISTORY_DAYS: Final = 90
_DAY_US: Final = 86_400_000_000
_HISTORY_EVENTS: Final = 120_000
"""Live events have the same rate: one every 20 to 60 seconds by day."""
_STORY_AFTER_SECONDS: Final = 75.0
_POSTS_COMPARED: Final = 200
_REFRESH_SECONDS: Final = 20.0
_SETTLE_SECONDS: Final = 10.0
_POLL_SECONDS: Final = 0.2
# Report and number of its rows that are shown, so that all reports fit on one screen.
_REPORTS: Final = (("top-authors", 5), ("opportunity-authors", 3), ("categories", 6), ("posts", 5))
_LEDGER_COLUMNS: Final = (
    "partition", "next_offset", "stored", "duplicates", "dead_lettered", "skipped", "in_flight",
)  # fmt: skip


@dataclass
class _Step:
    """A step under way: its progress, what it ends with, and whether it failed."""

    update: Progress
    outcome: str = ""
    is_failed: bool = False


class _Demo:
    """The demo in a folder.

    Attributes:
        faults: the checks that failed.
        is_complete: whether all of it was shown.
    """

    _stack: StackFile

    def __init__(self, folder: Path, posts: int, history: int, zone: ZoneInfo) -> None:
        self.faults: list[str] = []
        self.is_complete = False
        self._folder = folder
        self._posts, self._history, self._zone = posts, history, zone
        loads = Layout(folder).loads
        self._past_journal, self._live_journal = loads / "history.jsonl", loads / "live.jsonl"
        self._console = Console(highlight=False)

    async def run(self, *, is_once: bool) -> None:
        async with AsyncExitStack() as ended_last:
            with self._step("stack") as step:
                supervisor = await ended_last.enter_async_context(running(StackSpec(self._folder)))
                step.outcome = "Kafka, PostgreSQL and all services are ready"
            print_warnings(supervisor.warnings)
            self._stack = supervisor.stack
            feed = await ended_last.enter_async_context(self._filled())
            print(f"\ndashboard  {self._stack.api_url}/dashboard#key={self._stack.read_key}\n")
            is_verified = asyncio.Event()
            live_feed = asyncio.create_task(feed.run(is_verified, _STORY_AFTER_SECONDS))
            ended_last.push_async_callback(_cancelled, live_feed)
            await self._verify()
            is_verified.set()
            await self._report()
            self._console.print()
            print_addresses(self._stack, self._folder)
            self.is_complete = True
            if is_once:
                print(
                    "\nThe demo is complete and stops now: run `make demo` to keep these URLs open."
                )
            else:
                self._announce()
                await live_feed

    def _announce(self) -> None:
        self._console.print(
            "\nEvents continue at the rate of the past days, and a breaking story appears about a"
            " minute after the dashboard's address. Press Ctrl-C to stop."
        )

    @contextmanager
    def _step(self, name: str) -> Iterator[_Step]:
        began = time.monotonic()
        with shown(transient=True) as progress:
            step = _Step(progress)
            yield step
        seconds = time.monotonic() - began
        mark = "[red]✗[/]" if step.is_failed else "[green]✓[/]"
        self._console.print(
            f"{mark} [bold]{name:<10}[/] {step.outcome}  [dim]{seconds:.1f} s[/]",
            soft_wrap=True,
        )

    @asynccontextmanager
    async def _filled(self) -> AsyncIterator[Feed]:
        """Load catalogue and history, and yield the feed of live events after them."""
        url = self._stack.database_url
        with self._step("catalogue") as step:
            written = await seed(url, posts=self._posts, zone=self._zone, progress=step.update)
            facts = await read_facts(url, self._zone)
            step.outcome = f"{len(facts.posts):,} posts, {len(facts.user_ids):,} users"
            step.outcome += ", unchanged" if written.is_unchanged else ""
        traffic = Traffic(facts, seed=1, part=1)
        since_us = await self._send_past(facts)
        newest_us = to_us(written.catalogue.anchor)
        intensity = traffic.intensity(self._history, newest_us - _HISTORY_DAYS * _DAY_US, newest_us)
        published_us = max(post.published_us for post in facts.posts)
        newsroom = Newsroom(url, written.catalogue, traffic, intensity, since_us, published_us)
        target = Target(self._stack.ingest_url, self._stack.ingest_key)
        ledger = await snapshot(self._stack.api_url, self._stack.read_key)
        async with feeding(newsroom, target, self._live_journal, ledger) as feed:
            with self._step("live") as step:
                hours = (wall_clock_us() - since_us) / _DAY_US * 24
                count = await feed.send_due()
                step.outcome = f"{count:,} events of the last {hours:,.0f} hours, over HTTP"
            yield feed

    async def _send_past(self, facts: Facts) -> int:
        """Send the history unless it is there; return until when events are there."""
        if self._past_journal.exists():
            known = settle([self._past_journal, *self._live_journals()]).identities.values()
            if known:
                last = max(event.engaged_timestamp for event in known)
                return to_us(datetime.fromisoformat(last))
        end_us = wall_clock_us() - _DAY_US
        before = await snapshot(self._stack.api_url, self._stack.read_key)
        plan = Plan(events=self._history, history_days=_HISTORY_DAYS)
        with self._step("history") as step:
            result = await run_load(
                Target(self._stack.ingest_url, self._stack.ingest_key),
                plan,
                facts,
                self._past_journal,
                ledger=before,
                progress=step.update,
                clock=lambda: end_us,
            )
            pace = f"{result.events_per_second:,.0f} a second"
            step.outcome = f"{result.accepted:,} events of {_HISTORY_DAYS} days, over HTTP, {pace}"
        return end_us

    def _live_journals(self) -> list[Path]:
        return [self._live_journal] if self._live_journal.exists() else []

    async def _verify(self) -> None:
        with self._step("verify") as step:
            verification = await verify(
                self._stack.api_url,
                self._stack.read_key,
                [self._past_journal],
                growing=[self._live_journal],
                known=await read_known(self._stack.database_url),
                refresh=self._refresh,
                sample_posts=_POSTS_COMPARED,
                progress=step.update,
            )
            step.is_failed = not verification.is_clean
            step.outcome = self._outcome(verification)
        self.faults += verification.faults
        for fault in verification.faults:
            self._console.print(f"  {fault}", style="red", markup=False, soft_wrap=True)

    def _outcome(self, verification: Verification) -> str:
        if not verification.is_clean:
            count = len(verification.faults)
            return f"{count:,} differences; logs and journals are kept in {self._folder}"
        return (
            f"sent {verification.sent:,} = accepted {verification.identities:,}"
            f" = stored {verification.stored:,}"
            f", {sum(verification.reports.values()):,} numbers of reports recomputed"
        )

    async def _report(self) -> None:
        reports = load_reports()
        for name, count in _REPORTS:
            rows, title = await self._found(reports[name])
            self._console.print()
            if not rows:
                self.faults.append(f"the report {name} is empty")
            print_table(reports[name], rows[:count], title, self._zone)
        patterns, title = await self._found(reports["engagement-patterns"])
        if not patterns:
            self.faults.append("the report of engagement patterns is empty")
        self._console.print(f"\n{title}", style="bold")
        print_heatmap(patterns)
        await self._report_ledger()

    async def _found(self, report: Report) -> tuple[Any, str]:
        """Return the rows of a report without parameters, and its title."""
        response = await asyncio.to_thread(self._read_api().get_response, report.path)
        as_of = datetime.fromisoformat(response.headers["Data-As-Of"])
        return response.json(), heading(report, {}, self._zone, as_of)

    async def _report_ledger(self) -> None:
        ledger = await self._settled_ledger()
        rows = [{name: row[name] for name in _LEDGER_COLUMNS} for row in ledger["partitions"]]
        self._console.print()
        print_rows(rows, title="Ledger")
        self._console.print(verdict(ledger), style="bold")
        if not ledger["balanced"]:
            self.faults.append("the ledger does not balance")
        if any(row["in_flight"] != 0 for row in rows):
            self.faults.append("events are still in flight")

    async def _settled_ledger(self) -> Any:
        """Return the ledger with nothing in flight, or as it is after some seconds."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while True:
            ledger = await self._ask("/ops/ledger")
            is_settled = all(row["in_flight"] == 0 for row in ledger["partitions"])
            if is_settled or time.monotonic() > deadline:
                return ledger
            await asyncio.sleep(_POLL_SECONDS)

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

    async def _ask(self, path: str) -> Any:
        return await asyncio.to_thread(self._read_api().get, path)

    def _read_api(self) -> ReadApi:
        return ReadApi(self._folder, self._stack, ClientSettings.load())


async def _cancelled(task: "asyncio.Task[None]") -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def demo(
    folder: Annotated[
        Path | None,
        typer.Option("--dir", help="Folder of the stack. Default: a temporary folder."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Exit when all is shown.")] = False,
    posts: Annotated[int, typer.Option(min=1, help="Number of posts in the catalogue.")] = 30_000,
    history: Annotated[
        int, typer.Option(min=1, help="Events of the 90 days before; live ones have their rate.")
    ] = _HISTORY_EVENTS,
) -> None:
    """Start a stack with Kafka and PostgreSQL, fill it, and show its reports and dashboard.

    The data are of a newsroom with 18 authors and about ten posts a day. Events and posts continue
    until Ctrl-C. With --once the exit code is 0 only if nothing is in flight, the ledger
    balances and no report is empty.
    """
    fetch(StackSpec(Path.cwd() if folder is None else folder.expanduser().absolute()))
    place = folder or Path(tempfile.mkdtemp(prefix="engage-demo-"))
    Layout(place).prepare_folder()
    open_log(Layout(place).log("supervisor"), is_verbose=False)
    demonstration = _Demo(place, posts, history, TimeZoneSettings.load().zone)
    try:
        run_until_stopped(demonstration.run(is_once=once))
    except EngagementError as error:
        raise type(error)(f"{error}\n(the logs are in {place / 'logs'})") from error
    for fault in demonstration.faults:
        print(f"error: {fault}", file=sys.stderr)
    if demonstration.faults:
        print(f"the folder is kept: {place}", file=sys.stderr)
        raise typer.Exit(CHECK_FAILED)
    if folder is None:
        shutil.rmtree(place, ignore_errors=True)
    if not demonstration.is_complete:
        raise typer.Exit(130)
