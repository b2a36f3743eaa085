"""What is well above or below the usual: filters and a window in, rows of the public model out."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

import sql
from analytics_api.reports.movers.models import Mover
from analytics_api.reports.movers.usual import (
    LEAST_EVENTS,
    YOUNG,
    Dimension,
    History,
    Move,
    Window,
    is_known,
    move_of,
    tide_of,
    windows,
    young_move,
)
from analytics_api.reports.scope import Scope
from analytics_api.reports.scoped.reports import fetch
from schema.event import TYPES
from sql.pool import Pool

_PEERS: Final = timedelta(days=90)


@dataclass(frozen=True)
class Wanted:
    """Which movers: how far at least, how many at most, and of which kind; None: of all."""

    least_z: float
    limit: int
    dimension: Dimension | None = None

    def has(self, dimension: Dimension) -> bool:
        """Whether movers of this kind are wanted."""
        return self.dimension in {None, dimension}


async def movers(pool: Pool, scope: Scope, wanted: Wanted) -> list[Mover]:
    """Return what is far from the usual in the scope's window: everything first, then by |z|."""
    asked = [_by_weeks(pool, scope, wanted)]
    if wanted.has("post"):
        asked.append(_by_age(pool, scope, wanted))
    found = [mover for movers in await asyncio.gather(*asked) for mover in movers]
    found.sort(key=lambda mover: (mover.dimension != "all", -abs(mover.z), mover.key))
    return found[: wanted.limit]


async def _by_weeks(pool: Pool, scope: Scope, wanted: Wanted) -> list[Mover]:
    since = await pool.fetchval(sql.load("recorded_since").text)
    now, *before = windows(scope.start, scope.end, scope.zone)
    compared = [now, *(window for window in before if since and window.start >= since)]
    rows = await fetch(pool, "movers_weeks", scope, **_bounds(compared), least=LEAST_EVENTS)
    histories = [history for history in _histories(rows, compared) if is_known(history)]
    tide = tide_of(history for history in histories if history.dimension == "author")
    moved = []
    for history in histories:
        move = move_of(history, _tide(history, tide))
        if wanted.has(history.dimension) and _is_told(history, move, wanted):
            moved.append((history, move))
    moved.sort(key=lambda pair: (pair[0].dimension != "all", -abs(pair[1].z), pair[0].key))
    del moved[wanted.limit :]
    if not moved:
        return []
    causes = await fetch(
        pool,
        "movers_causes",
        scope,
        **_bounds(compared),
        tides=[_tide(history, tide) for history, _ in moved],
        dimensions=[history.dimension for history, _ in moved],
        keys=[history.key for history, _ in moved],
        signs=[1 if move.z > 0 else -1 for _, move in moved],
    )
    by_key = {(row["dimension"], row["key"]): row for row in causes}
    return [
        _mover(history, move, by_key[history.dimension, history.key], _tide(history, tide), scope)
        for history, move in moved
    ]


def _bounds(compared: Sequence[Window]) -> dict[str, list[datetime]]:
    return {
        "starts": [window.start for window in compared],
        "ends": [window.end for window in compared],
    }


def _tide(history: History, tide: float) -> float:
    """Return what the usual is multiplied by; nothing carries everything."""
    return 1.0 if history.dimension == "all" else tide


def _histories(rows: Iterable[Mapping[str, Any]], compared: Sequence[Window]) -> Iterator[History]:
    """Yield what can be compared with weeks; a young post cannot."""
    newest = compared[0].end
    for (dimension, key), of_key in groupby(rows, itemgetter("dimension", "key")):
        own = list(of_key)
        counts = {row["place"]: row["events"] for row in own}
        published = own[0]["published"]
        if published is not None and published > newest - YOUNG:
            continue
        yield History(
            dimension,
            key,
            counts.get(1, 0),
            [
                counts.get(place, 0)
                for place, window in enumerate(compared[1:], 2)
                if published is None or window.start >= published
            ],
        )


def _is_told(history: History, move: Move, wanted: Wanted) -> bool:
    if abs(move.z) < wanted.least_z or abs(history.now - move.expected) < LEAST_EVENTS:
        return False
    # An old post that fades is as it should be.
    return history.dimension != "post" or move.z > 0


def _mover(
    history: History, move: Move, cause: Mapping[str, Any], tide: float, scope: Scope
) -> Mover:
    hours = (scope.end - scope.start) // timedelta(hours=1)
    label = cause["label"] or "Everything"
    more, most = ("more", "more of") if move.z > 0 else ("fewer", "less of")
    of_it = f", mainly {more} {cause['type']}s"
    if history.dimension != "post":
        of_it += f" and {most} “{cause['title']}”"
    return Mover(
        dimension=history.dimension,
        key=history.key,
        label=label,
        author_name=cause["author_name"],
        category=cause["category"],
        **_distance(history.now, move),
        basis="weeks",
        weeks=len(history.before),
        age_hours=None,
        tide=round(tide, 3),
        cause_type=cause["type"],
        cause_type_excess=round(cause["type_excess"], 1),
        cause_post_id=cause["post_id"],
        cause_title=cause["title"],
        cause_post_excess=round(cause["post_excess"], 1),
        sentence=f"{label}: {_count(history.now, 'engagement')} in {hours} h, {move.expected:,.0f}"
        f" expected from {_count(len(history.before), 'week')} before{of_it}",
    )


def _distance(engagements: int, move: Move) -> dict[str, Any]:
    return {
        "direction": "above" if move.z > 0 else "below",
        "engagements": engagements,
        "expected": round(move.expected, 1),
        "ratio": round(engagements / move.expected, 2) if move.expected else None,
        "z": round(move.z, 1),
    }


async def _by_age(pool: Pool, scope: Scope, wanted: Wanted) -> list[Mover]:
    peers = replace(scope, start=scope.end - _PEERS)
    rows = await fetch(pool, "movers_young", peers, young=scope.end - YOUNG)
    found = []
    for row in rows:
        move = young_move(row["y"], row["median"], row["distance"], row["peers"])
        if move is None or abs(move.z) < wanted.least_z:
            continue
        if abs(row["engagements"] - move.expected) >= LEAST_EVENTS:
            found.append(_young_mover(row, move))
    return found


def _young_mover(row: Mapping[str, Any], move: Move) -> Mover:
    sign = 1 if move.z > 0 else -1
    kind = max(TYPES, key=lambda name: sign * row[name])
    return Mover(
        dimension="post",
        key=str(row["post_id"]),
        label=row["title"],
        author_name=row["author_name"],
        category=row["category"],
        **_distance(row["engagements"], move),
        basis="age",
        weeks=None,
        age_hours=row["hours"],
        tide=None,
        cause_type=kind,
        cause_type_excess=round(row[kind], 1),
        cause_post_id=row["post_id"],
        cause_title=row["title"],
        cause_post_excess=round(row["engagements"] - move.expected, 1),
        sentence=f"{row['title']}: {_count(row['engagements'], 'engagement')} in its first"
        f" {row['hours']} h, {move.expected:,.0f} usual in {row['category']},"
        f" mainly {'more' if sign > 0 else 'fewer'} {kind}s",
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" + ("s" if number != 1 else "")
