"""`engage ledger`: the account of every record of the topic, and active alerts."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from engage.target import find
from engage.terminal import (
    CHECK_FAILED,
    DEFAULT_DIR,
    Dir,
    Output,
    OutputOption,
    print_json,
    print_rows,
)
from schema.errors import Unavailable

_COLUMNS: Final = (
    "partition", "read", "stored", "duplicates", "dead_lettered", "skipped",
    "next_offset", "log_end_offset", "in_flight",
)  # fmt: skip
_HEAD: Final = f"{'time':<8}  {'stored':>13}  {'in flight':>9}  {'dead letters':>12}  ledger"


def ledger(
    folder: Dir = DEFAULT_DIR,
    output: OutputOption = Output.TABLE,
    is_watching: Annotated[bool, typer.Option("--watch", help="Repeat until Ctrl-C.")] = False,
    every_seconds: Annotated[
        float, typer.Option("--every", min=0.1, help="Seconds between repetitions of --watch.")
    ] = 5.0,
    times: Annotated[
        int, typer.Option(min=0, help="Number of repetitions of --watch. 0 repeats without end.")
    ] = 0,
) -> None:
    """Print the account of every record of the topic.

    Exit code 1: it does not balance. Active alerts, such as a halted partition, go to stderr; with
    --watch, alerts that are active at the end make the exit code 1 as well.
    """
    if is_watching:
        is_well = _watch(folder, every_seconds, times)
    else:
        found = _read(folder)
        _print(found, output)
        for alert in found["alerts"]:
            typer.echo(f"alert: {described(alert)}", err=True)
        is_well = found["balanced"]
    if not is_well:
        raise typer.Exit(CHECK_FAILED)


def _read(folder: Path) -> Any:
    return find(folder).get("/ops/ledger")


def _print(found: Mapping[str, Any], output: Output) -> None:
    if output is Output.JSON:
        print_json(found)
    else:
        print_rows(accounts(found), output, optional=("log_end_offset", "next_offset"))
    if output is Output.TABLE:
        print(verdict(found))


def _watch(folder: Path, every_seconds: float, times: int) -> bool:
    """Print a line per check, and changes of alerts; return whether the last check found none."""
    before: Mapping[str, str] = {}
    is_well = True
    print(_HEAD, flush=True)
    try:
        for number in range(times) if times else count():
            if number:
                time.sleep(every_seconds)
            try:
                found = _read(folder)
            except Unavailable as error:
                is_well = False
                print(f"{_clock()}  {error}", flush=True)
                continue
            active = {f"{a['name']} {a['subject']}": described(a) for a in found["alerts"]}
            is_well = found["balanced"] and not active
            print(line(found), flush=True)
            for change in changes(before, active):
                print(change, flush=True)
            before = active
    except KeyboardInterrupt:
        print()
    return is_well


def line(found: Mapping[str, Any]) -> str:
    totals = found["totals"]
    flying = "?" if totals["in_flight"] is None else f"{totals['in_flight']:,}"
    summary = verdict(found).splitlines()[0]
    return (
        f"{_clock()}  {totals['stored']:>13,}  {flying:>9}"
        f"  {totals['dead_lettered']:>12,}  {summary}"
    )


def changes(before: Mapping[str, str], active: Mapping[str, str]) -> list[str]:
    """Return the alerts that became active and those that were resolved."""
    raised = [f"          ACTIVE    {active[key]}" for key in active if key not in before]
    resolved = [f"          resolved  {before[key]}" for key in before if key not in active]
    return raised + resolved


def accounts(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the partitions' rows: what was read, and what became of it."""
    rows = [row | {"read": _offsets(row)} for row in found["partitions"]]
    return [{column: row[column] for column in _COLUMNS} for row in rows]


def _offsets(row: Mapping[str, Any]) -> int:
    """Return how many offsets are accounted for; those read again count again."""
    return int(row["next_offset"] - row["first_offset"])


def _clock() -> str:
    return datetime.now(UTC).astimezone().strftime("%H:%M:%S")


def described(alert: Mapping[str, Any]) -> str:
    subject = f" ({alert['subject']})" if alert["subject"] else ""
    return f"{alert['name']}{subject}: {alert['detail']}"


def verdict(found: Mapping[str, Any]) -> str:
    """Return ``balanced``, or each equation that does not hold, with its numbers."""
    if found["balanced"]:
        return "balanced"
    faults = []
    for row in found["partitions"]:
        read = _offsets(row)
        parts = ("stored", "duplicates", "dead_lettered", "skipped")
        accounted = sum(row[part] for part in parts)
        if read != accounted:
            faults.append(f"partition {row['partition']}: {read:,} read, {accounted:,} accounted")
        if row["in_flight"] is not None and row["in_flight"] < 0:
            faults.append(f"partition {row['partition']}: read past the end of the log")
    totals = ", ".join(f"{name} {value}" for name, value in found["totals"].items())
    return "\n".join(["does NOT balance", *faults, f"totals: {totals}"])
