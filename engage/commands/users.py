"""`engage users`: what people may ask of those who keep data about them."""

import asyncio
import getpass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from engage.target import find
from engage.terminal.options import DEFAULT_DIR, Dir, Output, OutputOption, failing_well

if TYPE_CHECKING:
    from engage.erasing import Found, Subject

app = typer.Typer(
    name="users",
    help="Erase users, or give out what is stored about one.",
    no_args_is_help=True,
)


class Format(StrEnum):
    """How an export is written."""

    NDJSON = "ndjson"
    CSV = "csv"


UserId = Annotated[int | None, typer.Argument(min=1, max=2**63 - 1, help="The user's number.")]
ExternalId = Annotated[
    str | None, typer.Option(help="What your own system calls the user, as well or instead.")
]
By = Annotated[str, typer.Option(help="Who asks, for the audit. Default: this login.")]


@app.command()
@failing_well
def erase(  # noqa: PLR0913, PLR0917  (the command line's options)
    user_id: UserId = None,
    folder: Dir = DEFAULT_DIR,
    external_id: ExternalId = None,
    by: By = "",
    is_unlinked: Annotated[
        bool,
        typer.Option(
            "--unlink",
            help="Let no stand-in keep the user's events together; active_users then loses them.",
        ),
    ] = False,
    is_dry_run: Annotated[bool, typer.Option("--dry-run", help="Count; change nothing.")] = False,
) -> None:
    """Erase a user for good: events lose their user, totals stay, late events obey.

    Cannot be undone. After an interruption the same command goes on where it was.
    """
    from engage.erasing import look

    subject, url = _subject(user_id, external_id), find(folder).database_url
    if is_dry_run:
        found, verb = asyncio.run(look(url, subject)), "would erase"
    else:
        found, verb = _erase(url, subject, by, is_linked=not is_unlinked), "erased"
    print(
        f"{verb} the user in {found.events:,} events, {found.dead_letters:,} dead letters"
        f" and {found.catalogue_rows:,} rows of the catalogue"
    )


def _erase(url: str, subject: "Subject", by: str, *, is_linked: bool) -> "Found":
    """Erase a user, and tell where it may still be named."""
    from engage.erasing import erase as run
    from engage.erasing import has_archive
    from loadgen.progress import shown

    requested_by = by or getpass.getuser()
    with shown() as progress:
        found = asyncio.run(
            run(url, subject, requested_by=requested_by, is_linked=is_linked, progress=progress)
        )
    if asyncio.run(has_archive(url)):
        typer.echo("archived days may still name the user: run `engage archive scrub`", err=True)
    return found


@app.command()
@failing_well
def export(  # noqa: PLR0913, PLR0917  (the command line's options)
    user_id: UserId = None,
    folder: Dir = DEFAULT_DIR,
    external_id: ExternalId = None,
    by: By = "",
    form: Annotated[Format, typer.Option("--format", help="NDJSON, or CSV.")] = Format.NDJSON,
    output: Annotated[str, typer.Option("-o", "--output", help="A file, or - for stdout.")] = "-",
) -> None:
    """Write all there is about a user: events, the catalogue's row, dead letters."""
    from engage.exporting import destination, writer
    from engage.exporting import export as run

    subject, url = _subject(user_id, external_id), find(folder).database_url
    with destination(output) as file:
        counts = asyncio.run(
            run(
                url,
                subject,
                requested_by=by or getpass.getuser(),
                write=writer(file, is_csv=form is Format.CSV),
            )
        )
    told = ", ".join(f"{count:,} {kind.replace('_', ' ')}s" for kind, count in counts.items())
    typer.echo(f"exported {told or 'nothing: the user is not known'}", err=True)


@app.command()
@failing_well
def erasures(
    folder: Dir = DEFAULT_DIR,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 50,
    output: OutputOption = Output.TABLE,
) -> None:
    """List who asked for users to be erased, when, and what was done; not who was erased."""
    from engage.database import fetch
    from engage.terminal.output import print_rows

    print_rows(asyncio.run(fetch(find(folder).database_url, "list_erasures", rows=limit)), output)


def _subject(user_id: int | None, external_id: str | None) -> "Subject":
    """Return who it is about. Raises BadParameter: no user is named."""
    from engage.erasing import Subject

    if user_id is None and not external_id:
        raise typer.BadParameter("give USER_ID, --external-id or both")
    return Subject(user_id, external_id or None)
