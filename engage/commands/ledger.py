"""`engage ledger`: does every record add up, and is anything wrong?"""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from engage.terminal.options import (
    CHECK_FAILED,
    DEFAULT_DIR,
    Dir,
    Output,
    OutputOption,
    failing_well,
)

_COLUMNS: Final = (
    "partition", "read", "stored", "duplicates", "dead_lettered", "skipped",
    "next_offset", "log_end_offset", "in_flight",
)  # fmt: skip
_HEAD: Final = f"{'time':<8}  {'stored':>13}  {'in flight':>9}  {'dead letters':>12}  ledger"


@failing_well
def ledger(
    folder: Dir = DEFAULT_DIR,
    output: OutputOption = Output.TABLE,
    is_watching: Annotated[
        bool, typer.Option("--watch", help="Look again and again, until Ctrl-C.")
    ] = False,
    every_seconds: Annotated[
        float, typer.Option("--every", min=0.1, help="Seconds from look to look.")
    ] = 5.0,
    times: Annotated[int, typer.Option(min=0, help="Looks of --watch; 0: no end.")] = 0,
) -> None:
    """What became of each record of the topic.

    Exit code 1: it does not add up. Alarms, of which a halted partition and an old view are
    others, go to stderr; with --watch they too make the exit code 1, if the last look saw any.
    """
    if is_watching:
        is_well = _watch(folder, every_seconds, times)
    else:
        found = _look(folder)
        _print(found, output)
        for alarm in found["alarms"]:
            typer.echo(f"alarm: {described(alarm)}", err=True)
        is_well = found["balanced"]
    if not is_well:
        raise typer.Exit(CHECK_FAILED)


def _look(folder: Path) -> Any:
    from engage.client import get_json
    from engage.target import find

    system = find(folder)
    return get_json(system.api_url, "/ops/ledger", system.read_key)


def _print(found: Mapping[str, Any], output: Output) -> None:
    from engage.terminal.output import print_json, print_rows

    if output is Output.JSON:
        print_json(found)
    else:
        print_rows(accounts(found), output)
    if output is Output.TABLE:
        print(verdict(found))


def _watch(folder: Path, every_seconds: float, times: int) -> bool:
    """Print a line a look, and alarms as they are raised and end; whether the last saw none."""
    from schema.errors import Unavailable

    before: Mapping[str, str] = {}
    is_well = True
    print(_HEAD, flush=True)
    try:
        for _ in _looks(every_seconds, times):
            try:
                found = _look(folder)
            except Unavailable as error:
                is_well = False
                print(f"{_clock()}  {error}", flush=True)
                continue
            standing = {f"{a['alarm']} {a['subject']}": described(a) for a in found["alarms"]}
            is_well = found["balanced"] and not standing
            print(line(found), flush=True)
            for change in changes(before, standing):
                print(change, flush=True)
            before = standing
    except KeyboardInterrupt:
        print()
    return is_well


def _looks(every_seconds: float, times: int) -> Iterator[int]:
    number = 0
    while True:
        number += 1
        yield number
        if number == times:
            return
        time.sleep(every_seconds)


def line(found: Mapping[str, Any]) -> str:
    """Return what one look saw."""
    totals = found["totals"]
    flying = "?" if totals["in_flight"] is None else f"{totals['in_flight']:,}"
    summary = verdict(found).splitlines()[0]
    return (
        f"{_clock()}  {totals['stored']:>13,}  {flying:>9}"
        f"  {totals['dead_lettered']:>12,}  {summary}"
    )


def changes(before: Mapping[str, str], standing: Mapping[str, str]) -> list[str]:
    """Return the alarms that were raised and those that ended between two looks."""
    raised = [f"          RAISED  {standing[key]}" for key in standing if key not in before]
    ended = [f"          ended   {before[key]}" for key in before if key not in standing]
    return raised + ended


def accounts(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the partitions' rows: what was read, and what became of it."""
    rows = [row | {"read": _read(row)} for row in found["partitions"]]
    return [{column: row[column] for column in _COLUMNS} for row in rows]


def _read(row: Mapping[str, Any]) -> int:
    """Return how many offsets are accounted for; those read again count again."""
    return int(row["next_offset"] - row["first_offset"])


def _clock() -> str:
    """Return the time of day where the operator is."""
    return datetime.now(UTC).astimezone().strftime("%H:%M:%S")


def described(alarm: Mapping[str, Any]) -> str:
    """Return an alarm as a line."""
    about = f" ({alarm['subject']})" if alarm["subject"] else ""
    return f"{alarm['alarm']}{about}: {alarm['detail']}"


def verdict(found: Mapping[str, Any]) -> str:
    """Return ``balanced``, or each equation that does not hold, with its numbers."""
    if found["balanced"]:
        return "balanced"
    faults = []
    for row in found["partitions"]:
        read = _read(row)
        parts = ("stored", "duplicates", "dead_lettered", "skipped")
        accounted = sum(row[part] for part in parts)
        if read != accounted:
            faults.append(f"partition {row['partition']}: {read:,} read, {accounted:,} accounted")
        if row["in_flight"] is not None and row["in_flight"] < 0:
            faults.append(f"partition {row['partition']}: read past the end of the log")
    totals = ", ".join(f"{name} {value}" for name, value in found["totals"].items())
    return "\n".join(["does NOT balance", *faults, f"totals: {totals}"])
