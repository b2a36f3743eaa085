"""Funnel, audience, effects: a scope in, rows of the public models out."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from analytics_api.reports.insight.effects import (
    Group,
    GroupSums,
    interval_percent,
    lift_percent,
    within,
)
from analytics_api.reports.insight.models import AudienceBy, AudienceGroup, Effect, FunnelStep
from analytics_api.reports.scope import Scope
from analytics_api.reports.scoped.reports import change_percent, fetch
from schema.event import TYPES
from sql.pool import Pool

_LEAST_TAGGED_POSTS: Final = 30
# The columns of sql/funnel.sql that tell each step.
_EVENTS: Final = ("views", "likes", "comments", "shares")
_READINGS: Final = ("viewed", "viewed_liked", "viewed_commented", "viewed_shared")
_REACHED: Final = (
    "viewed", "viewed_liked", "viewed_liked_commented", "viewed_liked_commented_shared",
)  # fmt: skip

Features = dict[str, dict[Group, GroupSums]]
"""Sums by feature and group."""


async def funnel(pool: Pool, scope: Scope) -> list[FunnelStep]:
    """Return the four steps from view to share, beside those of the period before."""
    (now, *rest) = await asyncio.gather(*(_readings(pool, each) for each in scope.periods))
    before = rest[0] if rest else None
    return [
        FunnelStep(
            step=step,
            events=now[_EVENTS[place]],
            readings=now[_READINGS[place]],
            of_viewed_pct=part_percent(now[_READINGS[place]], now["viewed"]),
            reached=now[_REACHED[place]],
            of_previous_pct=part_percent(now[_REACHED[place]], now[_REACHED[place - 1]])
            if place
            else None,
            events_before=before and before[_EVENTS[place]],
            of_viewed_before_pct=before
            and part_percent(before[_READINGS[place]], before["viewed"]),
        )
        for place, step in enumerate(TYPES)
    ]


async def _readings(pool: Pool, scope: Scope) -> Mapping[str, int]:
    (row,) = await fetch(pool, "funnel", scope)
    return dict(row)


def part_percent(part: int, whole: int) -> float | None:
    """Return 100 x part / whole to 2 decimals; None without a whole."""
    return round(100 * part / whole, 2) if whole else None


async def audience(pool: Pool, scope: Scope, by: AudienceBy) -> list[AudienceGroup]:
    """Return the groups of readers, most engagement first."""
    rows = await fetch(pool, "audience", scope, by=by)
    total = sum(row["total_engagements"] for row in rows)
    return [
        AudienceGroup(
            **row,
            share_pct=part_percent(row["total_engagements"], total) or 0.0,
            per_user=round(row["total_engagements"] / row["active_users"], 2)
            if row["active_users"]
            else None,
            change_pct=change_percent(row["total_engagements"], row["previous_engagements"]),
        )
        for row in rows
    ]


class _Feature(NamedTuple):
    """How a feature is told: what a lift is for, and how much of it."""

    unit: str
    step: float = 1.0
    is_flag: bool = True


_FEATURES: Final = {
    "media": _Feature("having it"),
    "promoted": _Feature("being it"),
    "title_length": _Feature("10 characters more", 10, is_flag=False),
    "content_length": _Feature("500 more", 500, is_flag=False),
}


async def effects(pool: Pool, scope: Scope, hours: int) -> list[Effect]:
    """Return what goes along with features of posts, the clearest first.

    The outcome is the logarithm of 1 + engagements in a post's first hours, so lifts are ratios.
    """
    return effects_of(by_feature(await fetch(pool, "post_features", scope, hours=hours)))


def by_feature(rows: Iterable[Mapping[str, Any]]) -> Features:
    """Return the sums among rows of post_features."""
    found: Features = defaultdict(dict)
    for row in rows:
        sums = GroupSums(*(row[name] for name in GroupSums._fields))
        found[row["feature"]][row["author_id"], row["category"]] = sums
    return found


def effects_of(features: Features) -> list[Effect]:
    """Return the effects that can be told."""
    found = [
        _effect(name, _FEATURES.get(name) or _Feature("having it"), groups)
        for name, groups in features.items()
        if name in _FEATURES or _is_common_tag(name, groups)
    ]
    told = [effect for effect in found if effect is not None]
    return sorted(told, key=lambda effect: (not effect.is_clear, -abs(effect.lift_pct)))


def _is_common_tag(name: str, groups: Mapping[Group, GroupSums]) -> bool:
    is_tag = name.startswith("tag:")
    return is_tag and sum(sums.number_with for sums in groups.values()) >= _LEAST_TAGGED_POSTS


def _effect(name: str, told: _Feature, groups: Mapping[Group, GroupSums]) -> Effect | None:
    estimate = within(groups)
    if estimate is None:
        return None
    low, high = interval_percent(estimate, told.step)
    return Effect(
        feature=name,
        unit=told.unit,
        posts=estimate.posts,
        posts_with=estimate.posts_with if told.is_flag else None,
        lift_pct=lift_percent(told.step * estimate.slope),
        low_pct=low,
        high_pct=high,
        is_clear=low > 0 or high < 0,
    )
