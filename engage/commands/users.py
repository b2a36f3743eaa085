"""`engage users`: export and erase personal data."""

import asyncio
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engage import erasure, user_export
from engage.erasure import Found, Subject
from engage.target import find
from engage.terminal import (
    DEFAULT_DIR,
    Dir,
    DryRun,
    Limit,
    Output,
    OutputOption,
    RequestedBy,
    Yes,
    destination,
    login_name,
    print_rows,
)
from runtime.progress import shown

app = typer.Typer(name="users", help="Export and erase personal data.", no_args_is_help=True)


class ExportFormat(StrEnum):
    NDJSON = "ndjson"
    CSV = "csv"


UserId = Annotated[
    int | None, typer.Option(min=1, max=2**63 - 1, help="ID of the user in the catalogue.")
]
ExternalId = Annotated[
    str | None, typer.Option(help="External ID of the user, instead of or with --user-id.")
]


@app.command()
def erase(  # noqa: PLR0913, PLR0917  (the command line's options)
    user_id: UserId = None,
    external_id: ExternalId = None,
    folder: Dir = DEFAULT_DIR,
    by: RequestedBy = "",
    is_unlinked: Annotated[
        bool,
        typer.Option(
            "--unlink",
            help="Give the events no common pseudonym. `active_users` no longer counts the user.",
        ),
    ] = False,
    is_dry_run: DryRun = False,
    is_confirmed: Yes = False,
) -> None:
    """Permanently anonymise a user. Totals stay.

    The user is removed from stored events, from events that arrive later, from dead letters and
    from the catalogue. This cannot be undone. After an interruption, run the command again.
    """
    subject, url = _subject(user_id, external_id), find(folder).database_url
    if is_dry_run or not is_confirmed:
        found = _described(asyncio.run(erasure.count(url, subject)))
        if is_dry_run:
            print(f"would erase the user in {found}")
            return
        typer.confirm(f"permanently erase the user in {found}?", abort=True, err=True)
    done = _erase(url, subject, by or login_name(), is_linked=not is_unlinked)
    print(f"erased the user in {_described(done)}")


def _described(found: Found) -> str:
    return (
        f"{found.events:,} events, {found.dead_letters:,} dead letters and"
        f" {found.catalogue_rows:,} rows of the catalogue"
    )


def _erase(url: str, subject: Subject, requested_by: str, *, is_linked: bool) -> Found:
    """Erase a user, and warn when archived days may still contain the user."""
    with shown() as progress:
        erasing = erasure.erase(
            url, subject, requested_by=requested_by, is_linked=is_linked, progress=progress
        )
        found = asyncio.run(erasing)
    if asyncio.run(erasure.has_archive(url)):
        typer.echo("archived days may contain the user: run `engage archive scrub`", err=True)
    return found


@app.command()
def export(  # noqa: PLR0913, PLR0917  (the command line's options)
    user_id: UserId = None,
    external_id: ExternalId = None,
    folder: Dir = DEFAULT_DIR,
    by: RequestedBy = "",
    output: Annotated[
        ExportFormat, typer.Option("--output", "-o", help="Format of the export.")
    ] = ExportFormat.NDJSON,
    file: Annotated[
        Path | None,
        typer.Option(help="New file to write, readable by you only. Default: stdout."),
    ] = None,
) -> None:
    """Export all stored data of a user: events, dead letters and the catalogue's row."""
    subject, url = _subject(user_id, external_id), find(folder).database_url
    with destination(file) as opened:
        write = user_export.writer(opened, is_csv=output is ExportFormat.CSV)
        exporting = user_export.export(url, subject, requested_by=by or login_name(), write=write)
        counts = asyncio.run(exporting)
    numbers = ", ".join(f"{count:,} {kind.replace('_', ' ')}s" for kind, count in counts.items())
    typer.echo(f"exported {numbers or 'nothing: the user is unknown'}", err=True)


@app.command()
def erasures(
    folder: Dir = DEFAULT_DIR, limit: Limit = 50, output: OutputOption = Output.TABLE
) -> None:
    """List erasures: who requested them, when, and their counts. Users are not named."""
    print_rows(find(folder).query("list_erasures", rows=limit), output)


def _subject(user_id: int | None, external_id: str | None) -> Subject:
    """Return the user that the options name. Raises BadParameter when they name none."""
    if user_id is None and not external_id:
        raise typer.BadParameter("name a user with --user-id, --external-id or both")
    return Subject(user_id, external_id or None)
