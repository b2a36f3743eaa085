"""The public JSON of the reports that have a period and filters."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

Interval = Literal["hour", "day", "week"]
Dimension = Literal["post", "author", "category", "tag"]
Sort = Literal["total_engagements", "views", "likes", "comments", "shares", "rate"]


class Counts(BaseModel):
    """Engagements by type."""

    views: int
    likes: int
    comments: int
    shares: int
    total_engagements: int


class PeriodTotals(Counts):
    """What happened in a period."""

    posts_engaged: int = Field(description="Distinct posts.")
    active_users: int = Field(description="Distinct users, the anonymous ones left out.")
    posts_published: int
    engagement_rate: float = Field(
        description="100 x (likes + comments + shares) / views, 2 decimals; 0 without views."
    )


class Change(BaseModel):
    """Percent by which this period exceeds the one before; null: there was nothing before."""

    views: float | None
    likes: float | None
    comments: float | None
    shares: float | None
    total_engagements: float | None
    posts_engaged: float | None
    active_users: float | None
    posts_published: float | None


class Overview(BaseModel):
    """A period's totals beside those of the period before."""

    start: datetime
    end: datetime = Field(description="Just after the period.")
    tz: str
    current: PeriodTotals
    previous: PeriodTotals | None = Field(description="null for all: nothing is before.")
    change_pct: Change | None


class SeriesPoint(BaseModel):
    """One hour, day or week. Counts are null where engagement was not recorded yet."""

    start: datetime = Field(description="On the clocks of tz.")
    views: int | None
    likes: int | None
    comments: int | None
    shares: int | None
    total_engagements: int | None
    previous_engagements: int | None = Field(
        description="Total of the interval at the same place of the period before."
    )


class Ranked(Counts):
    """One post, author, category or tag in a period."""

    rank: int
    key: str = Field(description="The id of a post or an author, or the text itself.")
    label: str
    author_id: int | None = Field(description="Of a post.")
    author_name: str | None = Field(description="Of a post.")
    category: str | None = Field(description="Of a post, or an author's own.")
    publish_date: datetime | None = Field(description="Of a post.")
    engagement_rate: float
    posts_engaged: int
    previous_engagements: int = Field(description="Total in the period before.")
    change_pct: float | None = Field(description="null: there was nothing before.")
