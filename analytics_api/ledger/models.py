"""The public JSON of the ledger and of alarms."""

from datetime import datetime

from pydantic import BaseModel, Field


class PartitionLedger(BaseModel):
    """What became of the records of one partition of the topic."""

    topic: str
    partition: int
    first_offset: int = Field(
        description="Where the account begins. An operator's order to read offsets again moves it"
        " back by as many, below the log's start and below 0: next_offset - first_offset were read."
    )
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
    retracted: int = Field(description="Rows that a retraction took away.")


class AlarmRow(BaseModel):
    """One thing that is wrong at this moment."""

    alarm: str = Field(
        description="imbalance, halted, stalled, falling_behind, lag_unknown, view_too_old,"
        " partitions_running_out, disk_filling_up or unwatched."
    )
    subject: str = Field(description="What it is about, such as a partition; may be empty.")
    detail: str
    raised_timestamp: datetime


class Ledger(BaseModel):
    """Whether every record is accounted for."""

    balanced: bool = Field(
        description="For each partition next_offset - first_offset = stored + duplicates +"
        " dead_lettered + skipped; over all, stored + replayed = engagements + expired +"
        " retracted; and"
        " nothing in flight is negative."
    )
    partitions: list[PartitionLedger]
    totals: LedgerTotals
    alarms: list[AlarmRow] = Field(
        default=[], description="What the watch found wrong when it looked last."
    )
