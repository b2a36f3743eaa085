"""The public JSON of what editors may learn from: funnel, audience, effects."""

from typing import Literal

from pydantic import BaseModel, Field

from analytics_api.reports.scoped.models import Counts

AudienceBy = Literal["segment", "country"]


class FunnelStep(BaseModel):
    """One step from view to share."""

    step: Literal["view", "like", "comment", "share"]
    events: int = Field(description="Of this type, the anonymous ones included.")
    readings: int = Field(description="Pairs of a known user and a post that was viewed, with it.")
    of_viewed_pct: float | None = Field(description="Of the readings with a view.")
    reached: int = Field(description="Readings with this step and all steps before it.")
    of_previous_pct: float | None = Field(description="Of those that reached the step before.")
    events_before: int | None = Field(description="In the period before; null for all.")
    of_viewed_before_pct: float | None = Field(description="Likewise.")


class AudienceGroup(Counts):
    """One segment or country."""

    key: str = Field(description="anonymous: no user was named; unknown: not in the catalogue.")
    active_users: int
    share_pct: float = Field(description="Of all engagements in the period.")
    per_user: float | None = Field(description="Engagements an active user.")
    previous_engagements: int
    change_pct: float | None


class Effect(BaseModel):
    """How posts with a feature do beside the same author's posts without it. No cause."""

    feature: str = Field(description="media, promoted, title_length, content_length or tag:NAME.")
    unit: str = Field(description="What the lift is for: having it, or so much more of it.")
    posts: int = Field(description="Posts that could be compared.")
    posts_with: int | None = Field(description="Of them with the feature; null for a length.")
    lift_pct: float = Field(description="More engagement in the first hours.")
    low_pct: float = Field(description="Of the 95 % interval.")
    high_pct: float
    is_clear: bool = Field(description="The interval does not contain 0.")
