"""Benchmarks: an author or a post compared with those of the same category."""

from datetime import UTC, datetime
from typing import Final

from pydantic import BaseModel, Field

from analytics_api.parameters import Parameters, PeriodParameters
from analytics_api.report import Context, report
from web.problems import Problem

_PEERS: Final = 200
_MIN_PEERS: Final = 20
_MIN_AGE_HOURS: Final = 0.25
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
    post_id = await context.id_of("post", query.post_id)
    row = await context.row(
        "post_benchmark", post_id=post_id or 0, now=datetime.now(UTC), peers=_PEERS
    )
    if row is None:
        raise Problem(404, "unknown_post", "there is no such post in the catalogue")
    found = dict(row)
    found["total_engagements"] = found.pop("engagements")
    if found["peers"] < _MIN_PEERS or found["age_hours"] < _MIN_AGE_HOURS:
        found |= dict.fromkeys(("percentile", "median", "low", "high"))
    return PostBenchmark(**found)
