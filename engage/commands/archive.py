"""`engage archive`: the Parquet files of expired days.

Opening an archive explains when pyarrow is missing; engage.archive_files is imported only then.
"""

import asyncio
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from engage.target import find
from engage.terminal import (
    CHECK_FAILED,
    DEFAULT_DIR,
    Dir,
    DryRun,
    Output,
    OutputOption,
    print_rows,
)
from refresher.partitions import open_archive
from runtime.progress import shown

app = typer.Typer(
    name="archive",
    help="List, check, restore and scrub the Parquet files of expired days: docs/archive.md.",
    no_args_is_help=True,
)

Place = Annotated[
    str,
    typer.Option(
        "--archive",
        envvar="ENGAGE_ARCHIVE_URL",
        help="Folder or object store of the archive, as the refresher uses it.",
    ),
]
Day = Annotated[datetime, typer.Argument(formats=["%Y-%m-%d"], help="A UTC day.")]


@app.command("list")
def list_days(folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """List the files with their number of events, and until when restored days are kept."""
    found = find(folder).query("archived_days", first=date(2000, 1, 1), last=date(9999, 12, 31))
    hidden = {"sha256", "replacement_sha256"}
    print_rows([{k: v for k, v in row.items() if k not in hidden} for row in found], output)


@app.command()
def check(place: Place, folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """Read every file and compare it with what was archived. Exit code 1: one is damaged."""
    archive = open_archive(place)
    from engage import archive_files  # noqa: PLC0415

    with shown() as progress:
        rows = asyncio.run(
            archive_files.check(find(folder).database_url, archive, progress=progress)
        )
    print_rows(rows, output)
    if any(row["fault"] for row in rows):
        raise typer.Exit(CHECK_FAILED)


@app.command()
def restore(  # noqa: PLR0913, PLR0917  (the command line's options)
    first: Day,
    place: Place,
    last: Annotated[
        datetime | None, typer.Argument(formats=["%Y-%m-%d"], help="Default: the first day alone.")
    ] = None,
    folder: Dir = DEFAULT_DIR,
    keep_days: Annotated[
        int, typer.Option(min=1, help="Days until the restored days expire again.")
    ] = 30,
    is_dry_run: DryRun = False,
) -> None:
    """Restore days from the archive. No event counts twice, and erased users stay erased.

    Days are restored one by one; after an interruption, run the command again.
    """
    archive = open_archive(place)
    from engage import archive_files  # noqa: PLC0415

    url = find(folder).database_url
    keep_until = datetime.now(UTC).date() + timedelta(days=keep_days)
    day, end = first.date(), (last or first).date()
    if end < day:
        raise typer.BadParameter("the last day is before the first")
    if is_dry_run:
        for part in asyncio.run(archive_files.waiting_parts(url, archive, (day, end))):
            print(
                f"{part['day']}: would restore {part['rows']:,} events, {part['fault'] or 'valid'}"
            )
        return
    while day <= end:
        done = asyncio.run(archive_files.restore(url, archive, day, keep_until=keep_until))
        if done is None:
            print(f"{day}: nothing to restore")
        else:
            print(
                f"{day}: restored {done.restored:,} events, of erased users {done.erased:,};"
                f" {done.retracted:,} were retracted. Kept until {keep_until}"
            )
        day += timedelta(days=1)


@app.command()
def scrub(place: Place, folder: Dir = DEFAULT_DIR, is_dry_run: DryRun = False) -> None:
    """Remove erased users from the files. `engage users erase` does so in the database.

    After an interruption, run the command again.
    """
    archive = open_archive(place)
    from engage import archive_files  # noqa: PLC0415

    with shown() as progress:
        files, events = asyncio.run(
            archive_files.scrub(find(folder).database_url, archive, progress, is_dry_run=is_dry_run)
        )
    verb = "would remove" if is_dry_run else "removed"
    print(f"{verb} erased users from {events:,} events in {files:,} files")
