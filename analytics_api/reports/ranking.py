"""Posts, authors, categories and tags of a period, ranked."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from analytics_api.ids import external_ids_of
from analytics_api.measures import Counts, ExternalId, WhyNotCompared, change_percent
from analytics_api.paging import limited_page, place_of
from analytics_api.parameters import PageParameters, PeriodParameters
from analytics_api.report import Context, report
from analytics_api.responses import Page


class RankingParameters(PeriodParameters, PageParameters):
    """Dimension and order of a ranking, and its selection of posts and events."""

    dimension: Literal["post", "author", "category", "tag"] = Field(description="What to rank.")
    sort: Literal["total_engagements", "views", "likes", "comments", "shares", "rate"] = Field(
        "total_engagements",
        description="What to rank by. By rate, those of fewer than 30 views follow the others.",
    )


class Ranked(Counts):
    """One post, author, category or tag in a period."""

    rank: int
    key: str = Field(description="The ID of a post or an author, or the category or tag.")
    label: str
    author_id: int | None = Field(description="Of a post.")
    author_name: str | None = Field(description="Of a post.")
    category: str | None = Field(description="Of a post or an author.")
    publish_date: datetime | None = Field(description="Of a post.")
    engagement_rate: float | None = Field(description="null without views, which sorts last.")
    posts_engaged: int
    previous_engagements: int | None = Field(description="Total in the comparison period.")
    change_pct: float | None = Field(description="null: nothing was before, or it is unknown.")
    no_comparison: WhyNotCompared
    external_id: ExternalId = None


@report(
    "ranking",
    "/reports/ranking/{dimension}",
    tag="reports",
    sql=("ranking",),
    cost="events",
    columns=(
        "rank", "key", "label", "views", "likes", "comments", "shares", "total_engagements",
        "engagement_rate", "change_pct",
    ),
)  # fmt: skip
async def ranking(context: Context, query: RankingParameters) -> Page[Ranked]:
    """Which posts, authors, categories or tags lead?"""
    place = place_of(query)
    rows = await context.rows(
        "ranking",
        **context.period.values(),
        dimension=query.dimension,
        sort=query.sort,
        limit=query.limit + 1,
        after=place.value,
        after_key=place.key,
    )
    no_comparison = context.period.no_comparison
    posts = [int(row["key"]) for row in rows] if query.dimension == "post" else []
    external_ids = await external_ids_of(context.pool, posts) if posts else {}

    def ranked(row: dict[str, Any], rank: int) -> Ranked:
        before = None if no_comparison else row["previous_engagements"]
        change = change_percent(row["total_engagements"], before)
        return Ranked(
            **row | {"previous_engagements": before, "no_comparison": no_comparison, "rank": rank},
            change_pct=change,
            external_id=external_ids.get(int(row["key"])) if posts else None,
        )

    return limited_page(rows, query, ranked, "key")
