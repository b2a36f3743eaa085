"""The public JSON of what authors would earn at the median, and why they do not."""

from typing import Literal

from pydantic import BaseModel, Field

from analytics_api.reports.fair.models import IndexedAuthor

ReasonName = Literal[
    "weak_hours", "media", "promoted", "title_length", "content_length",
    "views", "like_rate", "comment_rate", "share_rate", "age_mix",
]  # fmt: skip


class Reason(BaseModel):
    """What goes along with an author's distance to the median, where the data are clear."""

    reason: ReasonName
    author: float = Field(description="The author's value.")
    category: float = Field(description="That of all posts of the same categories.")
    unit: str
    effect_pct: float | None = Field(
        description="What the difference goes along with; null: it does not touch the index."
    )
    low_pct: float | None = Field(description="Of the 95 % interval.")
    high_pct: float | None
    sentence: str


class Opportunity(IndexedAuthor):
    """What an author would earn at the category's median, and what stands in the way."""

    median_index: float | None = Field(description="null: the category has too few authors.")
    gain: int = Field(description="More engagements in posts' first hours, per 90 days.")
    gain_low: int = Field(description="Of the 95 % interval.")
    gain_high: int
    is_clear: bool = Field(description="The interval does not contain 0.")
    why: str = Field(description="The reasons in words.")
    reasons: list[Reason]
