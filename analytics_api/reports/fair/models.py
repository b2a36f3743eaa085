"""The public JSON of the reports that compare posts at equal age."""

from datetime import datetime
from typing import Final, Literal, get_args

from pydantic import BaseModel, Field

from analytics_api.reports.scoped.models import Counts

Age = Literal["1", "6", "24", "48", "168"]
"""The ages at which posts are compared, in hours: compared_ages() of the database."""
AGES: Final = tuple(map(int, get_args(Age)))
FairSort = Literal["index", "engagements"]
CohortBy = Literal["tenure", "joined"]


class Indexed(BaseModel):
    """What is earned in posts' first hours, beside what is usual there."""

    usual: float = Field(description="Engagements a post that are usual, at the same age.")
    index: float = Field(description="1: as usual; 1.3: 30 % more. Shrunk towards 1.")
    low: float = Field(description="Of the index's 95 % interval.")
    high: float


class FairPost(Counts, Indexed):
    """One post and its first hours, beside its category's posts."""

    rank: int
    post_id: int
    title: str
    author_id: int
    author_name: str
    category: str
    publish_date: datetime


class IndexedAuthor(Indexed):
    """One author's posts and their first hours, beside the posts of the same categories."""

    rank: int
    author_id: int
    author_name: str
    category: str = Field(description="The author's own; posts may be in others.")
    posts: int = Field(description="Old enough to be compared.")
    total_engagements: int
    per_post: float


class FairAuthor(IndexedAuthor):
    """One author, and how it was in the period before."""

    previous_posts: int
    previous_index: float | None = Field(description="null: no posts to compare.")


class Cohort(Indexed):
    """Authors' posts in one month since they joined."""

    joined: str | None = Field(description="Month of joining; null: all of them together.")
    month: int = Field(description="Since joining; 0: the first 30 days.")
    authors: int
    posts: int
    per_post: float
