"""Funnel, audience, effects: a scope in, rows of the public models out."""

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from analytics_api.effects import Outcomes, interval_percent, lift_percent
from analytics_api.insight_models import AudienceBy, AudienceGroup, Effect, FunnelStep
from analytics_api.scope import Scope
from analytics_api.scoped_reports import change_percent, fetch
from sql.pool import Pool

_LEAST_TAGGED_POSTS: Final = 30
_TITLE_STEP: Final = 10
_CONTENT_STEP: Final = 500


async def funnel(pool: Pool, scope: Scope) -> list[FunnelStep]:
    """Return the four steps from view to share."""
    (row,) = await fetch(pool, "funnel", scope)
    readings = [row["viewed"], row["viewed_liked"], row["viewed_commented"], row["viewed_shared"]]
    reached = [
        row["viewed"],
        row["viewed_liked"],
        row["viewed_liked_commented"],
        row["viewed_liked_commented_shared"],
    ]
    events = [row["views"], row["likes"], row["comments"], row["shares"]]
    return [
        FunnelStep(
            step=step,
            events=events[place],
            readings=readings[place],
            of_viewed_pct=part_percent(readings[place], readings[0]),
            reached=reached[place],
            of_previous_pct=part_percent(reached[place], reached[place - 1]) if place else None,
        )
        for place, step in enumerate(("view", "like", "comment", "share"))
    ]


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


class Feature(NamedTuple):
    """Something that posts differ in.

    Attributes:
        name, unit: as the report tells it.
        values: by a post's place; absent: 0.
        is_flag: whether a post has it or not.
    """

    name: str
    unit: str
    values: dict[int, float]
    is_flag: bool = True


async def effects(pool: Pool, scope: Scope, hours: int) -> list[Effect]:
    """Return what goes along with features of posts, the clearest first.

    The outcome is the logarithm of 1 + engagements in a post's first hours, so lifts are ratios.
    """
    posts = await fetch(pool, "post_features", scope, hours=hours)
    return await asyncio.to_thread(effects_of, posts)


def effects_of(posts: Sequence[Mapping[str, Any]]) -> list[Effect]:
    """Return the effects among rows of post_features."""
    outcomes = Outcomes(
        [(post["author_id"], post["category"]) for post in posts],
        [math.log1p(post["engagements"]) for post in posts],
    )
    found = [_effect(feature, outcomes) for feature in _features(posts)]
    told = [effect for effect in found if effect is not None]
    return sorted(told, key=lambda effect: (not effect.is_clear, -abs(effect.lift_pct)))


def _features(posts: Sequence[Mapping[str, Any]]) -> Iterator[Feature]:
    yield Feature("media", "having it", _values(posts, lambda post: post["has_media"]))
    yield Feature("promoted", "being it", _values(posts, lambda post: post["is_promoted"]))
    title = _values(posts, lambda post: post["title_length"] / _TITLE_STEP)
    yield Feature("title_length", f"{_TITLE_STEP} characters more", title, is_flag=False)
    content = _values(posts, lambda post: post["content_length"] / _CONTENT_STEP)
    yield Feature("content_length", f"{_CONTENT_STEP} more", content, is_flag=False)
    tagged: dict[str, dict[int, float]] = defaultdict(dict)
    for place, post in enumerate(posts):
        for tag in post["tags"]:
            tagged[tag][place] = 1.0
    for tag, values in sorted(tagged.items()):
        if len(values) >= _LEAST_TAGGED_POSTS:
            yield Feature(f"tag:{tag}", "having it", values)


def _values(
    posts: Sequence[Mapping[str, Any]], of: Callable[[Mapping[str, Any]], float]
) -> dict[int, float]:
    return {place: float(of(post)) for place, post in enumerate(posts)}


def _effect(feature: Feature, outcomes: Outcomes) -> Effect | None:
    estimate = outcomes.estimate(feature.values)
    if estimate is None:
        return None
    low, high = interval_percent(estimate)
    return Effect(
        feature=feature.name,
        unit=feature.unit,
        posts=estimate.posts,
        posts_with=estimate.posts_with if feature.is_flag else None,
        lift_pct=lift_percent(estimate.slope),
        low_pct=low,
        high_pct=high,
        is_clear=low > 0 or high < 0,
    )
