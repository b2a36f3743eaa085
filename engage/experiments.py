"""Experiments with authors: assignment to arms, and results. No I/O.

Authors are few and differ much, so each is compared with the own period before, and the arms by
how their means changed: a difference in differences of a quasi-Poisson regression with a level per
author (analytics_api.statistics.within), so that a lift is a ratio of mean engagements per post.
There is one evaluation, at the planned end: looking every day until something is significant finds
effects that do not exist.
"""

import hashlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from analytics_api.statistics.within import Level, LogRatio, within

MIN_AUTHORS: Final = 3
"""Least effective number of authors per arm."""
_CHANCE: Final = 0.05
_ARMS: Final = ("treatment", "control")


@dataclass(frozen=True)
class Kind:
    """One of the reference's experiments.

    Attributes:
        hours: of a post's life that count. days: how long it lasts, in whole weeks.
        target_lift: the success criterion, as a ratio less one; negative: a loss that is borne.
        asks: what treated authors are asked to do.
        who: who is eligible, in words.
    """

    hours: int
    days: int
    target_lift: float
    asks: str
    who: str


KINDS: Final[Mapping[str, Kind]] = {
    "posting-times": Kind(
        24, 28, 0.20, "publish in the slots of `engage report when-to-post`",
        "authors who published in each of the two periods before",
    ),
    "coaching": Kind(
        48, 56, 0.20, "are coached",
        "the twenty highest gains in `engage report opportunity`, published in both periods before",
    ),
    "promotion": Kind(
        48, 56, -0.10, "publish twice as much, and are promoted",
        "authors of low volume and high quality who published in both periods before",
    ),
}  # fmt: skip


class History(NamedTuple):
    """An author's posts in two adjacent periods.

    Attributes:
        before, after: posts that are old enough; their x is 0 and 1.
        published_before, published_after: number of all posts.
    """

    author_id: int
    before: Level
    after: Level
    published_before: int
    published_after: int

    @property
    def is_measured(self) -> bool:
        """Whether both periods have posts that are old enough."""
        return self.before.posts > 0 and self.after.posts > 0


def histories(rows: Iterable[Mapping[str, Any]]) -> list[History]:
    """Return the histories in rows of author_outcomes."""
    periods: dict[int, dict[bool, Mapping[str, Any]]] = {}
    for row in rows:
        periods.setdefault(row["author_id"], {})[row["is_after"]] = row
    found = []
    for author, period in sorted(periods.items()):
        before, after = (
            Level(float(is_after), row["posts"], row["engagements"], row["squares"])
            for is_after, row in sorted(period.items())
        )
        published = (period[is_after]["published"] for is_after in (False, True))
        found.append(History(author, before, after, *published))
    return found


def assign(name: str, sizes: Mapping[int, float]) -> dict[int, str]:
    """Return each author's arm: random halves, determined by the name and the authors.

    The draw is stratified: authors are paired by size, and a hash of the name and the pair decides
    which of the two is treated, so that neither arm has all large authors.

    Args:
        name: of the experiment.
        sizes: of each author, such as the engagements in the period before.
    """
    ordered = sorted(sizes, key=lambda author: (-sizes[author], author))
    arms: dict[int, str] = {}
    for start in range(0, len(ordered), 2):
        pair = ordered[start : start + 2]
        text = f"{name}:{':'.join(map(str, pair))}"
        first = hashlib.sha256(text.encode()).digest()[0] % 2
        arms |= {author: _ARMS[(first + place) % 2] for place, author in enumerate(pair)}
    return arms


def change(members: Iterable[History]) -> LogRatio | None:
    """Return how the mean engagement per post changed; None: too few authors."""
    groups = {
        (member.author_id, ""): [member.before, member.after]
        for member in members
        if member.is_measured
    }
    return within(groups, MIN_AUTHORS)


def compare(treated: Iterable[History], controls: Iterable[History]) -> LogRatio | None:
    """Return the lift of the treated over the others; None: too few authors in an arm."""
    changes = change(treated), change(controls)
    if changes[0] is None or changes[1] is None:
        return None
    return changes[0].minus(changes[1])


