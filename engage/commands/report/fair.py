"""`engage report fair-posts|fair-authors|fair-opportunity|cohorts|effects`: posts at equal age."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from engage.commands.report.scoped import End, Only, Period, Start, Zone, ask
from engage.terminal.options import DEFAULT_DIR, Dir, Output, OutputOption, failing_well

Hours = Annotated[
    int | None, typer.Option(help="Of a post's life that count: 1, 6, 24, 48 or 168.")
]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="Rows at most.")]


class FairSort(StrEnum):
    """What posts are ranked by."""

    INDEX = "index"
    ENGAGEMENTS = "engagements"


class CohortBy(StrEnum):
    """How cohorts are told."""

    TENURE = "tenure"
    JOINED = "joined"


@failing_well
def fair_posts(  # noqa: PLR0913, PLR0917  (options of a command)
    folder: Dir = DEFAULT_DIR,
    hours: Hours = None,
    sort: Annotated[FairSort, typer.Option(help="What to rank by.")] = FairSort.INDEX,
    limit: Limit = 20,
    period: Period = None,
    start: Start = None,
    end: End = None,
    tz: Zone = None,
    only: Only = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Which posts did best, each beside its category's posts at the same age? 90 days if unset."""
    scope = (period, start, end, tz)
    rows = ask(
        folder, "/reports/fair-posts", scope, only, hours=hours, sort=sort.value, limit=limit
    )
    show("fair-posts", rows, output)


@failing_well
def fair_authors(  # noqa: PLR0913, PLR0917  (options of a command)
    folder: Dir = DEFAULT_DIR,
    hours: Hours = None,
    limit: Limit = 50,
    period: Period = None,
    start: Start = None,
    end: End = None,
    tz: Zone = None,
    only: Only = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Whose posts earn more than posts of the same categories at the same age? 90 days if unset."""
    scope = (period, start, end, tz)
    rows = ask(folder, "/reports/fair-authors", scope, only, hours=hours, limit=limit)
    show("fair-authors", rows, output)


@failing_well
def fair_opportunity(  # noqa: PLR0913, PLR0917  (options of a command)
    folder: Dir = DEFAULT_DIR,
    hours: Hours = None,
    limit: Limit = 10,
    period: Period = None,
    start: Start = None,
    end: End = None,
    tz: Zone = None,
    only: Only = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """What would authors earn at their category's median, and why do they not? 90 days if unset."""
    scope = (period, start, end, tz)
    rows = ask(folder, "/reports/opportunity", scope, only, hours=hours, limit=limit)
    show("fair-opportunity", rows, output)


@failing_well
def cohorts(  # noqa: PLR0913, PLR0917  (options of a command)
    folder: Dir = DEFAULT_DIR,
    hours: Hours = None,
    by: Annotated[
        CohortBy, typer.Option(help="All together, or by month of joining.")
    ] = CohortBy.TENURE,
    period: Period = None,
    start: Start = None,
    end: End = None,
    tz: Zone = None,
    only: Only = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Do authors who joined in the period improve? A year if unset."""
    scope = (period, start, end, tz)
    rows = ask(folder, "/reports/cohorts", scope, only, hours=hours, by=by.value)
    show("cohorts", rows, output)


@failing_well
def effects(  # noqa: PLR0913, PLR0917  (options of a command)
    folder: Dir = DEFAULT_DIR,
    hours: Hours = None,
    period: Period = None,
    start: Start = None,
    end: End = None,
    tz: Zone = None,
    only: Only = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """What goes along with media, titles, tags? No causes."""
    rows = ask(folder, "/reports/effects", (period, start, end, tz), only, hours=hours)
    show("effects", rows, output)


def show(report: str, rows: Any, output: Output) -> None:
    """Print all columns for programs, those that people compare for people."""
    from engage.terminal.output import print_rows
    from engage.terminal.report_tables import for_people

    print_rows(for_people(report, rows) if output is Output.TABLE else rows, output)
