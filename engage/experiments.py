"""Experiments with authors: how many are needed, who gets what, and what came of it. Pure.

Authors are few and differ much, so each is compared with the own period before, and the arms by
their mean changes (difference in differences, author by author). The interval is Welch's, for
small groups of unequal variance: Welch, The generalization of Student's problem, Biometrika 34
(1947). Outcomes are mean logarithms of 1 + engagements, so differences are ratios.
"""

import hashlib
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NamedTuple

_NORMAL: Final = statistics.NormalDist()
_LEAST_PER_ARM: Final = 3
LEVEL: Final = 0.95
POWER: Final = 0.8
_ARMS: Final = ("treatment", "control")


@dataclass(frozen=True)
class Kind:
    """One of the reference's experiments.

    Attributes:
        hours: of a post's life that count. days: how long it lasts.
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
        1, 28, 0.20, "publish in the slots of `engage report when-to-post`",
        "authors who published in each of the two periods before",
    ),
    "coaching": Kind(
        48, 60, 0.20, "are coached",
        "the twenty authors of highest opportunity score",
    ),
    "promotion": Kind(
        48, 60, -0.10, "publish twice as much, and are promoted",
        "authors of low volume and high quality",
    ),
}  # fmt: skip


class Change(NamedTuple):
    """One author from the period before to this one.

    Attributes:
        log_ratio: of engagement per post; None: no post was old enough in one of them.
        posts_before, posts_after: published.
    """

    author_id: int
    log_ratio: float | None
    posts_before: int
    posts_after: int


class Comparison(NamedTuple):
    """The treated authors' change against the others', with its interval."""

    lift_pct: float
    low_pct: float
    high_pct: float


def assign(name: str, authors: Iterable[int]) -> dict[int, str]:
    """Return each author's arm: the same for a name and a set of authors, halves by chance.

    They are sorted by a hash of name and id, and every other one is treated.
    """
    ordered = sorted(
        set(authors), key=lambda author: hashlib.sha256(f"{name}:{author}".encode()).digest()
    )
    return {author: _ARMS[place % 2] for place, author in enumerate(ordered)}


def changes(rows: Iterable[Mapping[str, Any]]) -> list[Change]:
    """Return the changes among rows of author_outcomes."""
    periods: dict[int, dict[bool, Mapping[str, Any]]] = {}
    for row in rows:
        periods.setdefault(row["author_id"], {})[row["is_after"]] = row
    found = []
    for author, period in sorted(periods.items()):
        before, after = period[False], period[True]
        both = before["mean_log"] is not None and after["mean_log"] is not None
        ratio = after["mean_log"] - before["mean_log"] if both else None
        found.append(Change(author, ratio, before["posts"], after["posts"]))
    return found


def authors_needed(placebo: Sequence[float], target_lift: float) -> int | None:
    """Return how many authors each arm needs to find the lift; None: nothing tells.

    n = 2 (z_(1-a/2) + z_power)^2 s^2 / ln(1 + lift)^2, with s the standard deviation of authors'
    changes between two past periods, in which nothing was tried (Cohen, Statistical Power
    Analysis, 2nd ed., section 2.4).
    """
    if len(placebo) < 2 or target_lift <= 0:
        return None
    reach = _NORMAL.inv_cdf((1 + LEVEL) / 2) + _NORMAL.inv_cdf(POWER)
    variance = statistics.variance(placebo)
    return max(_LEAST_PER_ARM, math.ceil(2 * reach**2 * variance / math.log1p(target_lift) ** 2))


def detectable_percent(placebo: Sequence[float], per_arm: int) -> float | None:
    """Return the smallest lift that so many authors an arm would find, in percent."""
    if len(placebo) < 2 or per_arm < _LEAST_PER_ARM:
        return None
    reach = _NORMAL.inv_cdf((1 + LEVEL) / 2) + _NORMAL.inv_cdf(POWER)
    return round(100 * math.expm1(reach * statistics.stdev(placebo) * math.sqrt(2 / per_arm)), 1)


def compare(treated: Sequence[float], controls: Sequence[float]) -> Comparison | None:
    """Return the lift with its 95 % interval; None: fewer than three authors in an arm.

    Args:
        treated: these authors' changes, differences of logarithms.
        controls: those of the others.
    """
    if min(len(treated), len(controls)) < _LEAST_PER_ARM:
        return None
    difference = statistics.fmean(treated) - statistics.fmean(controls)
    errors = [statistics.variance(arm) / len(arm) for arm in (treated, controls)]
    error = sum(errors)
    reach = 0.0
    if error > 0:
        freedom = error**2 / sum(
            part**2 / (len(arm) - 1) for part, arm in zip(errors, (treated, controls), strict=True)
        )
        reach = t_quantile((1 + LEVEL) / 2, freedom) * math.sqrt(error)
    percents = [round(100 * math.expm1(difference + side * reach), 1) for side in (0, -1, 1)]
    return Comparison(*percents)


def result(
    experiment: Mapping[str, Any],
    lasted: timedelta,
    arms: Mapping[int, str],
    found: Iterable[Change],
) -> dict[str, Any]:
    """Return what came of an experiment so far, as facts for people.

    Args:
        experiment: a row of list_experiments.
        lasted: for how long it has run.
        arms: each author's.
        found: what changed.
    """
    by_arm: dict[str, list[Change]] = {arm: [] for arm in _ARMS}
    for change in found:
        by_arm[arms[change.author_id]].append(change)
    facts: dict[str, Any] = {
        "experiment": experiment["name"],
        "days": f"{lasted / timedelta(days=1):.1f} of {experiment['days']}",
        "outcome": f"engagements in a post's first {experiment['hours']} h",
        "target_lift_pct": round(100 * experiment["target_lift"], 1),
    }
    for arm, members in by_arm.items():
        facts[f"{arm}_authors"] = len(members)
        facts[f"{arm}_posts"] = sum(change.posts_after for change in members)
        facts[f"{arm}_posts_before"] = sum(change.posts_before for change in members)
    treated, controls = (
        [change.log_ratio for change in by_arm[arm] if change.log_ratio is not None]
        for arm in _ARMS
    )
    compared = compare(treated, controls)
    if compared is None:
        return facts | {"verdict": "too early: three authors an arm need posts old enough"}
    said = verdict(compared.low_pct, compared.high_pct, 100 * experiment["target_lift"])
    return facts | compared._asdict() | {"verdict": said}


def verdict(low_pct: float, high_pct: float, target_pct: float) -> str:
    """Return what an interval says about the target, in a sentence."""
    sayings: tuple[tuple[bool, str], ...]
    if target_pct < 0:
        sayings = (
            (low_pct >= target_pct, f"engagement per post fell by less than {-target_pct:.0f} %"),
            (high_pct < target_pct, "it fell by more than is borne"),
            (True, "open: the interval is too wide"),
        )
    else:
        sayings = (
            (low_pct >= target_pct, "it helps, as much as hoped for"),
            (low_pct > 0, "it helps; whether as much as hoped for is open"),
            (high_pct < 0, "it harms"),
            (high_pct < target_pct, "it does not help as much as hoped for"),
            (True, "open: the interval contains both nothing and what was hoped for"),
        )
    return next(saying for holds, saying in sayings if holds)


def t_quantile(probability: float, freedom: float) -> float:
    """Return Student's quantile, by the expansion of Abramowitz and Stegun, 26.7.5."""
    z = _NORMAL.inv_cdf(probability)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))
