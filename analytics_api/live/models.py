"""The public JSON of what happens at this moment."""

from datetime import datetime

from pydantic import BaseModel, Field

from analytics_api.ledger.models import AlarmRow
from analytics_api.reports.scoped.models import Counts


class LivePost(Counts):
    """One post, and its engagements of the last minutes."""

    post_id: int
    title: str
    author_id: int
    author_name: str
    category: str


class Pipeline(BaseModel):
    """How the way of the events fares."""

    stored: int = Field(description="Events that became rows, ever.")
    in_flight: int | None = Field(description="Records not stored yet; null while Kafka is away.")
    latency_seconds: float | None = Field(
        description="From receipt to being stored: the oldest event of each partition's newest"
        " batch, the slowest one. null: nothing was stored in the last minute."
    )
    dead_letters: int = Field(description="That wait to be replayed.")
    halted_partitions: int = Field(description="That wait for a person.")
    caught_up_timestamp: datetime | None = Field(
        description="The last moment at which everything was stored."
    )
    view_as_of: datetime | None = Field(description="When the reports' numbers were true.")
    alarms: list[AlarmRow]


class Live(BaseModel):
    """What happens at this moment, in all of the catalogue."""

    as_of: datetime = Field(description="The end of the last second.")
    events_per_second: float = Field(description="Mean of the last ten of seconds.")
    seconds: list[int] = Field(description="Events that happened in each of the last 60 seconds.")
    top_posts: list[LivePost] = Field(description="Most engaged in the last 5 minutes.")
    pipeline: Pipeline
