"""`engage report overview|series|ranking`: reports with a period and filters."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from engage.terminal.options import DEFAULT_DIR, Dir, Output, OutputOption, failing_well

_FILTERS: Final = ("category", "author", "type", "tag", "promoted")
_BAR_CHARACTERS: Final = 40
_RANKING_COLUMNS: Final = (
    "rank", "key", "label", "views", "likes", "comments", "shares", "total_engagements",
    "engagement_rate", "change_pct",
)  # fmt: skip

Period = Annotated[str | None, typer.Option(help="7d, 30d, 90d, 365d or all; 30d if unset.")]
Start = Annotated[str | None, typer.Option(help="First day, YYYY-MM-DD; instead of --period.")]
End = Annotated[str | None, typer.Option(help="Last day; today if unset.")]
Zone = Annotated[str | None, typer.Option("--tz", help="IANA zone.")]
Only = Annotated[
    list[str] | None,
    typer.Option(
        "--only", help=f"NAME=VALUE, of {', '.join(_FILTERS)}; may be given several times."
    ),
]


class Dimension(StrEnum):
    """What is ranked."""

    POST = "post"
    AUTHOR = "author"
    CATEGORY = "category"
    TAG = "tag"


class Interval(StrEnum):
    """What a point of a series is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"


@failing_well
def overview(  # noqa: PLR0913, PLR0917  (options of a command)
    folder: Dir = DEFAULT_DIR,
    period: Period = None,
    start: Start = None,
    end: End = None,
    tz: Zone = None,
    only: Only = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """How much engagement was there, compared with the period before?"""
    from engage.terminal.output import print_rows

    found = ask(folder, "/reports/overview", (period, start, end, tz), only)
    if output is Output.JSON:
        from engage.terminal.output import print_json

        print_json(found)
        return
    rows = [
        {
            "": name,
            "period": value,
            "before": found["previous"] and found["previous"][name],
            "change_pct": found["change_pct"] and found["change_pct"].get(name),
        }
        for name, value in found["current"].items()
    ]
    print_rows(rows, output, title=f"{found['start'][:10]} to {found['end'][:16]} {found['tz']}")


@failing_well
def series(  # noqa: PLR0913, PLR0917  (options of a command)
    folder: Dir = DEFAULT_DIR,
    interval: Annotated[Interval, typer.Option(help="Weeks begin on Monday.")] = Interval.DAY,
    post: Annotated[
        str | None, typer.Option(help="Of this post alone: its number, or its external id.")
    ] = None,
    period: Period = None,
    start: Start = None,
    end: End = None,
    tz: Zone = None,
    only: Only = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """How did engagement go, hour by hour, day by day or week by week?"""
    from engage.terminal.output import print_rows

    scope = (period, start, end, tz)
    rows = ask(folder, "/reports/series", scope, only, interval=interval.value, post=post)
    print_rows(rows if output is not Output.TABLE else with_bars(rows), output)


@failing_well
def ranking(  # noqa: PLR0913, PLR0917  (options of a command)
    dimension: Annotated[Dimension, typer.Argument(help="What is ranked.")],
    folder: Dir = DEFAULT_DIR,
    sort: Annotated[
        str, typer.Option(help="total_engagements, views, likes, comments, shares or rate.")
    ] = "total_engagements",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Rows at most.")] = 20,
    period: Period = None,
    start: Start = None,
    end: End = None,
    tz: Zone = None,
    only: Only = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Which posts, authors, categories or tags lead in a period?"""
    from engage.terminal.output import print_rows

    path = f"/reports/ranking/{dimension.value}"
    rows = ask(folder, path, (period, start, end, tz), only, sort=sort, limit=limit)
    if output is Output.TABLE:
        rows = [{name: row[name] for name in _RANKING_COLUMNS} for row in rows]
    print_rows(rows, output)


def with_bars(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what is shown of a series: its totals, and bars to compare them by."""
    most = max((row["total_engagements"] or 0 for row in rows), default=0) or 1
    return [
        {
            "start": row["start"].replace("T", " ").removesuffix("Z"),
            "total_engagements": row["total_engagements"],
            "before": row["previous_engagements"],
            "": "█" * round(_BAR_CHARACTERS * (row["total_engagements"] or 0) / most),
        }
        for row in rows
    ]


def filters(only: Sequence[str] | None) -> dict[str, str]:
    """Read NAME=VALUE pairs. Raises SetupError for what is none."""
    from schema.errors import SetupError

    chosen = {}
    for pair in only or ():
        name, equals, value = pair.partition("=")
        if name not in _FILTERS or not equals:
            raise SetupError(f"--only {pair}: expected NAME=VALUE, of {', '.join(_FILTERS)}")
        chosen[name] = value
    return chosen


def ask(
    folder: Any,
    path: str,
    scope: tuple[str | None, ...],
    only: Sequence[str] | None,
    **parameters: Any,
) -> Any:
    """Return what the read API says about a period and what counts in it."""
    from engage.client import get_json
    from engage.target import find

    chosen = filters(only)
    system = find(folder)
    named = dict(zip(("period", "start", "end", "tz"), scope, strict=True))
    return get_json(system.api_url, path, system.read_key, **named, **chosen, **parameters)
