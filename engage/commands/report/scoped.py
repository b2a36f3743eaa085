"""`engage report overview|series|ranking`: reports with a period and filters."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from engage.commands.report.question import Limit, ScopedQuestion, report
from engage.terminal.options import Output

_BAR_CHARACTERS: Final = 40


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


@report
def overview(question: ScopedQuestion) -> None:
    """How much engagement was there, compared with the period before?"""
    from engage.terminal.output import print_json, print_rows

    found = question.ask("/reports/overview")
    if question.output is Output.JSON:
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
    title = f"{found['start'][:10]} to {found['end'][:16]} {found['tz']}"
    print_rows(rows, question.output, title=title)


@report
def series(
    question: ScopedQuestion,
    interval: Annotated[Interval, typer.Option(help="Weeks begin on Monday.")] = Interval.DAY,
    post: Annotated[
        str | None, typer.Option(help="Of this post alone: its number, or its external id.")
    ] = None,
) -> None:
    """How did engagement go, hour by hour, day by day or week by week?"""
    from engage.terminal.output import print_rows

    rows = question.ask("/reports/series", interval=interval.value, post=post)
    print_rows(with_bars(rows) if question.is_for_people else rows, question.output)


@report
def ranking(
    question: ScopedQuestion,
    dimension: Annotated[Dimension, typer.Argument(help="What is ranked.")],
    sort: Annotated[
        str, typer.Option(help="total_engagements, views, likes, comments, shares or rate.")
    ] = "total_engagements",
    limit: Limit = 20,
) -> None:
    """Which posts, authors, categories or tags lead in a period?"""
    rows = question.ask(f"/reports/ranking/{dimension.value}", sort=sort, limit=limit)
    question.show("ranking", rows)


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
