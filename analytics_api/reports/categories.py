"""Categories of posts, ranked."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from analytics_api.parameters import Parameters
from analytics_api.report import Context, report
from web.parameters import Integer


class CategoryParameters(Parameters):
    """By what categories are ranked."""

    metric: Literal["engagement", "posts"] = Field("engagement", description="What to rank by.")
    limit: Annotated[Integer, Field(ge=1, le=50)] = Field(10, description="Maximum rows.")


class Category(BaseModel):
    """One category of posts."""

    category: str
    total_engagements: int
    total_posts: int
    avg_engagement_per_post: float
    top_author: str
    rank: int


@report(
    "categories",
    "/categories/top",
    tag="reports",
    sql=("categories_top",),
    columns=(
        "rank", "category", "total_engagements", "total_posts", "avg_engagement_per_post",
        "top_author",
    ),
)  # fmt: skip
async def categories_top(context: Context, query: CategoryParameters) -> list[Category]:
    """Which categories lead, and which author leads each?"""
    rows = await context.rows("categories_top", metric=query.metric, limit=query.limit)
    return [Category(**row) for row in rows]
