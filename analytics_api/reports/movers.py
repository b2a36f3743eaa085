"""Everything, categories, authors and posts that are well above or below their baseline."""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, Field

from analytics_api.parameters import FilterParameters
from analytics_api.periods import Period, Recording
from analytics_api.report import Context, report
from analytics_api.statistics.baseline import (
    MIN_EVENTS,
    NO_TIDE,
    YOUNG,
    Dimension,
    History,
    Move,
    Tail,
    Tide,
    Tides,
    Window,
    false_alarms,
    is_known,
    move_of,
    scatter_of,
    windows,
    young_move,
)
from schema.bidi import isolated
from schema.event import TYPES, EventType
from web.parameters import Integer

_PEERS: Final = timedelta(days=90)
_EARLY_AGES_HOURS: Final = (0.25, 0.5)
_EARLY_PEERS: Final = 200
_KINDS: Final[Mapping[Dimension | None, int]] = {
    None: 5, "all": 1, "category": 1, "author": 1, "post": 2,
}  # fmt: skip
"""Number of comparisons by the dimension asked for: posts are compared by weeks and by age."""


class MoversParameters(FilterParameters):
    """The window, the kind of movers, and what counts."""

    hours: Annotated[Integer, Field(ge=1, le=168)] = Field(
        24, description="Look-back window in hours."
    )
    dimension: Dimension | None = Field(None, description="Movers of this kind only.")
    false_alarms: Annotated[float, Field(ge=0.001, le=1000)] = Field(
        1.0, description="Maximum number of rows a week that are expected by chance alone."
    )
    limit: Annotated[Integer, Field(ge=1, le=1000)] = Field(20, description="Maximum rows.")

    def wants(self, dimension: Dimension) -> bool:
        """Return whether movers of this kind are wanted."""
        return self.dimension in {None, dimension}


class Mover(BaseModel):
    """Everything, a category, an author or a post that is far from its baseline."""

    dimension: Dimension
    key: str = Field(description="The id of a post or an author, a category, or empty.")
    label: str
    author_name: str | None = Field(description="Of a post.")
    category: str | None = Field(description="Of a post, or an author's own.")
    direction: Literal["above", "below"]
    engagements: int = Field(
        description="In the window; of a young post, from age_begin to age_hours."
    )
    expected: float = Field(
        description="Baseline times tide; of a young post, the median of its peers."
    )
    ratio: float | None = Field(description="engagements / expected; null: nothing was expected.")
    z: float = Field(description="z-score: a normal variable is as rarely so far from 0.")
    false_alarms: float = Field(
        description="Rows a week that are expected by chance if those as far as this are listed."
    )
    basis: Literal["weeks", "age"] = Field(
        description="The same hours of the weeks before, or the category's posts at the same age."
    )
    weeks: int | None = Field(description="Number of weeks compared, for weeks.")
    age_begin: float | None = Field(description="Hours since publication, of a young post.")
    age_hours: float | None = Field(description="Of a young post: reached in the window.")
    tide: float | None = Field(
        description="Factor by which the other authors are above their baselines; null for age."
    )
    cause_type: EventType | None = Field(description="Event type with most of the difference.")
    cause_type_excess: float | None
    cause_post_id: int | None = Field(description="Post with most of the difference.")
    cause_title: str | None
    cause_post_excess: float | None
    sentence: str


class _Moved(NamedTuple):
    """A history that has moved."""

    history: History
    move: Move
    tide: Tide
    false_alarms: float


@report(
    "movers",
    "/reports/movers",
    tag="movers",
    sql=("movers_weeks", "movers_causes", "movers_young", "recorded_since"),
    cost="posts",
    columns=("dimension", "direction", "z", "ratio", "false_alarms", "sentence"),
)
async def movers(context: Context, query: MoversParameters) -> list[Mover]:
    """What is well above or below the same hours of the week, and why?

    Posts of the last week are compared with their category's posts at the same age.
    """
    now = context.now
    window = Period(
        now - timedelta(hours=query.hours), now, context.zone, context.period.filters,
        no_comparison="all_time",
    )  # fmt: skip
    recording = await context.recording()
    current, *before = windows(window.start, window.end, window.zone)
    compared = [current, *(each for each in before if _is_recorded(each, recording))]
    rows, young = await asyncio.gather(
        context.rows("movers_weeks", **window.values(), **_bounds(compared), least=MIN_EVENTS),
        _young_rows(context, window, query),
    )
    found = await _by_weeks(context, window, query, rows, compared)
    if recording.has_gap(*current):  # What is missing is no fall.
        found = [mover for mover in found if mover.direction == "above"]
    found += _by_age(query, young, engaged={row["key"] for row in rows if row["place"] == 1})
    found.sort(key=lambda mover: (mover.dimension != "all", -abs(mover.z), mover.key))
    return found[: query.limit]


