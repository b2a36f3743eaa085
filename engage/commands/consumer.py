"""`engage consumer`: how a halted partition goes on, which a person decides."""

import asyncio
from enum import StrEnum
from typing import Annotated

import typer

from engage.target import find
from engage.terminal.options import DEFAULT_DIR, Dir, failing_well

app = typer.Typer(help="Decide how a halted partition goes on.", no_args_is_help=True)


class ResumeFrom(StrEnum):
    """Where a partition goes on."""

    STORED = "stored"
    EARLIEST = "earliest"
    LATEST = "latest"


@app.command()
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
