"""`engage db`: the tables, their partitions, and whether every number is right."""

import asyncio
from typing import Annotated

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

app = typer.Typer(help="Look after the database.", no_args_is_help=True)


@app.command()
@failing_well
def migrate(folder: Dir = DEFAULT_DIR) -> None:
    """Bring the database to this version, while the one before still runs.

    Doing so again changes nothing. Tables that are in use are waited for, five minutes at most.
    """
    from engage.stack.bootstrap import migrate_database
    from schema.telemetry import configure_logging

    configure_logging("migrate")
    applied = asyncio.run(migrate_database(find(folder).database_url))
    print("\n".join(f"applied {name}" for name in applied) or "nothing to apply")


@app.command()
@failing_well
def verify(folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """Recompute every rollup and the ledger in one snapshot. Exit code 1: a number is wrong."""
    from engage.terminal.output import print_rows
    from engage.verification import verify as check

    checks = asyncio.run(check(find(folder).database_url))
    print_rows([one.as_row() for one in checks], output)
    if not all(one.is_right for one in checks):
        raise typer.Exit(CHECK_FAILED)


@app.command()
@failing_well
def partitions(folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """List the daily partitions of engagements."""
    from engage.database import fetch
    from engage.terminal.output import print_rows

    print_rows(asyncio.run(fetch(find(folder).database_url, "partition_sizes")), output)


@app.command()
@failing_well
def refresh(folder: Dir = DEFAULT_DIR) -> None:
    """Refresh the reports' view at once, whether or not something changed."""
    from engage.database import fetch_value

    outcome = asyncio.run(fetch_value(find(folder).database_url, "refresh_now"))
    print("another session is refreshing it" if outcome == "busy" else outcome)


@app.command()
@failing_well
def orphans(
    folder: Dir = DEFAULT_DIR,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    output: OutputOption = Output.TABLE,
) -> None:
    """List posts that were engaged with but are not in the catalogue."""
    from engage.database import fetch
    from engage.terminal.output import print_rows

    print_rows(asyncio.run(fetch(find(folder).database_url, "orphans"))[:limit], output)
