"""`engage demo`: everything there is, in one command, in a folder of its own."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from engage.terminal.options import CHECK_FAILED, failing_well


@failing_well
def demo(
    folder: Annotated[
        Path | None,
        typer.Option("--dir", help="Keep the stack's data here. Default: a folder of its own."),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End by itself when all is shown.")] = False,
    posts: Annotated[int, typer.Option(min=1, help="Of the catalogue.")] = 30_000,
    history: Annotated[int, typer.Option(min=1, help="Engagements of the past.")] = 60_000,
    live: Annotated[int, typer.Option(min=1, help="Events that happen now.")] = 200,
) -> None:
    """See it all work: real Kafka, real PostgreSQL, real events, reports and a dashboard.

    With --once the exit code is 0 only if nothing is in flight, the ledger balances and every
    report has something to say.
    """
    from engage.commands.stack import fetch
    from engage.demo import Sizes, run
    from engage.stack.layout import StackSpec

    spec = StackSpec(Path.cwd() if folder is None else folder.expanduser().absolute())
    fetch(spec)
    outcome = run(folder, Sizes(posts, history, live), is_once=once)
    for fault in outcome.faults:
        print(f"error: {fault}", file=sys.stderr)
    if outcome.faults:
        raise typer.Exit(CHECK_FAILED)
    if not outcome.is_complete:
        raise typer.Exit(130)
