"""The public JSON: one model a report, with the names of its columns in CSV."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

Period = Literal["7d", "30d", "90d", "all"]
CategoryMetric = Literal["engagement", "posts"]

_EXTERNAL_ID = "What your own system calls it, where the catalogue knows."


class Engagement(BaseModel):
    """How one post was engaged with."""

    post_id: int
    title: str
    author_id: int
    author_name: str
    category: str
    publish_date: datetime
    views: int
    likes: int
    comments: int
    shares: int
    total_engagements: int
    engagement_rate: float = Field(
        description="100 x (likes + comments + shares) / views, 2 decimals; 0 without views."
    )
    external_id: str | None = Field(default=None, description=_EXTERNAL_ID)


class Category(BaseModel):
    """One category of posts."""

    category: str
    total_engagements: int
    total_posts: int
    avg_engagement_per_post: float
    top_author: str
    rank: int


class AuthorTrends(BaseModel):
    """How one author's posts do."""

    author_id: int
    author_name: str
    category: str
    total_posts: int
    total_engagements: int
    avg_engagement_per_post: float
    trend_7d: float = Field(
        description="Mean all-time engagements of posts published since midnight 7 days ago."
    )
    trend_30d: float = Field(description="Likewise, 30 days.")
    change_7d: float | None = Field(
        description="Percent by which engagements of the last 7 x 24 h exceed those of the 7 x 24 h"
        " before; null if there were none."
    )
    change_30d: float | None = Field(description="Likewise, 30 x 24 h.")
    external_id: str | None = Field(default=None, description=_EXTERNAL_ID)


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
    external_id: str | None = Field(default=None, description=_EXTERNAL_ID)


class SampleAuthor(BaseModel):
    """One author, for pickers."""

    author_id: int
    name: str
    category: str
    total_posts: int
    total_engagements: int
    avg_engagement_per_post: float
    performance_segment: str = Field(description="By the posts of the last 90 days.")
    external_id: str | None = Field(default=None, description=_EXTERNAL_ID)


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


class EngagementPattern(BaseModel):
    """One hour of one weekday, over the last 365 days."""

    hour_of_day: int
    day_of_week: int = Field(description="0 is Sunday.")
    day_name: str
    views: int
    likes: int
    comments: int
    shares: int
    total_engagements: int
    posts_engaged: int = Field(description="Distinct posts.")
    active_users: int = Field(description="Distinct users, the anonymous ones left out.")
    avg_engagement_per_post: float
    pct_of_total_engagement: float


class OpportunityAuthor(BaseModel):
    """What one author's posts of the last 90 days bring, and could bring."""

    author_id: int
    author_name: str
    category: str
    total_posts: int
    total_engagements: int
    avg_engagement_per_post: float
    engagement_rate_pct: float
    category_median: float = Field(description="Median of the averages of the category's authors.")
    performance_segment: str
    opportunity_score: int = Field(
        description="(category_median - avg_engagement_per_post) x total_posts where much is"
        " published below the median, else 0."
    )
