"""`engage dead-letters` and `engage consumer`: what a person decides about."""

import asyncio
import base64
from enum import StrEnum
from typing import Annotated, Any

import typer

from engage.options import CHECK_FAILED, DEFAULT_DIR, Dir, Output, OutputOption, failing_well
from engage.target import find

dead_letters = typer.Typer(help="Records that could not be stored.", no_args_is_help=True)
consumer = typer.Typer(help="Decide how a halted partition goes on.", no_args_is_help=True)


class ResumeFrom(StrEnum):
    """Where a partition goes on."""

    STORED = "stored"
    EARLIEST = "earliest"
    LATEST = "latest"


@dead_letters.command("list")
@failing_well
def list_dead_letters(
    folder: Dir = DEFAULT_DIR,
    reason: Annotated[str, typer.Option(help="Of this reason alone.")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 50,
    output: OutputOption = Output.TABLE,
) -> None:
    """List dead letters, newest first."""
    from engage.database import fetch
    from engage.output import print_rows

    url = find(folder).database_url
    rows = asyncio.run(fetch(url, "list_dead_letters", only_reason=reason, rows=limit))
    print_rows(rows, output)


@dead_letters.command("show")
@failing_well
def show_dead_letter(
    dead_letter_id: Annotated[int, typer.Argument(min=1, help="As `list` shows it.")],
    folder: Dir = DEFAULT_DIR,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show one dead letter with its original bytes."""
    from engage.database import fetch
    from engage.output import print_facts

    url = find(folder).database_url
    rows = asyncio.run(fetch(url, "show_dead_letter", dead_letter_id=dead_letter_id))
    if not rows:
        typer.echo(f"error: there is no dead letter {dead_letter_id}", err=True)
        raise typer.Exit(CHECK_FAILED)
    print_facts({name: _readable(value) for name, value in rows[0].items()}, output)


@consumer.command()
@failing_well
def resume(
    folder: Dir = DEFAULT_DIR,
    partition: Annotated[
        int | None, typer.Option(min=0, help="This one. Default: all that are halted.")
    ] = None,
    start: Annotated[
        ResumeFrom,
        typer.Option(
            "--from",
            help="stored: where it stands. earliest: read what the log still has, again."
            " latest: give up what was not read.",
        ),
    ] = ResumeFrom.STORED,
) -> None:
    """Let halted partitions go on. A running consumer notices within two seconds."""
    from engage.resume import resume as let_go_on

    system = find(folder)
    moves = asyncio.run(let_go_on(system, partition, None if start == "stored" else start.value))
    if not moves:
        print("no partition is halted")
    for move in moves:
        print(f"partition {move.partition} goes on at offset {move.next_offset:,}{move.remark}")


def _readable(value: Any) -> Any:
    """Return bytes as text where they are text, else as base64."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"base64:{base64.b64encode(value).decode()}"
