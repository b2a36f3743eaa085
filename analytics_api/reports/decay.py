"""The decay of engagement with posts, and old posts that still get it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from analytics_api.measures import ExternalId, part_percent
from analytics_api.parameters import AGES, FilterParameters, QuarterParameters
from analytics_api.report import Context, report
from analytics_api.reports.fairness import index_fields
from analytics_api.statistics.decay import half_life
from analytics_api.statistics.shrinkage import interval
from web.parameters import Integer

_RECENT: Final = timedelta(days=28)
_EVERGREEN: Final = 2.0


class Decay(BaseModel):
    """Shares of the first week's engagement by age, of posts of one category."""

    category: str | None = Field(description="null: all of them.")
    posts: int = Field(description="Posts of the period that are a week old.")
    engagements: int = Field(description="In the posts' first weeks.")
    pct_1h: float | None = Field(description="Percent of them in the first hour.")
    pct_6h: float | None
    pct_24h: float | None
    pct_48h: float | None
    half_life_hours: float | None = Field(
        description="Age by which posts have half of their first week's engagements."
    )


@report("decay", "/reports/decay", tag="fair reports", sql=("decay",), cost="posts")
async def decay(context: Context, query: QuarterParameters) -> list[Decay]:
    """How fast does engagement with posts fade, by category?"""
    rows = await context.rows("decay", **context.period.values())
    categories = {
        category: list(of_category) for category, of_category in groupby(rows, itemgetter(0))
    }
    found = [_decay(category, ages) for category, ages in categories.items()]
    return [_decay(None, rows), *found] if rows else []


def _decay(category: str | None, rows: Sequence[Mapping[str, Any]]) -> Decay:
    counts = [sum(row["engagements"] for row in rows if row["hours"] == age) for age in AGES]
    half = half_life(AGES, counts)
    return Decay(
        category=category,
        posts=sum(row["posts"] for row in rows if row["hours"] == AGES[-1]),
        engagements=counts[-1],
        half_life_hours=None if half is None else round(half, 1),
        **{
            f"pct_{age}h": part_percent(count, counts[-1])
            for age, count in zip(AGES[:-1], counts, strict=False)
        },
    )


class EvergreenParameters(FilterParameters):
    """Selection of posts and events."""

    limit: Annotated[Integer, Field(ge=1, le=1000)] = Field(20, description="Maximum rows.")


class Evergreen(BaseModel):
    """An old post that still earns engagement."""

    post_id: int
    title: str
    author_id: int
    author_name: str
    category: str
    publish_date: datetime
    first_week: int = Field(description="Engagements in the first 168 hours.")
    recent: int = Field(description="Engagements in the last 28 days.")
    expected: float = Field(
        description="In the last 28 days, if the post faded as posts of its category and age do."
    )
    index: float = Field(description="recent / expected, shrunk towards 1.")
    low: float = Field(description="Lower end of the index's 95 % credible interval.")
    high: float
    is_evergreen: bool = Field(description="Whether low is above 2.")
    external_id: ExternalId = None


@report(
    "evergreen",
    "/reports/evergreen",
    tag="fair reports",
    sql=("evergreen",),
    cost="posts",
    columns=(
        "title", "author_name", "publish_date", "first_week", "recent", "expected", "index", "low",
        "is_evergreen",
    ),
)  # fmt: skip
async def evergreen(context: Context, query: EvergreenParameters) -> list[Evergreen]:
    """Which old posts still earn more than posts of their age do?

    Posts of five weeks and older, by the lower end of the index.
    """
    period = context.period
    values = {
        **period.values(),
        "since": period.end - _RECENT,
        "now": period.end,
        "limit": query.limit,
    }
    found = [_evergreen(dict(row)) for row in await context.rows("evergreen", **values)]
    return sorted(found, key=lambda post: (-post.low, post.post_id))


def _evergreen(row: dict[str, Any]) -> Evergreen:
    prior, expected = 1 / row.pop("spread"), row["expected"]
    estimate = interval(prior + row["recent"], prior + expected)
    row["expected"] = round(expected, 1)
    return Evergreen(**row, **index_fields(estimate), is_evergreen=estimate.low > _EVERGREEN)
