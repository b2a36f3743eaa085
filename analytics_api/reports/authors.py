"""Authors: trends of one, the best by category, and examples of authors and posts."""

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import BaseModel, Field

from analytics_api.measures import ExternalId, WhyNotCompared
from analytics_api.parameters import Parameters
from analytics_api.report import Context, report
from analytics_api.statistics.calendar import days_before, months_before
from web.parameters import Integer
from web.problems import Problem

_SEGMENT_DAYS = 90


class AuthorParameters(Parameters):
    """An author."""

    author_id: str = Field(description="The author's number or external ID.")


class AuthorTrends(BaseModel):
    """Engagement with one author's posts, and how it changes."""

    author_id: int
    author_name: str
    category: str
    total_posts: int
    total_engagements: int
    avg_engagement_per_post: float
    trend_7d: float = Field(
        description="Mean all-time engagements of posts published since midnight 7 days ago."
    )
    trend_30d: float = Field(
        description="Mean all-time engagements of posts published since midnight 30 days ago."
    )
    change_7d: float | None = Field(
        description="Change in percent from the engagements of the 7 x 24 h before to those of the"
        " last 7 x 24 h; null if there were none before."
    )
    change_30d: float | None = Field(description="The same for 30 x 24 h.")
    no_comparison_7d: WhyNotCompared = Field(
        description="Why part of the engagements of the 7 x 24 h before is unknown, so that"
        " change_7d is no change; null: they are known."
    )
    no_comparison_30d: WhyNotCompared = Field(description="The same for change_30d.")
    external_id: ExternalId = None


@report(
    "author",
    "/author/{author_id:path}/trends",
    tag="reports",
    sql=("author_trends", "recorded_since"),
    window="minute",
    statuses=(404,),
)
async def author_trends(context: Context, query: AuthorParameters) -> AuthorTrends:
    """How are an author's posts engaged with, and how does it change?"""
    now = context.as_of
    row = await context.row(
        "author_trends",
        author_id=await context.id_of("author", query.author_id) or 0,
        since_7d=days_before(7, context.zone, now),
        since_30d=days_before(30, context.zone, now),
        now=now,
    )
    if row is None:
        raise Problem(404, "unknown_author", "there is no such author in the catalogue")
    recording = await context.recording()
    reasons = {
        f"no_comparison_{days}d": recording.why_unknown(
            now - timedelta(hours=48 * days), now - timedelta(hours=24 * days)
        )
        for days in (7, 30)
    }
    return AuthorTrends(**row, **reasons)


class TopAuthor(BaseModel):
    """One author's posts in one category, of the last 3 months."""

    author_id: int
    author_name: str
    author_category: str
    post_category: str
    post_count: int
    total_views: int
    total_likes: int
    total_comments: int
    total_shares: int
    total_engagements: int
    avg_engagement_per_post: float
    category_rank: int = Field(description="Among the authors of the same author_category.")
    overall_rank: int


@report(
    "top-authors",
    "/analytics/top-authors",
    tag="reports",
    sql=("top_authors",),
    window="day",
    columns=(
        "overall_rank", "author_name", "post_category", "post_count", "total_engagements",
        "avg_engagement_per_post", "author_category", "category_rank",
    ),
)  # fmt: skip
async def top_authors(context: Context, query: Parameters) -> list[TopAuthor]:
    """Which authors are best, overall and in their category? Posts of the last 3 months."""
    since = months_before(3, context.zone, context.now)
    return [TopAuthor(**row) for row in await context.rows("top_authors", since=since)]


class PostLimit(Parameters):
    """Number of posts."""

    limit: Annotated[Integer, Field(ge=1, le=100)] = Field(10, description="Maximum rows.")


class SamplePost(BaseModel):
    """One post, for pickers."""

    post_id: int
    title: str
    author: str
    category: str
    publish_date: datetime
    views: int
    likes: int
    comments: int
    shares: int
    total_engagements: int
    external_id: ExternalId = None


@report(
    "posts",
    "/sample/posts",
    tag="reports",
    sql=("sample_posts",),
    columns=(
        "post_id", "title", "author", "category", "views", "likes", "comments", "shares",
        "total_engagements",
    ),
)  # fmt: skip
async def sample_posts(context: Context, query: PostLimit) -> list[SamplePost]:
    """Which posts are engaged with most? For pickers."""
    return [SamplePost(**row) for row in await context.rows("sample_posts", limit=query.limit)]


class AuthorLimit(Parameters):
    """Number of authors."""

    limit: Annotated[Integer, Field(ge=1, le=50)] = Field(10, description="Maximum rows.")


class SampleAuthor(BaseModel):
    """One author, for pickers."""

    author_id: int
    name: str
    category: str
    total_posts: int
    total_engagements: int
    avg_engagement_per_post: float
    performance_segment: str = Field(description="By the posts of the last 90 days.")
    external_id: ExternalId = None


@report(
    "authors",
    "/sample/authors",
    tag="reports",
    sql=("sample_authors",),
    window="day",
    columns=(
        "author_id", "name", "category", "total_posts", "total_engagements",
        "avg_engagement_per_post", "performance_segment",
    ),
)  # fmt: skip
async def sample_authors(context: Context, query: AuthorLimit) -> list[SampleAuthor]:
    """Which authors are engaged with most? For pickers."""
    since = days_before(_SEGMENT_DAYS, context.zone, context.now)
    rows = await context.rows("sample_authors", limit=query.limit, since=since)
    return [SampleAuthor(**row) for row in rows]
