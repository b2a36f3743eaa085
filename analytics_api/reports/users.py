"""Users behind the engagement with posts, authors and categories."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from analytics_api.measures import part_percent
from analytics_api.paging import limited_page, place_of
from analytics_api.parameters import PageParameters, PeriodParameters
from analytics_api.report import Context, report
from analytics_api.responses import Page


class UsersParameters(PeriodParameters, PageParameters):
    """Whose users are counted, in which order, and what counts."""

    dimension: Literal["post", "author", "category"] = Field(description="Whose users to count.")
    sort: Literal["active_users", "top_user_pct", "total_engagements"] = Field(
        "active_users",
        description="What to rank by. By top_user_pct, those of fewer than 30 known_engagements"
        " follow the others.",
    )


class UsersOf(BaseModel):
    """Users of one post, author or category in a period."""

    rank: int
    key: str = Field(description="The ID of a post or an author, or the category.")
    label: str
    total_engagements: int
    known_engagements: int = Field(description="Engagements with a user, not anonymous ones.")
    active_users: int = Field(description="Distinct users, without anonymous ones.")
    per_user: float | None = Field(description="known_engagements / active_users.")
    top_user_engagements: int = Field(description="Engagements of the most active user.")
    top_user_pct: float | None = Field(
        description="Their share of known_engagements; null without known engagements."
    )


@report(
    "users",
    "/reports/users/{dimension}",
    tag="reports",
    sql=("users_by",),
    cost="events",
    columns=(
        "rank", "key", "label", "active_users", "total_engagements", "known_engagements",
        "per_user", "top_user_pct",
    ),
)  # fmt: skip
async def users(context: Context, query: UsersParameters) -> Page[UsersOf]:
    """How many users engage with posts, authors or categories, and how much is of one user?

    With `type=comment`, for example, the share of one user in a post's comments.
    """
    place = place_of(query)
    rows = await context.rows(
        "users_by",
        **context.period.values(),
        dimension=query.dimension,
        sort=query.sort,
        limit=query.limit + 1,
        after=place.value,
        after_key=place.key,
    )
    return limited_page(rows, query, _users_of, "key")


def _users_of(row: dict[str, Any], rank: int) -> UsersOf:
    active, known = row["active_users"], row["known_engagements"]
    del row["sort_value"]
    return UsersOf(
        **row,
        rank=rank,
        per_user=round(known / active, 2) if active else None,
        top_user_pct=part_percent(row["top_user_engagements"], known),
    )
