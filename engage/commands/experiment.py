"""`engage experiment`: does what the reports suggest help? docs/recommendations.md tells how."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from engage.target import Target, find
from engage.terminal.options import DEFAULT_DIR, Dir, Output, OutputOption, failing_well

if TYPE_CHECKING:
    from engage.experiments import Change

app = typer.Typer(
    help="Plan an experiment with authors, assign them by chance, and read out what came of it.",
    no_args_is_help=True,
)
_COACHED: Final = 20
_PROMOTED_SEGMENT: Final = "Low Volume, High Quality"


class KindName(StrEnum):
    """Which experiment."""

    POSTING_TIMES = "posting-times"
    COACHING = "coaching"
    PROMOTION = "promotion"


Kind_ = Annotated[KindName, typer.Argument(help="posting-times, coaching or promotion.")]
Lift = Annotated[
    float | None, typer.Option(min=1, help="The lift to find, in percent; else the kind's own.")
]


@app.command()
@failing_well
def plan(kind: Kind_, folder: Dir = DEFAULT_DIR, lift: Lift = None) -> None:
    """How many authors does it take, judged by how much authors changed without it?"""
    from engage.experiments import KINDS, authors_needed, detectable_percent

    wanted, system, now = KINDS[kind.value], find(folder), datetime.now(UTC)
    authors = _eligible(system, kind)
    start = now - timedelta(days=wanted.days)
    placebo = [
        change.log_ratio
        for change in asyncio.run(_outcomes(system, authors, start, now, wanted.hours))
        if change.log_ratio is not None
    ]
    target = wanted.target_lift if lift is None else lift / 100
    print(f"{kind.value}: treated authors {wanted.asks}, for {wanted.days} days")
    print(
        f"eligible: {len(authors)}, {wanted.who}; {len(placebo)} of them have a past to tell from"
    )
    needed = authors_needed(placebo, target)
    if target <= 0:
        print(f"to be shown: engagement per post falls by less than {-100 * target:.0f} %")
    elif needed is not None:
        print(f"to find a lift of {100 * target:.0f} % in 8 of 10 cases: {needed} authors an arm")
    if (least := detectable_percent(placebo, len(placebo) // 2)) is not None:
        print(f"with those there are, half of them treated: lifts from {least:.0f} % on are found")
    else:
        print("too few authors to tell anything")


@app.command()
@failing_well
def start(
    name: Annotated[str, typer.Argument(help="Yours: a-z, 0-9 and hyphens.")],
    kind: Kind_,
    folder: Dir = DEFAULT_DIR,
    lift: Lift = None,
) -> None:
    """Draw who is treated, half of the eligible authors, and begin now."""
    from engage.database import fetch
    from engage.experiments import KINDS, assign
    from engage.terminal.output import print_rows

    wanted, system = KINDS[kind.value], find(folder)
    _check_new(system, name)
    arms = assign(name, _eligible(system, kind))
    asyncio.run(
        fetch(
            system.database_url,
            "start_experiment",
            experiment=name,
            kind=kind.value,
            hours=wanted.hours,
            days=wanted.days,
            target_lift=wanted.target_lift if lift is None else lift / 100,
            start=datetime.now(UTC),
            authors=list(arms),
            arms=list(arms.values()),
        )
    )
    print_rows(asyncio.run(fetch(system.database_url, "experiment_arms", experiment=name)))
    print(f"treated authors {wanted.asks}; `engage experiment read {name}` in {wanted.days} days")


@app.command("list")
@failing_well
def list_experiments(folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """List what was tried."""
    from engage.database import fetch
    from engage.terminal.output import print_rows

    url = find(folder).database_url
    print_rows(asyncio.run(fetch(url, "list_experiments", only_name="")), output)


@app.command()
@failing_well
def show(
    name: Annotated[str, typer.Argument()],
    folder: Dir = DEFAULT_DIR,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show who is in which arm."""
    from engage.database import fetch
    from engage.terminal.output import print_rows

    system = find(folder)
    _found(system, name)
    print_rows(asyncio.run(fetch(system.database_url, "experiment_arms", experiment=name)), output)


@app.command()
@failing_well
def read(
    name: Annotated[str, typer.Argument()],
    folder: Dir = DEFAULT_DIR,
    output: OutputOption = Output.TABLE,
) -> None:
    """What came of it so far: the lift of the treated authors, with its interval."""
    from engage.terminal.output import print_facts

    system = find(folder)
    print_facts(asyncio.run(_read(system, _found(system, name))), output)


async def _read(system: Target, experiment: Mapping[str, Any]) -> dict[str, Any]:
    from engage.database import fetch
    from engage.experiments import result

    now = datetime.now(UTC)
    start, end = experiment["start_timestamp"], min(experiment["end_timestamp"], now)
    rows = await fetch(system.database_url, "experiment_arms", experiment=experiment["name"])
    arms = {row["author_id"]: row["arm"] for row in rows}
    found = await _outcomes(system, list(arms), start, end, experiment["hours"])
    return result(experiment, end - start, arms, found)


def _eligible(system: Target, kind: KindName) -> list[int]:
    from engage.client import get_json

    rows: Sequence[Mapping[str, Any]] = get_json(
        system.api_url, "/analytics/opportunity-authors", system.read_key
    )
    if kind is KindName.COACHING:
        rows = [row for row in rows if row["opportunity_score"] > 0][:_COACHED]
    elif kind is KindName.PROMOTION:
        rows = [row for row in rows if row["performance_segment"] == _PROMOTED_SEGMENT]
    return [row["author_id"] for row in rows]


async def _outcomes(
    system: Target, authors: Sequence[int], start: datetime, end: datetime, hours: int
) -> "list[Change]":
    """Return how authors changed from the period before *start* to the one until *end*."""
    from engage.database import fetch
    from engage.experiments import changes

    before = start - (end - start)
    rows = await fetch(
        system.database_url,
        "author_outcomes",
        authors=list(authors),
        before=before,
        start=start,
        end=end,
        hours=hours,
    )
    return changes(rows)


def _found(system: Target, name: str) -> dict[str, Any]:
    from engage.database import fetch
    from schema.errors import SetupError

    rows = asyncio.run(fetch(system.database_url, "list_experiments", only_name=name))
    if not rows:
        raise SetupError(f"there is no experiment {name}: see `engage experiment list`")
    return rows[0]


def _check_new(system: Target, name: str) -> None:
    import re

    from engage.database import fetch
    from schema.errors import SetupError

    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name):
        raise SetupError(f"{name}: a name has a-z, 0-9 and hyphens, at most 63")
    if asyncio.run(fetch(system.database_url, "list_experiments", only_name=name)):
        raise SetupError(f"there is an experiment {name} already: choose another name")
