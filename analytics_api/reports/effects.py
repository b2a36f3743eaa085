"""Features of posts that correlate with their engagement."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic import BaseModel, Field

from analytics_api.parameters import AgeParameters, PeriodParameters
from analytics_api.report import Context, report
from analytics_api.statistics.inference import are_clear
from analytics_api.statistics.within import (
    Group,
    Level,
    LogRatio,
    interval_percent,
    lift_percent,
    within,
)

_MIN_TAGGED_POSTS: Final = 30

Features = dict[str, dict[Group, list[Level]]]
"""Levels by feature and group."""


class EffectsParameters(PeriodParameters, AgeParameters):
    """Selection of posts, and the age at which they are compared."""


class Effect(BaseModel):
    """Posts with a feature, compared with the same author's posts without it. No cause."""

    feature: str = Field(description="media, promoted, title_length, content_length or tag:NAME.")
    unit: str = Field(description="The difference that the lift refers to.")
    posts: int = Field(description="Posts that could be compared.")
    posts_with: int | None = Field(description="Those with the feature; null for a length.")
    authors: float = Field(
        description="Effective number of authors whose posts differ in it, at least 6."
    )
    lift_pct: float = Field(description="More engagement in the first hours.")
    low_pct: float = Field(description="Lower end of the 95 % confidence interval.")
    high_pct: float
    is_clear: bool = Field(
        description="Significant among all features tested: at most 5 % of clear ones are chance."
    )


class _Feature(NamedTuple):
    """The unit of a feature's lift, and how much of the feature that is."""

    unit: str
    step: float = 1.0
    is_flag: bool = True


_FEATURES: Final = {
    "media": _Feature("having it"),
    "promoted": _Feature("being it"),
    "title_length": _Feature("10 characters more", 10, is_flag=False),
    "content_length": _Feature("500 more", 500, is_flag=False),
}


@report(
    "effects",
    "/reports/effects",
    tag="reports",
    sql=("post_features",),
    cost="posts",
    columns=(
        "feature", "unit", "posts", "posts_with", "authors", "lift_pct", "low_pct", "high_pct",
        "is_clear",
    ),
)  # fmt: skip
async def effects(context: Context, query: EffectsParameters) -> list[Effect]:
    """Which features correlate with engagement: media, titles, tags? No causes.

    Posts published in the period: each author's are compared with each other, within a category
    and at equal age. A lift is a ratio of mean engagements in posts' first hours. Posts may differ
    in more than the feature: only an experiment shows a cause.
    """
    hours = int(query.hours)
    rows = await context.rows("post_features", **context.period.values(), hours=hours)
    return effects_of(by_feature(rows))


def by_feature(rows: Iterable[Mapping[str, Any]]) -> Features:
    """Return the levels in rows of post_features."""
    found: Features = defaultdict(lambda: defaultdict(list))
    for row in rows:
        level = Level(row["x"], row["posts"], row["engagements"], row["squares"])
        found[row["feature"]][row["author_id"], row["category"]].append(level)
    return found


def effects_of(features: Mapping[str, Mapping[Group, Sequence[Level]]]) -> list[Effect]:
    """Return the effects that can be estimated, clear ones and large ones first."""
    estimates = {
        name: estimate
        for name, groups in features.items()
        if (name in _FEATURES or _is_common_tag(name, groups))
        and (estimate := within(groups)) is not None
    }
    clear = are_clear([estimate.p_value for estimate in estimates.values()])
    found = [
        _effect(name, estimate, is_clear=is_clear)
        for (name, estimate), is_clear in zip(estimates.items(), clear, strict=True)
    ]
    return sorted(found, key=lambda effect: (not effect.is_clear, -abs(effect.lift_pct)))


def _is_common_tag(name: str, groups: Mapping[Group, Sequence[Level]]) -> bool:
    if not name.startswith("tag:"):
        return False
    tagged = sum(level.posts for levels in groups.values() for level in levels if level.x)
    return tagged >= _MIN_TAGGED_POSTS


def _effect(name: str, estimate: LogRatio, *, is_clear: bool) -> Effect:
    feature = _FEATURES.get(name) or _Feature("having it")
    low, high = interval_percent(estimate, feature.step)
    return Effect(
        feature=name,
        unit=feature.unit,
        posts=estimate.posts,
        posts_with=estimate.posts_with if feature.is_flag else None,
        authors=round(estimate.authors, 1),
        lift_pct=lift_percent(feature.step * estimate.slope),
        low_pct=low,
        high_pct=high,
        is_clear=is_clear,
    )
