"""Counts and percentages that reports share."""

from typing import Annotated

from pydantic import BaseModel, Field

from analytics_api.periods import NoComparison

WhyNotCompared = Annotated[
    NoComparison | None,
    Field(description="Why values of the comparison period are null; null: they are known."),
]
ExternalId = Annotated[
    str | None, Field(description="ID in your own system, if the catalogue has it.")
]


class Counts(BaseModel):
    """Engagements by type."""

    views: int
    likes: int
    comments: int
    shares: int
    total_engagements: int


def engagement_rate(active: int, views: int) -> float | None:
    """Return 100 x active / views to 2 decimals, halves rounded up; None without views."""
    return (20_000 * active + views) // (2 * views) / 100 if views else None


def change_percent(now: float, before: float | None) -> float | None:
    """Return 100 x (now - before) / before to 1 decimal; None: nothing or unknown before."""
    return round(100 * (now - before) / before, 1) if before else None


def part_percent(part: int, whole: int) -> float | None:
    """Return 100 x part / whole to 2 decimals; None without a whole."""
    return round(100 * part / whole, 2) if whole else None
