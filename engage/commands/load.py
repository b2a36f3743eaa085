"""`engage seed`, `load` and `load verify`: create a catalogue, send traffic, verify it."""

import asyncio
import time
from pathlib import Path
from typing import Annotated, Final

import typer

from engage.stack.layout import Layout
from engage.target import find
from engage.terminal import (
    CHECK_FAILED,
    DEFAULT_DIR,
    Dir,
    DryRun,
    Output,
    OutputOption,
    print_facts,
)
from loadgen.events import Format, Mix, Wire
from loadgen.ledger import snapshot
from loadgen.load import run_loads
from loadgen.plan import Plan
from loadgen.seed import read_facts
from loadgen.seed import seed as create_catalogue
from loadgen.send import Target
from loadgen.traffic import Shape
from loadgen.verification.recompute import read_known
from loadgen.verification.verify import verify as compare
from runtime.progress import shown
from runtime.settings import TimeZoneSettings
from schema.errors import SetupError

app = typer.Typer(
    help="Send events over HTTP, and verify that each is stored.", invoke_without_command=True
)

_POSTS_COMPARED: Final = 50

Events = Annotated[int, typer.Option(min=1, help="Number of distinct valid events.")]
HistoryDays = Annotated[
    int | None,
    typer.Option(
        min=1, max=399, help="Spread the events over this many past days. Default: they happen now."
    ),
]
Rate = Annotated[
    float | None, typer.Option(min=0.001, help="Events per second. Default: as fast as possible.")
]
BatchEvents = Annotated[int, typer.Option(min=1, max=1000, help="Events per request.")]
Format_ = Annotated[
    Format, typer.Option("--format", help="Format of requests. single: one event per request.")
]
Compressed = Annotated[bool, typer.Option("--gzip", help="Compress requests.")]
Connections = Annotated[int, typer.Option(min=1, help="Connections of each process.")]
Processes = Annotated[int, typer.Option(min=1, help="Number of sending processes.")]
Duplicates = Annotated[float, typer.Option(min=0, max=1, help="Share of events sent again.")]
Invalid = Annotated[float, typer.Option(min=0, max=1, help="Share of additional invalid events.")]
Late = Annotated[float, typer.Option(min=0, max=1, help="Share of events with an earlier time.")]
UnknownPosts = Annotated[
    float, typer.Option(min=0, max=1, help="Share of events for posts not in the catalogue.")
]
Watched = Annotated[
    bool, typer.Option("--watch/--no-watch", help="Wait until all events are stored, and compare.")
]


def seed(  # noqa: PLR0913, PLR0917  (the command line's options)
    folder: Dir = DEFAULT_DIR,
    posts: Annotated[int, typer.Option(min=0, help="Number of posts.")] = 30_000,
    authors: Annotated[int, typer.Option(min=0, help="Number of authors.")] = 50,
    users: Annotated[int, typer.Option(min=0, help="Number of users.")] = 5_000,
    seed_number: Annotated[
        int, typer.Option("--seed", help="Random seed. The same seed creates the same rows.")
    ] = 42,
    is_dry_run: DryRun = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Create a catalogue of authors, posts with metadata and users.

    Existing rows stay, so that running it again changes nothing.
    """
    with shown() as progress:
        creating = create_catalogue(
            find(folder).database_url,
            authors=authors,
            posts=posts,
            users=users,
            seed=seed_number,
            zone=TimeZoneSettings.load().zone,
            progress=progress,
            is_dry_run=is_dry_run,
        )
        result = asyncio.run(creating)
    added = {
        "authors_added": result.authors,
        "posts_added": result.posts,
        "post_metadata_added": result.post_metadata,
        "users_added": result.users,
    }
    print_facts(added, output)


@app.callback()
def load(  # noqa: PLR0913, PLR0917  (the command line's options)
    context: typer.Context,
    folder: Dir = DEFAULT_DIR,
    events: Events = 10_000,
    history_days: HistoryDays = None,
    rate: Rate = None,
    batch_events: BatchEvents = 500,
    format_: Format_ = Format.JSON,
    is_compressed: Compressed = False,
    connections: Connections = 4,
    processes: Processes = 1,
    duplicates: Duplicates = 0.0,
    invalid: Invalid = 0.0,
    late: Late = 0.0,
    unknown_posts: UnknownPosts = 0.0,
    seed_number: Annotated[
        int, typer.Option("--seed", help="Random seed. The same seed creates the same events.")
    ] = 1,
    is_watched: Watched = True,
) -> None:
    """Send events over HTTP, retrying each until it has a response, and wait until all are stored.

    DIR/loads has journals of the events; `engage load verify` compares them with the database and
    the reports. Exit code 1: an event was rejected, lost or stored twice.
    """
    if context.invoked_subcommand:
        return
    plan = Plan(
        events=events,
        history_days=history_days,
        rate=rate,
        batch_events=batch_events,
        seed=seed_number,
        shape=Shape(late, unknown_posts),
        mix=Mix(duplicates, invalid),
        wire=Wire(format_, is_compressed),
    )
    journals = new_journals(folder, processes)
    is_good = asyncio.run(_send(folder, plan, connections, journals))
    is_stored = asyncio.run(_watch(folder, journals)) if is_watched else True
    if not (is_good and is_stored):
        raise typer.Exit(CHECK_FAILED)


async def _send(folder: Path, plan: Plan, connections: int, journals: list[Path]) -> bool:
    """Send the events and print the result. Return whether each got the expected response."""
    system = find(folder)
    target = Target(system.ingest_url, system.ingest_key, connections)
    facts = await read_facts(system.database_url, TimeZoneSettings.load().zone)
    before = await snapshot(system.api_url, system.read_key)
    with shown() as progress:
        result = await run_loads(target, plan, facts, journals, ledger=before, progress=progress)
    print("\n".join(result.lines()))
    return not (result.unexpected or result.unknown)


async def _watch(folder: Path, journals: list[Path]) -> bool:
    """Wait until the events of the journals are stored. Return whether all are."""
    system = find(folder)
    with shown() as progress:
        stored = await compare(
            system.api_url,
            system.read_key,
            journals,
            sample_posts=_POSTS_COMPARED,
            is_alone=False,
            progress=progress,
        )
    print("\n".join(stored.lines()))
    return stored.is_clean


@app.command()
def verify(
    folder: Dir = DEFAULT_DIR,
    posts: Annotated[
        int, typer.Option(min=0, help="Number of posts to compare. 0 compares all.")
    ] = 500,
    journals: Annotated[
        list[Path] | None,
        typer.Option(
            "--journal", help="Journal to compare. Repeatable. Default: all in DIR/loads."
        ),
    ] = None,
) -> None:
    """Compare the events of `engage load` with database and reports. Exit code 1: they differ.

    Every report is recomputed and compared number by number when the journals have all stored
    events.
    """
    system = find(folder)
    journals = journals or sorted(Layout(folder).loads.glob("*.jsonl"))
    if not journals:
        raise SetupError(f"{folder} has no journals: run `engage load --dir {folder}` first")

    known = asyncio.run(read_known(system.database_url))
    with shown() as progress:
        comparing = compare(
            system.api_url,
            system.read_key,
            journals,
            known=known,
            sample_posts=posts or None,
            progress=progress,
        )
        verification = asyncio.run(comparing)
    print("\n".join(verification.lines()))
    if not verification.is_clean:
        raise typer.Exit(CHECK_FAILED)


def new_journals(folder: Path, count: int) -> list[Path]:
    started = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    return [Layout(folder).loads / f"{started}-{part}.jsonl" for part in range(count)]