def _is_recorded(window: Window, recording: Recording) -> bool:
    since = recording.recorded_since
    return since is not None and window.start >= since and not recording.has_gap(*window)


async def _by_weeks(
    context: Context,
    period: Period,
    query: MoversParameters,
    rows: Sequence[Mapping[str, Any]],
    compared: Sequence[Window],
) -> list[Mover]:
    histories = [history for history in _histories(rows, compared) if is_known(history)]
    moved = list(_far(histories, query, period.filters.author, rows[0]["posts"] if rows else 0))
    moved.sort(key=lambda each: (each.history.dimension != "all", -abs(each.move.z)))
    del moved[query.limit :]
    if not moved:
        return []
    causes = await context.rows(
        "movers_causes",
        **period.values(),
        **_bounds(compared),
        tides=[each.tide.factor for each in moved],
        dimensions=[each.history.dimension for each in moved],
        keys=[each.history.key for each in moved],
        signs=[1 if each.move.z > 0 else -1 for each in moved],
    )
    by_key = {(row["dimension"], row["key"]): row for row in causes}
    return [
        _mover(each, by_key[each.history.dimension, each.history.key], query.hours)
        for each in moved
    ]


def _far(
    histories: Sequence[History], query: MoversParameters, author_id: int, posts: int
) -> Iterator[_Moved]:
    """Yield what is so far from its baseline that few are by chance.

    Args:
        histories: of all kinds, and of all authors.
        query: which of them to list.
        author_id: the only author to list; 0: any.
        posts: how many posts could be listed.
    """
    tides = Tides(history for history in histories if history.dimension == "author")
    for dimension, of_dimension in groupby(histories, lambda history: history.dimension):
        if not query.wants(dimension):
            continue
        alike = list(of_dimension)
        scatter = scatter_of(alike)
        if dimension == "author" and author_id:
            alike = [history for history in alike if history.author_id == author_id]
        tested = posts if dimension == "post" else len(alike)
        for history in alike:
            tide = NO_TIDE if dimension == "all" else tides.without(history.author_id)
            move = move_of(history, tide, scatter)
            chance = false_alarms(move, query.hours, tested, _KINDS[query.dimension])
            if _is_far(history, move) and chance <= query.false_alarms:
                yield _Moved(history, move, tide, chance)


def _bounds(compared: Sequence[Window]) -> dict[str, list[datetime]]:
    return {
        "starts": [window.start for window in compared],
        "ends": [window.end for window in compared],
    }


def _histories(rows: Iterable[Mapping[str, Any]], compared: Sequence[Window]) -> Iterator[History]:
    """Yield the histories that can be compared with weeks; those of young posts cannot."""
    newest = compared[0].end
    for (dimension, key), of_key in groupby(rows, itemgetter("dimension", "key")):
        own = list(of_key)
        counts = {row["place"]: row["events"] for row in own}
        published = own[0]["published"]
        if published is not None and published > newest - YOUNG:
            continue
        before = [
            counts.get(place, 0)
            for place, window in enumerate(compared[1:], 2)
            if published is None or window.start >= published
        ]
        author_id = int(key) if dimension == "author" else own[0]["author_id"] or 0
        yield History(dimension, key, counts.get(1, 0), before, author_id)


def _is_far(history: History, move: Move) -> bool:
    if abs(history.now - move.expected) < MIN_EVENTS:
        return False
    # Engagement with an old post is expected to fade.
    return history.dimension != "post" or move.z > 0


