"""`engage report` and `engage ledger`: what the read API says."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from engage.options import (
    CHECK_FAILED,
    DEFAULT_DIR,
    Dir,
    Output,
    OutputOption,
    failing_well,
)

app = typer.Typer(help="Print a report.", no_args_is_help=True)

LEDGER_COLUMNS = (
    "partition", "first_offset", "next_offset", "log_end_offset",
    "stored", "duplicates", "dead_lettered", "skipped", "in_flight",
)  # fmt: skip


@app.command()
@failing_well
def post(
    post_id: Annotated[int, typer.Argument(min=1)],
    folder: Dir = DEFAULT_DIR,
    period: Annotated[str, typer.Option(help="7d, 30d, 90d or all.")] = "7d",
    output: OutputOption = Output.TABLE,
) -> None:
    """How was a post engaged with?"""
    from engage.output import print_facts

    print_facts(_ask(folder, f"/engagement/{post_id}", period=period), output)


@app.command()
@failing_well
def categories(
    folder: Dir = DEFAULT_DIR,
    metric: Annotated[str, typer.Option(help="engagement or posts.")] = "engagement",
    limit: Annotated[int, typer.Option(min=1, max=50)] = 10,
    output: OutputOption = Output.TABLE,
) -> None:
    """Which categories are engaged with most?"""
    from engage.output import print_rows

    print_rows(_ask(folder, "/categories/top", metric=metric, limit=limit), output)


@failing_well
def ledger(folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """What became of each record of the topic. Exit code 1: it does not add up."""
    from engage.output import print_json, print_rows

    found = _ask(folder, "/ops/ledger")
    if output is Output.JSON:
        print_json(found)
    else:
        print_rows([{c: row[c] for c in LEDGER_COLUMNS} for row in found["partitions"]], output)
    if output is Output.TABLE:
        print(verdict(found))
    if not found["balanced"]:
        raise typer.Exit(CHECK_FAILED)


def verdict(found: Mapping[str, Any]) -> str:
    """Return ``balanced``, or each equation that does not hold, with its numbers."""
    if found["balanced"]:
        return "balanced"
    faults = []
    for row in found["partitions"]:
        read = row["next_offset"] - row["first_offset"]
        parts = ("stored", "duplicates", "dead_lettered", "skipped")
        accounted = sum(row[part] for part in parts)
        if read != accounted:
            faults.append(f"partition {row['partition']}: {read:,} read, {accounted:,} accounted")
        if row["in_flight"] is not None and row["in_flight"] < 0:
            faults.append(f"partition {row['partition']}: read past the end of the log")
    totals = ", ".join(f"{name} {value}" for name, value in found["totals"].items())
    return "\n".join(["does NOT balance", *faults, f"totals: {totals}"])


def _ask(folder: Any, path: str, **parameters: Any) -> Any:
    from engage.client import get_json
    from engage.target import find

    system = find(folder)
    return get_json(system.api_url, path, system.read_key, **parameters)
