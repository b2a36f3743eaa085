"""`engage experiment`: experiments with the recommendations: docs/recommendations.md."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from engage.experiment_power import Plan, Range, plan_of
from engage.experiments import KINDS, History, assign, histories, result
from engage.target import Target, find
from engage.terminal import (
    DEFAULT_DIR,
    Dir,
    DryRun,
    Output,
    OutputOption,
    print_facts,
    print_rows,
)
from schema.errors import SetupError

app = typer.Typer(
    help="Plan an experiment with authors, assign them at random, and read its result.",
    no_args_is_help=True,
)
_COACHED: Final = 20
_PROMOTED_SEGMENT: Final = "Low Volume, High Quality"


class KindName(StrEnum):
    POSTING_TIMES = "posting-times"
    COACHING = "coaching"
    PROMOTION = "promotion"


Kind_ = Annotated[KindName, typer.Argument(help="posting-times, coaching or promotion.")]
Lift = Annotated[
    float | None, typer.Option(min=1, help="Lift to detect, in percent. Default: that of the kind.")
]


@app.command()
def plan(kind: Kind_, folder: Dir = DEFAULT_DIR, lift: Lift = None) -> None:
    """Estimate the number of authors, by resampling authors with their past posts."""
    wanted = KINDS[kind.value]
    placebo = _eligible(find(folder), kind)
    target = wanted.target_lift if lift is None else lift / 100
    print(f"{kind.value}: treated authors {wanted.asks}, for {wanted.days} days")
    print(f"eligible: {len(placebo)}, {wanted.who}")
    found = plan_of(placebo, target)
    print("too few authors for an estimate" if found is None else _sentences(found, target))


def _sentences(found: Plan, target: float) -> str:
    """Return a plan in words; ranges hold in 8 of 10 cases."""
    if target < 0:
        aim = f"to show a fall of less than {-100 * target:.0f} %"
        least = "the fall can be limited to"
    else:
        aim = f"to detect a lift of {100 * target:.0f} %"
        least = "the least lift detected is"
    return (
        f"{aim} in 8 of 10 cases: {_range(found.needed)} authors per arm\n"
        f"with {found.per_arm} per arm, it succeeds in {_range(found.power, 100)} of 100 cases;"
        f" in 8 of 10 cases {least} {_range(found.detectable, 100)} %"
    )


def _range(found: Range, factor: float = 1) -> str:
    ends = sorted((abs(found.low) * factor, abs(found.high) * factor))
    return f"{ends[0]:.0f} to {ends[1]:.0f} (median {abs(found.middle) * factor:.0f})"


@app.command()
def start(
    name: Annotated[str, typer.Argument(help="Name of the experiment: a-z, 0-9 and hyphens.")],
    kind: Kind_,
    folder: Dir = DEFAULT_DIR,
    lift: Lift = None,
    is_dry_run: DryRun = False,
) -> None:
    """Assign half of the eligible authors to the treatment at random, and start now.

    Authors of similar engagement are paired, and one of each pair is treated.
    """
    wanted, system = KINDS[kind.value], find(folder)
    _check_new(system, name)
    eligible = _eligible(system, kind)
    arms = assign(name, {author.author_id: author.after.engagements for author in eligible})
    if is_dry_run:
        print_rows([{"author_id": author, "arm": arm} for author, arm in arms.items()])
        return
    system.query(
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
    print_rows(system.query("experiment_arms", experiment=name))
    print(f"treated authors {wanted.asks}; `engage experiment read {name}` in {wanted.days} days")


@app.command("list")
def list_experiments(folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """List the experiments."""
    print_rows(find(folder).query("list_experiments", only_name=""), output)


@app.command()
def show(
    name: Annotated[str, typer.Argument()],
    folder: Dir = DEFAULT_DIR,
    output: OutputOption = Output.TABLE,
) -> None:
    """List the authors of each arm."""
    system = find(folder)
    _found(system, name)
    print_rows(system.query("experiment_arms", experiment=name), output)


@app.command()
def read(
    name: Annotated[str, typer.Argument()],
    folder: Dir = DEFAULT_DIR,
    output: OutputOption = Output.TABLE,
) -> None:
    """Print the result from the planned end on: the lift of treated authors with its interval.

    Before the end there are counts only: results that are read every day are significant by chance.
    """
    system = find(folder)
    experiment = _found(system, name)
    start = experiment["start_timestamp"]
    now = datetime.now(UTC)
    end = min(experiment["end_timestamp"], now)
    rows = system.query("experiment_arms", experiment=name)
    arms = {row["author_id"]: row["arm"] for row in rows}
    found = _outcomes(system, list(arms), start, end, experiment["hours"])
    print_facts(result(experiment, now, arms, found), output)


def _eligible(system: Target, kind: KindName) -> list[History]:
    """Return the authors who can take part, with their posts of the two periods before."""
    wanted, now = KINDS[kind.value], datetime.now(UTC)
    authors = _candidates(system, kind)
    found = _outcomes(system, authors, now - timedelta(days=wanted.days), now, wanted.hours)
    return [history for history in found if history.is_measured]


def _candidates(system: Target, kind: KindName) -> list[int]:
    rows: Sequence[Mapping[str, Any]]
    if kind is KindName.COACHING:
        rows = system.get("/reports/opportunity", limit=_COACHED)
        rows = [row for row in rows if row["gain"] > 0]
    else:
        rows = system.get("/analytics/opportunity-authors")
    if kind is KindName.PROMOTION:
        rows = [row for row in rows if row["performance_segment"] == _PROMOTED_SEGMENT]
    return [row["author_id"] for row in rows]


def _outcomes(
    system: Target, authors: Sequence[int], start: datetime, end: datetime, hours: int
) -> list[History]:
    """Return authors' posts of the period before *start*, as long, and of that until *end*."""
    rows = system.query(
        "author_outcomes",
        authors=list(authors),
        before=start - (end - start),
        start=start,
        end=end,
        hours=hours,
    )
    return histories(rows)


def _found(system: Target, name: str) -> dict[str, Any]:
    rows = system.query("list_experiments", only_name=name)
    if not rows:
        raise SetupError(f"there is no experiment {name}: see `engage experiment list`")
    return rows[0]


def _check_new(system: Target, name: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name):
        raise SetupError(f"{name}: a name has a-z, 0-9 and hyphens, at most 63")
    if system.query("list_experiments", only_name=name):
        raise SetupError(f"there is an experiment {name} already: choose another name")
