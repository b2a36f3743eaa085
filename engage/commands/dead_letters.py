"""`engage dead-letters`: list, show and replay records that could not be stored."""

import asyncio
import base64
import json
from collections import Counter
from typing import Annotated, Any, Final

import typer

import sql
from consumer.replay import Outcome, Replayer
from engage.target import find
from engage.terminal import (
    CHECK_FAILED,
    DEFAULT_DIR,
    Dir,
    DryRun,
    Limit,
    Output,
    OutputOption,
    RequestedBy,
    login_name,
    print_facts,
    print_rows,
)
from runtime.progress import shown
from runtime.settings import WindowSettings
from schema.errors import SetupError
from sql.command import connected

app = typer.Typer(
    help="Records that could not be stored: docs/dead-letters.md.", no_args_is_help=True
)
HINTS: Final = {
    "timestamp_too_old": "raise ENGAGE_RETENTION_DAYS if such days are wanted, then replay",
    "timestamp_in_future": "a clock is wrong; once the time has come, replay",
    "day_out_of_range": "its time of receipt is forged: check which producers write to the topic",
    "rejected_by_database": "`show` names the constraint; change it, then replay",
}
_HINT: Final = "its producer must send it again, corrected: `show` names the error"
_GONE: Final = "not waiting: already replayed, of another reason, or unknown"
_SHOWN: Final = 20

Reason = Annotated[str, typer.Option(help="Select the dead letters of this reason.")]
LetterId = Annotated[int, typer.Argument(min=1, help="ID that `list --each` shows.")]


@app.command("list")
def list_dead_letters(
    folder: Dir = DEFAULT_DIR,
    reason: Reason = "",
    is_each: Annotated[
        bool, typer.Option("--each", help="List dead letters instead of reasons.")
    ] = False,
    limit: Limit = 50,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the reasons of dead letters with their counts, or single dead letters."""
    system = find(folder)
    if reason or is_each:
        rows = system.query("list_dead_letters", only_reason=reason, rows=limit)
    else:
        rows = [
            row | {"what_to_do": HINTS.get(row["reason"], _HINT)}
            for row in system.query("dead_letters_by_reason")
        ]
    print_rows(rows, output)


@app.command("show")
def show_dead_letter(
    dead_letter_id: LetterId, folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE
) -> None:
    """Show a dead letter: reason, position in the topic, original bytes, and its replays."""
    system = find(folder)
    rows = system.query("show_dead_letter", dead_letter_id=dead_letter_id)
    if not rows:
        typer.echo(f"error: there is no dead letter {dead_letter_id}", err=True)
        raise typer.Exit(CHECK_FAILED)
    print_facts({name: readable(value) for name, value in rows[0].items()}, output)
    tried = system.query("replays_of", dead_letter_id=dead_letter_id)
    if tried and output is Output.TABLE:
        print_rows(tried, title="\nreplays")


@app.command()
def replay(  # noqa: PLR0913, PLR0917  (options of a command)
    ids: Annotated[list[int] | None, typer.Argument(min=1, help="IDs of dead letters.")] = None,
    folder: Dir = DEFAULT_DIR,
    reason: Reason = "",
    is_all: Annotated[bool, typer.Option("--all", help="Select all waiting dead letters.")] = False,
    is_dry_run: DryRun = False,
    by: RequestedBy = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Validate dead letters again and store those that are valid now, exactly once.

    ENGAGE_RETENTION_DAYS and ENGAGE_FUTURE_TOLERANCE_SECONDS of this environment apply. Running the
    command again changes nothing. Exit code 1: some are still invalid.
    """
    if not (ids or reason or is_all):
        raise SetupError("select dead letters by ID, with --reason or with --all")
    replaying = _replay(
        find(folder).database_url, ids or [], reason, by or login_name(), is_dry_run=is_dry_run
    )
    outcomes = asyncio.run(replaying)
    counted = Counter(outcome.outcome for outcome in outcomes)
    if output is Output.TABLE:
        detailed = [outcome._asdict() for outcome in outcomes if outcome.detail]
        if detailed:
            print_rows(detailed[:_SHOWN])
        summary = ", ".join(f"{number:,} {name}" for name, number in sorted(counted.items()))
        print(("dry run: " if is_dry_run else "replayed: ") + (summary or "none is waiting"))
    else:
        print_rows([outcome._asdict() for outcome in outcomes], output)
    if counted["rejected"]:
        raise typer.Exit(CHECK_FAILED)


async def _replay(
    url: str, ids: list[int], reason: str, by: str, *, is_dry_run: bool
) -> list[Outcome]:
    query = sql.load("pending_dead_letters")
    async with connected(url) as connection:
        waiting = [row[0] for row in await query.fetch(connection, only_reason=reason, ids=ids)]
        replayer = Replayer(connection, WindowSettings.load().window, by)
        outcomes = [Outcome(one, "gone", _GONE) for one in sorted(set(ids) - set(waiting))]
        with shown() as progress:
            for dead_letter_id in waiting:
                outcomes.append(await replayer.replay(dead_letter_id, is_dry_run=is_dry_run))
                progress("dead letters", len(outcomes), len(waiting), "")
    return outcomes


def readable(value: Any) -> Any:
    """Return bytes as indented JSON, else as text, else as base64."""
    if not isinstance(value, bytes):
        return value
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return f"base64:{base64.b64encode(value).decode()}"
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
