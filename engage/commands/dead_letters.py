"""`engage dead-letters`: see what could not be stored, understand it, store it after all."""

import asyncio
import base64
import getpass
import json
from collections import Counter
from typing import Annotated, Any, Final

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
    help="Records that could not be stored: docs/dead-letters.md.", no_args_is_help=True
)
HINTS: Final = {
    "timestamp_too_old": "raise ENGAGE_RETENTION_DAYS if such days are wanted, then replay",
    "timestamp_in_future": "a clock is wrong; once the time has come, replay",
    "day_refused": "its time of receipt is forged: look at who writes to the topic",
    "refused_by_database": "`show` names the constraint; change it, then replay",
}
_HINT: Final = "whoever wrote it must write it anew: `show` tells what is wrong"
_GONE: Final = "does not wait: replayed before, of another reason, or never there"
_SHOWN: Final = 20

Reason = Annotated[str, typer.Option(help="Of this reason alone.")]
LetterId = Annotated[int, typer.Argument(min=1, help="As `list --reason` shows it.")]


@app.command("list")
@failing_well
def list_dead_letters(
    folder: Dir = DEFAULT_DIR,
    reason: Reason = "",
    is_each: Annotated[bool, typer.Option("--each", help="One row each, newest first.")] = False,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    output: OutputOption = Output.TABLE,
) -> None:
    """List dead letters by their reason, or each one of a reason."""
    from engage.database import fetch
    from engage.terminal.output import print_rows

    url = find(folder).database_url
    if reason or is_each:
        rows = asyncio.run(fetch(url, "list_dead_letters", only_reason=reason, rows=limit))
    else:
        rows = [
            row | {"what_to_do": HINTS.get(row["reason"], _HINT)}
            for row in asyncio.run(fetch(url, "dead_letters_by_reason"))
        ]
    print_rows(rows, output)


@app.command("show")
@failing_well
def show_dead_letter(
    dead_letter_id: LetterId, folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE
) -> None:
    """Show one dead letter: what is wrong, where it stood, its original bytes, what was tried."""
    from engage.database import fetch
    from engage.terminal.output import print_facts, print_rows

    url = find(folder).database_url
    rows = asyncio.run(fetch(url, "show_dead_letter", dead_letter_id=dead_letter_id))
    if not rows:
        typer.echo(f"error: there is no dead letter {dead_letter_id}", err=True)
        raise typer.Exit(CHECK_FAILED)
    print_facts({name: readable(value) for name, value in rows[0].items()}, output)
    tried = asyncio.run(fetch(url, "replays_of", dead_letter_id=dead_letter_id))
    if tried and output is Output.TABLE:
        print_rows(tried, title="\nreplays")


@app.command()
@failing_well
def replay(  # noqa: PLR0913, PLR0917  (options of a command)
    ids: Annotated[list[int] | None, typer.Argument(min=1, help="These.")] = None,
    folder: Dir = DEFAULT_DIR,
    reason: Reason = "",
    is_all: Annotated[bool, typer.Option("--all", help="All that wait.")] = False,
    is_applied: Annotated[
        bool, typer.Option("--apply", help="Do it. Without this it is only told what would be.")
    ] = False,
    by: Annotated[str, typer.Option(help="Who asks for it, for the record.")] = "",
    output: OutputOption = Output.TABLE,
) -> None:
    """Store dead letters after all, exactly once, by today's rules. Repeating it is harmless.

    The rules are this environment's: ENGAGE_RETENTION_DAYS, ENGAGE_FUTURE_TOLERANCE_SECONDS.
    Exit code 1: some are still refused.
    """
    from engage.terminal.output import print_rows
    from schema.errors import SetupError

    if not (ids or reason or is_all):
        raise SetupError("name dead letters, or a --reason, or --all of them")
    url = find(folder).database_url
    outcomes = asyncio.run(_replay(url, ids or [], reason, by or _caller(), is_applied=is_applied))
    counted = Counter(outcome.outcome for outcome in outcomes)
    if output is Output.TABLE:
        told = [outcome for outcome in outcomes if outcome.detail]
        if told:
            print_rows([outcome._asdict() for outcome in told[:_SHOWN]])
        summary = ", ".join(f"{number:,} {name}" for name, number in sorted(counted.items()))
        print(("replayed: " if is_applied else "would be: ") + (summary or "none waits"))
        if not is_applied and set(counted) - {"gone"}:
            print("nothing was changed; --apply does it")
    else:
        print_rows([outcome._asdict() for outcome in outcomes], output)
    if counted["refused"]:
        raise typer.Exit(CHECK_FAILED)


async def _replay(url: str, ids: list[int], reason: str, by: str, *, is_applied: bool) -> list[Any]:
    import sql
    from consumer.replay import Outcome, Replayer
    from engage.database import connected
    from loadgen.progress import shown
    from schema.settings import WindowSettings

    query = sql.load("waiting_dead_letters")
    async with connected(url) as connection:
        values = query.bind(only_reason=reason, ids=ids)
        waiting = [row[0] for row in await connection.fetch(query.text, *values)]
        replayer = Replayer(connection, WindowSettings.load().window, by)
        outcomes = [Outcome(one, "gone", _GONE) for one in sorted(set(ids) - set(waiting))]
        with shown() as progress:
            for dead_letter_id in waiting:
                outcomes.append(await replayer.replay(dead_letter_id, is_dry_run=not is_applied))
                progress("dead letters", len(outcomes), len(waiting), "")
    return outcomes


def _caller() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def readable(value: Any) -> Any:
    """Return bytes as text where they are text, as indented JSON where they are that."""
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
