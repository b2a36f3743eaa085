"""Benchmarks: an author or a post compared with those of the same category."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel, Field

from analytics_api.measures import part_percent
from analytics_api.parameters import Parameters, PeriodParameters
from analytics_api.report import Context, report
from web.problems import Problem

_PEERS: Final = 200
_MIN_PEERS: Final = 20
_MIN_AGE_HOURS: Final = 0.25
_WEEK_HOURS: Final = 168
_PATH_HOURS: Final = (0.25, 0.5, 1, 2, 3, 6, 12, 18, 24, 36, 48, 72, 96, 120, 144, _WEEK_HOURS)
_MEDIAN = Field(description="Of the authors that count; null: there is none.")


class AuthorBenchmarkParameters(PeriodParameters):
    """An author, a period, and what counts in it."""

    author_id: str = Field(description="The author's number or external ID.")


class AuthorBenchmark(BaseModel):
    """One author's rank in a period, and the medians of the category."""

    author_id: int
    author_name: str
    category: str = Field(description="The author's own, whose authors are compared.")
    authors: int = Field(description="Authors of the category with engagement in the period.")
    total_engagements: int = Field(description="Of this author.")
    rank: int | None = Field(description="By total_engagements; null: there were none.")
    median_total_engagements: float | None = _MEDIAN
    median_views: float | None = _MEDIAN
    median_likes: float | None = _MEDIAN
    median_comments: float | None = _MEDIAN
    median_shares: float | None = _MEDIAN


@report(
    "author-benchmark",
    "/reports/author-benchmark/{author_id:path}",
    tag="reports",
    sql=("author_benchmark",),
    cost="events",
    statuses=(404,),
)
async def author_benchmark(context: Context, query: AuthorBenchmarkParameters) -> AuthorBenchmark:
    """How does an author compare with all authors of the same category?"""
    if query.author is not None:
        raise Problem(422, "invalid_parameter", "author: the author is in the path")
    author = await context.id_of("author", query.author_id)
    values = {**context.period.values(), "author": author or 0}
    row = await context.row("author_benchmark", **values)
    if row is None:
        raise Problem(404, "unknown_author", "there is no such author in the catalogue")
    return AuthorBenchmark(**row)


class PostBenchmarkParameters(Parameters):
    """A post."""

    post_id: str = Field(description="The post's number or external ID.")


class PostBenchmark(BaseModel):
    """A post compared with earlier posts of its category at the same age."""

    post_id: int
    title: str
    author_id: int
    author_name: str
    category: str
    publish_date: datetime
    age_hours: float = Field(
        description="Age at which posts are compared: that of the post, at most 168."
    )
    total_engagements: int = Field(description="Until that age.")
    peers: int = Field(
        description="The latest posts of the category that reached that age, at most 200."
    )
    percentile: float | None = Field(
        description="Percent of them with fewer engagements at that age, and half of those with as"
        " many. null, like what follows, for less than 20 posts or before 15 minutes."
    )
    median: float | None = Field(description="Of their engagements at that age.")
    low: float | None = Field(description="A tenth of them has no more at that age.")
    high: float | None = Field(description="Nine tenths of them have no more at that age.")
    rate_hours: float = Field(
        description="Hours of the rates: the last sixth of the age, at least one and at most 24."
    )
    per_hour: float | None = Field(
        description="Engagements an hour in the last rate_hours; null for posts older than a week."
    )
    median_per_hour: float | None = Field(description="The median of the others at that age.")
    active_users: int = Field(description="Distinct known users until that age.")
    known_engagements: int = Field(description="Engagements with a user until that age.")
    top_user_pct: float | None = Field(
        description="Share of the most active user in known_engagements; null without any."
    )


@report(
    "post-benchmark",
    "/reports/post-benchmark/{post_id:path}",
    tag="reports",
    sql=("post_benchmark",),
    data="live",
    window="minute",
    statuses=(404,),
)
async def post_benchmark(context: Context, query: PostBenchmarkParameters) -> PostBenchmark:
    """Is this post doing well now, for its age?

    Live, from 15 minutes after publication on.
    """
    now = datetime.now(UTC)
    post_id = await context.id_of("post", query.post_id)
    row = await context.row("post_benchmark", post_id=post_id or 0, now=now, peers=_PEERS)
    if row is None:
        raise _unknown_post()
    return _post_benchmark(dict(row), now)


def _post_benchmark(row: dict[str, Any], now: datetime) -> PostBenchmark:
    hours = row["rate_hours"]
    lately, median_lately = row.pop("lately"), row.pop("median_lately")
    rates = {"per_hour": lately, "median_per_hour": median_lately}
    row |= {
        name: rate / hours if hours and rate is not None else None for name, rate in rates.items()
    }
    row["total_engagements"] = row.pop("engagements")
    row["top_user_pct"] = part_percent(row.pop("top_user_engagements"), row["known_engagements"])
    unknown = set()
    if row["peers"] < _MIN_PEERS or row["age_hours"] < _MIN_AGE_HOURS:
        unknown |= {"percentile", "median", "low", "high", "median_per_hour"}
    if now - row["publish_date"] > timedelta(hours=_WEEK_HOURS):
        unknown |= rates.keys()
    return PostBenchmark(**row | dict.fromkeys(unknown))


def _unknown_post() -> Problem:
    return Problem(404, "unknown_post", "there is no such post in the catalogue")


class PostPathPoint(BaseModel):
    """A post at one age, and what posts of its category had at that age."""

    hours: float = Field(description="The age; one row has that of the post, up to 168.")
    engagements: int | None = Field(description="Of the post until that age; null: it is younger.")
    peers: int = Field(
        description="The latest posts of the category, at most 200, that are as old as the post and"
        " reached that age. What follows is of these, and null for less than 20 of them."
    )
    median: float | None
    low_50: float | None = Field(description="A quarter of them has no more.")
    high_50: float | None = Field(description="Three quarters of them have no more.")
    low_80: float | None = Field(description="A tenth of them has no more.")
    high_80: float | None = Field(description="Nine tenths of them have no more.")


@report(
    "post-path",
    "/reports/post-path/{post_id:path}",
    tag="reports",
    sql=("post_path",),
    data="live",
    window="minute",
    statuses=(404,),
)
async def post_path(context: Context, query: PostBenchmarkParameters) -> list[PostPathPoint]:
    """How did a post's engagement grow with its age, compared with its category?

    Live. The typical post is known beyond the age of this one.
    """
    post_id = await context.id_of("post", query.post_id)
    rows = await context.rows(
        "post_path",
        post_id=post_id or 0,
        now=datetime.now(UTC),
        hours=_PATH_HOURS,
        peers=_PEERS,
    )
    if not rows:
        raise _unknown_post()
    unknown = dict.fromkeys(("median", "low_50", "high_50", "low_80", "high_80"))
    return [
        PostPathPoint(**dict(row) | (unknown if row["peers"] < _MIN_PEERS else {})) for row in rows
    ]
