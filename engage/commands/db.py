"""`engage db`: migrations, partitions, the stats view, and verification of every rollup."""

import asyncio
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer

import sql
from engage.stack.backends import migrate_database, pending_migrations
from engage.target import fetch_value, find
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
from runtime.logging import configure_logging
from runtime.settings import MigrateSettings
from sql.command import connected

_PREFIX: Final = "verify_"

app = typer.Typer(help="Migrate, verify and inspect the database.", no_args_is_help=True)


@app.command()
def migrate(folder: Dir = DEFAULT_DIR, is_dry_run: DryRun = False) -> None:
    """Apply the migrations of this version. Services of the previous version can keep running.

    Running it again changes nothing. It waits up to five minutes for tables that are in use.
    """
    if is_dry_run:
        names = asyncio.run(pending_migrations(find(folder).database_url))
        print("\n".join(f"would apply {name}" for name in names) or "nothing to apply")
        return
    configure_logging("migrate")
    passwords = MigrateSettings.load().passwords
    applied = asyncio.run(migrate_database(find(folder).database_url, passwords))
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


@app.command()
def verify(
    folder: Dir = DEFAULT_DIR,
    history: Annotated[
        str | None,
        typer.Option(
            envvar="ENGAGE_HISTORY_URL",
            help="Folder or object store of sealed days, whose files are then compared as well.",
        ),
    ] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Recompute every rollup and the ledger in one snapshot. Exit code 1: a number differs."""
    url = find(folder).database_url
    checks = asyncio.run(run_checks(url))
    if history:
        checks.append(asyncio.run(check_files(url, history)))
    print_rows([one.as_row() for one in checks], output)
    if not all(one.is_right for one in checks):
        raise typer.Exit(CHECK_FAILED)


@app.command()
def partitions(folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """List the daily partitions of engagements."""
    print_rows(find(folder).query("partition_sizes"), output)


@app.command()
def refresh(folder: Dir = DEFAULT_DIR) -> None:
    """Refresh the stats view now, also when no event arrived since the last refresh."""
    outcome = asyncio.run(fetch_value(find(folder).database_url, "refresh_stats_view"))
    print("another session is refreshing the stats view" if outcome == "busy" else outcome)


@app.command()
def orphans(
    folder: Dir = DEFAULT_DIR,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of posts.")] = 100,
    output: OutputOption = Output.TABLE,
) -> None:
    """List IDs of posts that have events but are not in the catalogue."""
    print_rows(find(folder).query("orphans")[:limit], output)


@dataclass(frozen=True)
class Check:
    """The result of a check: how many rows differ, and the first of them."""

    name: str
    differences: int
    example: str

    @property
    def is_right(self) -> bool:
        return self.differences == 0

    def as_row(self) -> dict[str, Any]:
        return {
            "check": self.name,
            "verdict": "ok" if self.is_right else "WRONG",
            "differences": self.differences,
            "example": self.example,
        }


async def check_files(database_url: str, place: str) -> Check:
    """Read the files of sealed days. Raises SetupError: the place cannot be used."""
    files = open_archive(place)
    from engage.archive_files import check_sealed  # noqa: PLC0415  (an extra)

    found = await check_sealed(database_url, files)
    wrong = [f"{row['day']}: {row['fault']}" for row in found if row["fault"]]
    return Check("files of sealed days", len(wrong), wrong[0] if wrong else "")


async def run_checks(database_url: str) -> list[Check]:
    """Run every sql/verify_*.sql in one snapshot; each returns the rows that differ.

    Raises as sql.command.connected does.
    """
    names = [name for name in sql.names() if name.startswith(_PREFIX)]
    checks = []
    async with (
        connected(database_url) as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        for name in names:
            wrong = await connection.fetch(sql.load(name).text)
            example = ", ".join(f"{k} {v}" for k, v in wrong[0].items()) if wrong else ""
            title = name.removeprefix(_PREFIX).replace("_", " ")
            checks.append(Check(title, len(wrong), example))
    return checks