def _mover(moved: _Moved, cause: Mapping[str, Any], hours: int) -> Mover:
    history, move = moved.history, moved.move
    label = cause["label"] or "Everything"
    name = isolated(label)
    more, most = ("more", "more of") if move.z > 0 else ("fewer", "less of")
    of_it = f", mainly {more} {cause['type']}s"
    if history.dimension != "post":
        of_it += f" and {most} “{isolated(cause['title'])}”"
    return Mover(
        dimension=history.dimension,
        key=history.key,
        label=label,
        author_name=cause["author_name"],
        category=cause["category"],
        **_distance(history.now, move, moved.false_alarms),
        basis="weeks",
        weeks=len(history.before),
        age_begin=None,
        age_hours=None,
        tide=round(moved.tide.factor, 3),
        cause_type=cause["type"],
        cause_type_excess=round(cause["type_excess"], 1),
        cause_post_id=cause["post_id"],
        cause_title=cause["title"],
        cause_post_excess=round(cause["post_excess"], 1),
        sentence=f"{name}: {_count(history.now, 'engagement')} in {hours} h, {move.expected:,.0f}"
        f" expected from {_count(len(history.before), 'week')} before{of_it}",
    )


def _distance(engagements: int, move: Move, chance: float) -> dict[str, Any]:
    return {
        "direction": "above" if move.z > 0 else "below",
        "engagements": engagements,
        "expected": round(move.expected, 1),
        "ratio": round(engagements / move.expected, 2) if move.expected else None,
        "z": round(move.z, 1),
        "false_alarms": float(f"{chance:.2g}"),
    }


async def _young_rows(
    context: Context, period: Period, query: MoversParameters
) -> Sequence[Mapping[str, Any]]:
    if not query.wants("post"):
        return []
    peers = replace(period, start=period.end - _PEERS)
    return await context.rows(
        "movers_young",
        **peers.values(),
        since=period.start,
        hours=query.hours,
        early=_EARLY_AGES_HOURS,
        peers=_EARLY_PEERS,
    )


def _by_age(
    query: MoversParameters, rows: Sequence[Mapping[str, Any]], engaged: Collection[str]
) -> list[Mover]:
    """Return the young posts that are far from their peers.

    Args:
        query: the parameters.
        rows: of sql/movers_young.sql.
        engaged: keys of what has engagements in the window: only these can rise.
    """
    latest = {row["post_id"]: row for row in rows}  # the greatest age of each
    found = []
    for row in latest.values():
        tail = Tail(*(row[f"tail_{name}"] for name in Tail._fields))
        move = young_move(row["score"], row["median"], row["peers"], tail)
        if move is None or abs(row["engagements"] - move.expected) < MIN_EVENTS:
            continue
        chance = false_alarms(move, query.hours, row["tested"], _KINDS[query.dimension])
        is_now = move.z < 0 or str(row["post_id"]) in engaged
        if is_now and chance <= query.false_alarms:
            found.append(_young_mover(row, move, chance))
    return found


def _young_mover(row: Mapping[str, Any], move: Move, chance: float) -> Mover:
    sign = 1 if move.z > 0 else -1
    kind = max(TYPES, key=lambda name: sign * row[name])
    title, category = isolated(row["title"]), isolated(row["category"])
    begin, end = row["begin"], row["hours"]
    return Mover(
        dimension="post",
        key=str(row["post_id"]),
        label=row["title"],
        author_name=row["author_name"],
        category=row["category"],
        **_distance(row["engagements"], move, chance),
        basis="age",
        weeks=None,
        age_begin=begin,
        age_hours=end,
        tide=None,
        cause_type=kind,
        cause_type_excess=round(row[kind], 1),
        cause_post_id=row["post_id"],
        cause_title=row["title"],
        cause_post_excess=round(row["engagements"] - move.expected, 1),
        sentence=f"{title}: {_count(row['engagements'], 'engagement')} in {_stretch(begin, end)}"
        f" after publication, {move.expected:,.0f} is the median in {category},"
        f" mainly {'more' if sign > 0 else 'fewer'} {kind}s",
    )


def _stretch(begin: float, end: float) -> str:
    if begin:
        return f"hours {begin:g} to {end:g}"
    return "the first " + (
        _count(round(end), "hour") if end >= 1 else _count(round(60 * end), "minute")
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("s" if number != 1 else "")
