"""`engage archive`: days that expired into files, and their way back."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import typer

from engage.target import find
from engage.terminal.options import (
    CHECK_FAILED,
    DEFAULT_DIR,
    Dir,
    Output,
    OutputOption,
    failing_well,
)

app = typer.Typer(
    name="archive",
    help="Days past retention that went to Parquet files: see docs/archive.md.",
    no_args_is_help=True,
)

Place = Annotated[
    str,
    typer.Option(
        "--archive",
        envvar="ENGAGE_ARCHIVE_URL",
        help="The folder or object store, as the refresher has it.",
    ),
]
Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="A UTC day.")]


@app.command("list")
@failing_well
def list_days(folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """List the files, their events, and which of them came back until when."""
    from engage.database import fetch
    from engage.terminal.output import print_rows

    found = asyncio.run(
        fetch(
            find(folder).database_url,
            "archived_days",
            first=date(2000, 1, 1),
            last=date(9999, 12, 31),
        )
    )
    hidden = {"sha256", "next_sha256"}
    print_rows([{k: v for k, v in row.items() if k not in hidden} for row in found], output)


@app.command()
@failing_well
def check(place: Place, folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """Read every file and compare it with what was archived. Exit code 1: one is damaged."""
    from engage.terminal.output import print_rows
    from loadgen.progress import shown

    archive = _open(place)
    from engage.archiving import check as run

    with shown() as progress:
        rows = asyncio.run(run(find(folder).database_url, archive, progress=progress))
    print_rows(rows, output)
    if any(row["fault"] for row in rows):
        raise typer.Exit(CHECK_FAILED)


@app.command()
@failing_well
def restore(
    first: Day,
    place: Place,
    last: Annotated[
        datetime | None, typer.Argument(formats=["%Y-%m-%d"], help="Default: the first day alone.")
    ] = None,
    folder: Dir = DEFAULT_DIR,
    keep_days: Annotated[
        int, typer.Option(min=1, help="So long the days stay before they expire again.")
    ] = 30,
) -> None:
    """Put days back among the events. Nothing counts twice, and who was erased stays erased.

    A day at a time; after an interruption the same command goes on with those that are left.
    """
    archive = _open(place)
    from engage.archiving import restore as run

    url = find(folder).database_url
    keep_until = datetime.now(UTC).date() + timedelta(days=keep_days)
    day, end = first.date(), (last or first).date()
    if end < day:
        raise typer.BadParameter("the last day is before the first")
    while day <= end:
        done = asyncio.run(run(url, archive, day, keep_until=keep_until))
        if done is None:
            print(f"{day}: nothing to restore")
        else:
            print(
                f"{day}: restored {done.restored:,} events, of erased users {done.erased:,};"
                f" {done.taken_back:,} had been taken back. Kept until {keep_until}"
            )
        day += timedelta(days=1)


@app.command()
@failing_well
def scrub(place: Place, folder: Dir = DEFAULT_DIR) -> None:
    """Rewrite the files that name a user who was erased meanwhile; `engage users` is for the rest.

    After an interruption the same command goes on.
    """
    from loadgen.progress import shown

    archive = _open(place)
    from engage.archiving import scrub as run

    with shown() as progress:
        files, events = asyncio.run(run(find(folder).database_url, archive, progress))
    print(f"took erased users out of {events:,} events in {files:,} files")


def _open(place: str) -> Any:
    """Open the archive; first, as what else there is needs pyarrow as well."""
    from analytics_api.refresher.partitions import open_archive

    return open_archive(place)
