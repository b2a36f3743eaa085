"""`engage seed`, `load` and `load verify`: a catalogue and traffic, as in life."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from engage.stack.layout import Layout
from engage.target import find
from engage.terminal.options import (
    CHECK_FAILED,
    DEFAULT_DIR,
    Dir,
    Output,
    OutputOption,
    failing_well,
)
from loadgen.wire import Format

if TYPE_CHECKING:
    from loadgen.plan import Plan

app = typer.Typer(
    help="Send events over HTTP, and check that each one arrived.", invoke_without_command=True
)

_POSTS_COMPARED: Final = 50

Events = Annotated[int, typer.Option(min=1, help="Distinct valid events.")]
HistoryDays = Annotated[
    int | None, typer.Option(min=1, max=399, help="Spread over these days. Unset: now.")
]
Rate = Annotated[float | None, typer.Option(min=0.001, help="Events a second. Unset: all out.")]
BatchEvents = Annotated[int, typer.Option(min=1, max=1000, help="In a request.")]
Format_ = Annotated[
    Format, typer.Option("--format", help="single: each event in a request of its own.")
]
Compressed = Annotated[bool, typer.Option("--gzip", help="Compress requests.")]
Connections = Annotated[int, typer.Option(min=1, help="At a time, in each process.")]
Processes = Annotated[int, typer.Option(min=1, help="That send.")]
Share = Annotated[float, typer.Option(min=0, max=1)]
Watched = Annotated[
    bool, typer.Option("--watch/--no-watch", help="Wait until all is stored, and compare.")
]


@failing_well
def seed(  # noqa: PLR0913, PLR0917  (the command line's options)
    folder: Dir = DEFAULT_DIR,
    posts: Annotated[int, typer.Option(min=0)] = 30_000,
    authors: Annotated[int, typer.Option(min=0)] = 50,
    users: Annotated[int, typer.Option(min=0)] = 5_000,
    seed_number: Annotated[int, typer.Option("--seed", help="Same seed, same rows.")] = 42,
    output: OutputOption = Output.TABLE,
) -> None:
    """Write what is missing of the catalogue: authors, posts with metadata, users.

    Rows that are there stay, so that running it again changes nothing.
    """
    from engage.terminal.output import print_facts
    from loadgen.progress import shown
    from loadgen.seed import seed as write

    with shown() as progress:
        result = asyncio.run(
            write(
                find(folder).database_url,
                authors=authors,
                posts=posts,
                users=users,
                seed=seed_number,
                progress=progress,
            )
        )
    added = {
        "authors_added": result.authors,
        "posts_added": result.posts,
        "post_metadata_added": result.post_metadata,
        "users_added": result.users,
    }
    print_facts(added, output)


@app.callback()
@failing_well
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
    duplicates: Share = 0.0,
    invalid: Share = 0.0,
    late: Share = 0.0,
    unknown_posts: Share = 0.0,
    seed_number: Annotated[int, typer.Option("--seed")] = 1,
    is_watched: Watched = True,
) -> None:
    """Send events over HTTP, each until it has an answer, and see them stored.

    What was sent is noted in DIR/loads; `engage load verify` compares all of it with what is
    stored and shown. Exit code 1: something was refused, lost or stored twice.
    """
    if context.invoked_subcommand:
        return
    from loadgen.mixture import Mix
    from loadgen.plan import Plan
    from loadgen.traffic import Shape
    from loadgen.wire import Wire

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


async def _send(folder: Path, plan: "Plan", connections: int, journals: list[Path]) -> bool:
    """Send, and print what came of it; whether each event got the answer it should get."""
    from loadgen.ledger import snapshot
    from loadgen.parallel import run_loads
    from loadgen.progress import shown
    from loadgen.seed import read_facts
    from loadgen.send import Target
    from loadgen.summary import load_lines

    system = find(folder)
    target = Target(system.ingest_url, system.ingest_key, connections)
    facts = await read_facts(system.database_url)
    before = await snapshot(system.api_url, system.read_key)
    with shown() as progress:
        result = await run_loads(target, plan, facts, journals, ledger=before, progress=progress)
    print("\n".join(load_lines(result)))
    return not (result.surprises or result.unknown)


async def _watch(folder: Path, journals: list[Path]) -> bool:
    """Wait until what the journals tell is stored, and print it; whether it is all there."""
    from loadgen.progress import shown
    from loadgen.summary import verification_lines
    from loadgen.verification.verify import verify as compare

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
    print("\n".join(verification_lines(stored)))
    return stored.is_clean


@app.command()
@failing_well
def verify(
    folder: Dir = DEFAULT_DIR,
    posts: Annotated[int, typer.Option(min=0, help="How many to compare; 0: each one.")] = 500,
    journals: Annotated[
        list[Path] | None, typer.Option("--journal", help="Default: all of DIR/loads.")
    ] = None,
) -> None:
    """Compare what `engage load` sent with what is stored and shown. Exit code 1: they differ.

    Every report is recomputed from the notes and compared number by number, if they tell all
    that is stored.
    """
    from loadgen.progress import shown
    from loadgen.summary import verification_lines
    from loadgen.verification.known import read_known
    from loadgen.verification.verify import Verification
    from loadgen.verification.verify import verify as compare
    from schema.errors import SetupError

    system = find(folder)
    journals = journals or sorted(Layout(folder).loads.glob("*.jsonl"))
    if not journals:
        raise SetupError(f"nothing was sent by `engage load --dir {folder}` yet")

    async def run() -> Verification:
        with shown() as progress:
            return await compare(
                system.api_url,
                system.read_key,
                journals,
                known=await read_known(system.database_url),
                sample_posts=posts or None,
                progress=progress,
            )

    verification = asyncio.run(run())
    print("\n".join(verification_lines(verification)))
    if not verification.is_clean:
        raise typer.Exit(CHECK_FAILED)


def new_journals(folder: Path, count: int) -> list[Path]:
    """Return where the senders of a new load note what they send."""
    started = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    return [Layout(folder).loads / f"{started}-{part}.jsonl" for part in range(count)]
