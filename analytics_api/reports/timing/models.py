"""The public JSON of the reports about when to publish."""

from datetime import datetime

from pydantic import BaseModel, Field

from analytics_api.reports.timing.slots import Verdict


class Lift(BaseModel):
    """What publishing at an hour of the week does, beside the same authors' other posts."""

    day_name: str
    hour_of_day: int
    posts: int = Field(description="Published in it and old enough to be compared.")
    lift_pct: float = Field(description="More engagement in posts' first hours. Shrunk.")
    low_pct: float = Field(description="Of the 95 % interval.")
    high_pct: float


class PostingSlot(Lift):
    """One hour of one weekday."""

    day_of_week: int = Field(description="0 is Sunday.")
    counted: float = Field(
        description="Engagements, of a post no more than its author's best without the luckiest."
    )
    expected: float = Field(description="If each post did as its author's others in the category.")
    verdict: Verdict = Field(
        description="good or weak: the interval does not contain 0; thin: too few posts."
    )


class NextSlot(Lift):
    """A good hour that is still to come."""

    start: datetime
    end: datetime


class PostingHours(BaseModel):
    """How an author's posts are spread over good and weak hours."""

    author_id: int
    author_name: str
    category: str
    posts: int
    in_good: int
    in_weak: int
    good_pct: float
    weak_pct: float
    lift_pct: float = Field(description="Of the hours chosen, all posts weighing alike.")
