"""The public JSON of what moves."""

from typing import Literal

from pydantic import BaseModel, Field

from analytics_api.reports.movers.usual import Dimension
from analytics_api.reports.scope import EventKind


class Mover(BaseModel):
    """Everything, a category, an author or a post that is far from what was expected."""

    dimension: Dimension
    key: str = Field(description="The id of a post or an author, a category, or empty.")
    label: str
    author_name: str | None = Field(description="Of a post.")
    category: str | None = Field(description="Of a post, or an author's own.")
    direction: Literal["above", "below"]
    engagements: int = Field(description="In the window; of a young post, until age_hours.")
    expected: float = Field(description="What is usual, times the tide; of a young post, a peer's.")
    ratio: float | None = Field(description="engagements / expected; null: nothing was expected.")
    z: float = Field(description="Distance in units of the usual scatter (median and MAD).")
    basis: Literal["weeks", "age"] = Field(
        description="The same hours of the weeks before, or the category's posts at the same age."
    )
    weeks: int | None = Field(description="How many, for weeks.")
    age_hours: int | None = Field(description="Of a young post.")
    tide: float | None = Field(
        description="How many times as much as usual there is of everything; null for age."
    )
    cause_type: EventKind | None = Field(description="That makes up most of the difference.")
    cause_type_excess: float | None
    cause_post_id: int | None = Field(description="Likewise.")
    cause_title: str | None
    cause_post_excess: float | None
    sentence: str