class Comparison(NamedTuple):
    """A lift in percent with its 95 % confidence interval."""

    lift_pct: float
    low_pct: float
    high_pct: float


def percents(found: LogRatio) -> Comparison:
    """Return a lift in percent."""
    reach = found.reach
    ends = (found.slope, found.slope - reach, found.slope + reach)
    return Comparison(*(round(100 * math.expm1(min(end, 50.0)), 1) for end in ends))


def result(
    experiment: Mapping[str, Any],
    now: datetime,
    arms: Mapping[int, str],
    found: Iterable[History],
) -> dict[str, Any]:
    """Return the state of an experiment, and from its planned end on its result.

    Args:
        experiment: a row of list_experiments.
        now: the present time.
        arms: the arm of each author.
        found: the histories of the authors, until the planned end at most.
    """
    by_arm: dict[str, list[History]] = {arm: [] for arm in _ARMS}
    for history in found:
        by_arm[arms[history.author_id]].append(history)
    start, end = experiment["start_timestamp"], experiment["end_timestamp"]
    lasted = (min(now, end) - start) / timedelta(days=1)
    target_pct = 100 * experiment["target_lift"]
    facts: dict[str, Any] = {
        "experiment": experiment["name"],
        "days": f"{lasted:.1f} of {experiment['days']}",
        "outcome": f"mean engagements in a post's first {experiment['hours']} h",
        "target_lift_pct": round(target_pct, 1),
    }
    for arm, members in by_arm.items():
        facts[f"{arm}_authors"] = len(members)
        facts[f"{arm}_measured"] = sum(member.is_measured for member in members)
        facts[f"{arm}_posts"] = sum(member.published_after for member in members)
        facts[f"{arm}_posts_before"] = sum(member.published_before for member in members)
    if now < end:
        return facts | {"verdict": f"none before the planned end, {end:%Y-%m-%d %H:%M} UTC"}
    compared = compare(*(by_arm[arm] for arm in _ARMS))
    if compared is None:
        return facts | {"verdict": "none: each arm needs three authors with posts in both periods"}
    lifts = percents(compared)
    lost = [[member.is_measured for member in by_arm[arm]] for arm in _ARMS]
    said = verdict(lifts.low_pct, lifts.high_pct, target_pct)
    if attrition_p_value(*lost) < _CHANCE:
        said = "none: more authors of one arm stopped publishing, so the arms are not comparable"
    return facts | lifts._asdict() | {"verdict": said}


def attrition_p_value(treated: Sequence[bool], controls: Sequence[bool]) -> float:
    """Return the probability that arms lose as different numbers of authors by chance.

    Fisher's exact test, two-sided (Statistical Methods for Research Workers, section 21.02).

    Args:
        treated: of each author, whether it remained.
        controls: the same.
    """
    sizes, remained = (len(treated), len(controls)), sum(treated) + sum(controls)

    def ways(kept: int) -> int:
        return math.comb(sizes[0], kept) * math.comb(sizes[1], remained - kept)

    possible = range(max(0, remained - sizes[1]), min(sizes[0], remained) + 1)
    seen = ways(sum(treated))
    return sum(ways(kept) for kept in possible if ways(kept) <= seen) / math.comb(
        sum(sizes), remained
    )


def verdict(low_pct: float, high_pct: float, target_pct: float) -> str:
    """Return what the interval means for the target, in a sentence."""
    statements = _statements(low_pct, high_pct, target_pct)
    return next(statement for holds, statement in statements if holds)


def _statements(low_pct: float, high_pct: float, target_pct: float) -> Iterator[tuple[bool, str]]:
    if target_pct < 0:
        yield low_pct >= target_pct, f"engagement per post fell by less than {-target_pct:.0f} %"
        yield high_pct < target_pct, "it fell by more than is acceptable"
        yield True, "open: the interval is too wide"
    yield low_pct >= target_pct, "it helps, as much as the target"
    yield low_pct > 0, "it helps; whether as much as the target is open"
    yield high_pct < 0, "it harms"
    yield high_pct < target_pct, "it does not help as much as the target"
    yield True, "open: the interval contains both zero and the target"
