"""The public JSON: one model a report, with the names of its columns in CSV."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

Period = Literal["7d", "30d", "90d", "all"]
CategoryMetric = Literal["engagement", "posts"]


class Engagement(BaseModel):
    """How one post was engaged with."""

    post_id: int
    title: str
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


class Category(BaseModel):
    """One category of posts."""

    category: str
    total_engagements: int
    total_posts: int
    avg_engagement_per_post: float
    top_author: str
    rank: int


class PartitionLedger(BaseModel):
    """What became of the records of one partition of the topic."""

    topic: str
    partition: int
    first_offset: int
    next_offset: int
    log_end_offset: int | None = Field(description="null while Kafka is away.")
    stored: int
    duplicates: int
    dead_lettered: int
    skipped: int
    in_flight: int | None = Field(description="log_end_offset - next_offset.")
    halt_reason: str | None = Field(default=None, description="Set while it waits for a person.")


class LedgerTotals(BaseModel):
    """The partitions' sums, and what is in the tables."""

    stored: int
    duplicates: int
    dead_lettered: int
    skipped: int
    in_flight: int | None
    replayed: int
    engagements: int = Field(description="Rows in the table of events, counted.")
    expired: int = Field(description="Rows of partitions that were dropped.")


class Ledger(BaseModel):
    """Whether every record is accounted for."""

    balanced: bool = Field(
        description="For each partition next_offset - first_offset = stored + duplicates +"
        " dead_lettered + skipped; over all, stored + replayed = engagements + expired; and"
        " nothing in flight is negative."
    )
    partitions: list[PartitionLedger]
    totals: LedgerTotals
