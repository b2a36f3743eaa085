"""``python -m loadgen``: seed, load and verify any target, from any machine, by URL alone."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from loadgen.ledger import snapshot
from loadgen.mixture import Mix
from loadgen.parallel import run_loads
from loadgen.plan import LoadResult, Plan
from loadgen.progress import shown
from loadgen.seed import read_facts, seed
from loadgen.send import Target
from loadgen.summary import load_lines, verification_lines
from loadgen.traffic import Shape
from loadgen.verify import verify
from loadgen.wire import Format, Wire
from schema.errors import SetupError, Unavailable

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
_Result = TypeVar("_Result")

DatabaseUrl = Annotated[str, typer.Option(envvar="ENGAGE_DATABASE_URL")]
IngestUrl = Annotated[str, typer.Option(help="Without a path.")]
IngestKey = Annotated[str | None, typer.Option(envvar="ENGAGE_INGEST_KEY")]
ApiUrl = Annotated[str, typer.Option(help="Without a path.")]
ReadKey = Annotated[str | None, typer.Option(envvar="ENGAGE_READ_KEY")]
JournalFile = Annotated[Path, typer.Option(help="What was sent, and how it was answered.")]
Share = Annotated[float, typer.Option(min=0, max=1)]


@app.command("seed")
def seed_command(
    database_url: DatabaseUrl,
    authors: int = 50,
    posts: int = 30_000,
    users: int = 5_000,
    seed_number: Annotated[int, typer.Option("--seed")] = 42,
) -> None:
    """Write what is missing of the catalogue."""
    with shown() as progress:
        result = _run(
            seed(
                database_url,
                authors=authors,
                posts=posts,
                users=users,
                seed=seed_number,
                progress=progress,
            )
        )
    typer.echo(f"added {result.authors:,} authors, {result.posts:,} posts, {result.users:,} users")


@app.command("load")
def load_command(  # noqa: PLR0913, PLR0917  (options)
    database_url: DatabaseUrl,
    ingest_url: IngestUrl,
    api_url: ApiUrl,
    journal: JournalFile,
    ingest_key: IngestKey = None,
    read_key: ReadKey = None,
    events: int = 10_000,
    history_days: Annotated[int | None, typer.Option(help="Unset: live events.")] = None,
    rate: Annotated[float | None, typer.Option(help="Events a second; unset: all out.")] = None,
    batch_events: int = 500,
    connections: Annotated[int, typer.Option(help="Of each process.")] = 4,
    processes: Annotated[int, typer.Option(min=1, help="Each has a journal.")] = 1,
    format_: Annotated[Format, typer.Option("--format")] = Format.JSON,
    is_compressed: Annotated[bool, typer.Option("--gzip")] = False,
    seed_number: Annotated[int, typer.Option("--seed")] = 1,
    duplicates: Share = 0.0,
    invalid: Share = 0.0,
    late: Share = 0.0,
    unknown_posts: Share = 0.0,
) -> None:
    """Send events, at a rate or as fast as they are answered."""
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
    numbered = [journal.with_stem(f"{journal.stem}-{part}") for part in range(processes)]
    journals = numbered if processes > 1 else [journal]
    target = Target(ingest_url, ingest_key, connections)

    async def load() -> LoadResult:
        facts = await read_facts(database_url)
        before = await snapshot(api_url, read_key)
        with shown() as progress:
            return await run_loads(target, plan, facts, journals, ledger=before, progress=progress)

    result = _run(load())
    typer.echo("\n".join(load_lines(result)))
    raise typer.Exit(1 if result.surprises or result.unknown else 0)


@app.command("verify")
def verify_command(
    api_url: ApiUrl,
    journals: list[Path],
    read_key: ReadKey = None,
    sample_posts: Annotated[int, typer.Option(help="0: all of them.")] = 500,
) -> None:
    """Compare what was sent with what is stored."""
    with shown() as progress:
        verification = _run(
            verify(
                api_url, read_key, journals, sample_posts=sample_posts or None, progress=progress
            )
        )
    typer.echo("\n".join(verification_lines(verification)))
    raise typer.Exit(0 if verification.is_clean else 1)


def _run(work: Coroutine[Any, Any, _Result]) -> _Result:
    try:
        return asyncio.run(work)
    except SetupError as error:
        typer.echo(error, err=True)
        raise typer.Exit(2) from None
    except Unavailable as error:
        typer.echo(error, err=True)
        raise typer.Exit(3) from None


if __name__ == "__main__":
    sys.exit(app())
