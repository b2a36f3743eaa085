"""Distance of counts from their baseline: the same hours of the weeks before.

Engagement grows and shrinks by factors, and small counts scatter by chance as well: a count of mean
m has the variance m + dispersion x m^2. Counts are compared after the transformation that makes
this variance 1 (Anscombe, The transformation of Poisson, binomial and negative-binomial data,
Biometrika 35, 1948). Eight weeks of one author are too few to know how much the author's counts
scatter, so the scatter is pooled over all keys of a kind: a key's own variance is moderated by that
of the others (Smyth, Linear models and empirical Bayes methods, Stat. Appl. Genet. Mol. Biol. 3,
2004). The distance over the scatter follows Student's distribution, of which the z-score with the
same probability is reported.

The baseline is the median of the weeks before, times the tide: the factor by which the other
authors are above their baselines.
"""

import math
import statistics
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, NamedTuple
from zoneinfo import ZoneInfo

from analytics_api.statistics.inference import normal_p_value

Dimension = Literal["all", "category", "author", "post"]
WEEKS: Final = 8
MIN_EVENTS: Final = 5
YOUNG: Final = timedelta(hours=168)
_HOURS_A_WEEK: Final = 168
_MIN_WEEKS: Final = 3
_FEW_EVENTS: Final = 3
_MIN_PEERS: Final = 20
_MIN_OTHERS: Final = 5
_LARGE_SHARE: Final = 0.05  # of all authors' engagement
_TIDE_DEVIATION: Final = 1.5  # in standard deviations
_MAX_DEVIATION: Final = 3.0  # in units of the pooled scatter
_RATIOS: Final = (1e-4, 1e4)
_STEPS: Final = 24
_MEDIAN_VARIANCE: Final = math.pi / 2  # of a median, compared with a mean's
_NO_DISPERSION: Final = 1e-9
_MAX_FREEDOM: Final = 1e6
_TINY: Final = 1e-300
_NORMAL: Final = statistics.NormalDist()


class Window(NamedTuple):
    """From start to just before end."""

    start: datetime
    end: datetime


class History(NamedTuple):
    """Engagements now, and at the same hours of the week in weeks before, the last one first.

    Attributes:
        author_id: of an author or a post; else 0.
    """

    dimension: Dimension
    key: str
    now: int
    before: Sequence[int]
    author_id: int = 0

    @property
    def baseline(self) -> float:
        """The median of the weeks before; of few events their mean, as half of them may be 0."""
        middle = math.expm1(statistics.median(map(math.log1p, self.before)))
        return middle if middle >= _FEW_EVENTS else statistics.fmean(self.before)


class Move(NamedTuple):
    """A distance from the expected count; *z*: of a normal variable that is as rarely so far."""

    expected: float
    z: float

    @property
    def p_value(self) -> float:
        """The probability of a distance like this, above or below, where nothing moves."""
        return normal_p_value(self.z)


class Tide(NamedTuple):
    """The factor by which others are above their baselines, and how many authors' worth it is."""

    factor: float
    authors: float


NO_TIDE: Final = Tide(1.0, math.inf)


def windows(start: datetime, end: datetime, zone: ZoneInfo) -> list[Window]:
    """Return the window from *start* to *end*, and those of the weeks before, the last one first.

    Weeks are counted on the clocks of *zone*, so that nine o'clock stays nine o'clock. A week in
    which the clocks skipped the whole window is left out.
    """
    shifted = (
        Window(_weeks_before(start, week, zone), _weeks_before(end, week, zone))
        for week in range(WEEKS + 1)
    )
    return [window for window in shifted if window.start < window.end]


def _weeks_before(moment: datetime, weeks: int, zone: ZoneInfo) -> datetime:
    local = moment.astimezone(zone)
    return (local - timedelta(weeks=weeks)).astimezone(moment.tzinfo)


def is_known(history: History) -> bool:
    """Return whether there are enough weeks for a baseline; a post has those of its life."""
    return len(history.before) >= (1 if history.dimension == "post" else _MIN_WEEKS)


class Tides:
    """The ratio of the authors' engagement to their baselines, with or without one of them.

    An author's distance from the expected count counts up to 1.5 standard deviations, so that one
    author's success does not lower the others (Huber, Robust estimation of a location parameter,
    Ann. Math. Stat. 35, 1964).
    """

    def __init__(self, authors: Iterable[History]) -> None:
        known = [author for author in authors if is_known(author)]
        self._dispersion = scatter_of(known).dispersion
        self._authors = {
            author.author_id: (author.now, baseline)
            for author in known
            if (baseline := author.baseline)
        }
        self._weight = sum(baseline for _, baseline in self._authors.values())
        self._squares = sum(baseline**2 for _, baseline in self._authors.values())
        self._ratio = self._balance(self._authors)
        self._slope = sum(map(self._weight_of, self._authors))

    def without(self, author_id: int) -> Tide:
        """Return the tide of the authors except one; *author_id* 0: of all."""
        _, own = self._authors.get(author_id, (0, 0.0))
        if len(self._authors) - (own > 0) < _MIN_OTHERS:
            return NO_TIDE
        ratio = self._ratio
        if own > _LARGE_SHARE * self._weight:
            ratio = self._balance(self._authors.keys() - {author_id})
        elif own:  # one author among many: a step of Newton's
            slope = self._slope - self._weight_of(author_id)
            ratio = max(0.0, ratio - self._distance(author_id, ratio) / slope)
        others = self._weight - own
        return Tide(ratio, others**2 / (self._squares - own**2))

    def _balance(self, author_ids: Collection[int]) -> float:
        """Return the ratio at which the authors' distances balance."""
        low, high = _RATIOS
        for _ in range(_STEPS):
            ratio = math.sqrt(low * high)
            balance = sum(self._distance(author_id, ratio) for author_id in author_ids)
            low, high = (ratio, high) if balance > 0 else (low, ratio)
        return ratio

    def _distance(self, author_id: int, ratio: float) -> float:
        """Return how far an author is from the expected count, within limits and weighted."""
        now, baseline = self._authors[author_id]
        deviations = (now - baseline * ratio) / math.sqrt(self._variance(baseline * ratio))
        limited = max(-_TIDE_DEVIATION, min(_TIDE_DEVIATION, deviations))
        return limited * baseline / math.sqrt(self._variance(baseline))

    def _weight_of(self, author_id: int) -> float:
        """Return how much the distance shrinks per unit of the ratio."""
        baseline = self._authors[author_id][1]
        both = self._variance(baseline) * self._variance(baseline * self._ratio)
        return float(baseline**2 / math.sqrt(both))

    def _variance(self, expected: float) -> float:
        return 1 + expected + self._dispersion * expected**2


class Scatter(NamedTuple):
    """How much counts of one kind scatter from week to week.

    Attributes:
        dispersion: the variance of a count of mean m is m + dispersion x m^2.
        variance: pooled, of transformed counts.
        freedom: degrees of freedom that the pooled variance is worth.
        total_freedom: those of all keys.
        spread: standard deviation beyond which one week counts no more.
    """

    dispersion: float
    variance: float
    freedom: float
    total_freedom: int
    spread: float

    def transform(self, count: float) -> float:
        """Return the count on the scale on which its variance is about 1."""
        if self.dispersion < _NO_DISPERSION:
            return 2 * math.sqrt(count + 0.375)
        root = math.sqrt(self.dispersion * (count + 0.375))
        return 2 * math.asinh(root) / math.sqrt(self.dispersion)

    def of(self, before: Sequence[int]) -> float:
        """Return the variance of a key's weeks, in which one exceptional week counts little."""
        levels = [self.transform(count) for count in before]
        middle, limit = statistics.median(levels), _MAX_DEVIATION * self.spread
        return statistics.variance(max(-limit, min(limit, each - middle)) for each in levels)

    def moderated(self, before: Sequence[int]) -> tuple[float, float]:
        """Return a key's variance, moderated by that of the others, and its degrees of freedom."""
        own = len(before) - 1
        variance = self.variance
        if own and math.isfinite(self.freedom):
            both = self.freedom * self.variance + own * self.of(before)
            variance = both / (self.freedom + own)
        return max(variance, 1.0), max(min(self.freedom + own, self.total_freedom), 1.0)


def scatter_of(histories: Iterable[History]) -> Scatter:
    """Return the scatter of histories of one kind."""
    weeks = [history.before for history in histories if len(history.before) > 1]
    pairs = [(statistics.fmean(before), statistics.variance(before)) for before in weeks]
    excesses = [(variance - mean) / mean**2 for mean, variance in pairs if mean >= 1]
    dispersion = max(statistics.median(excesses), 0.0) if excesses else 0.0
    total = sum(len(before) - 1 for before in weeks)
    plain = Scatter(dispersion, 1.0, math.inf, total, math.inf)
    own = [plain.of(before) for before in weeks]
    if not own:
        return plain
    spread = math.sqrt(max(1.0, statistics.median(own)))
    limited = plain._replace(spread=spread)
    variance, freedom = _pooled([(limited.of(before), len(before) - 1) for before in weeks])
    return limited._replace(variance=variance, freedom=freedom)


def _pooled(variances: Iterable[tuple[float, int]]) -> tuple[float, float]:
    """Return the pooled variance and its degrees of freedom (Smyth, section 6.2).

    Args:
        variances: of keys, and their degrees of freedom.
    """
    known = [(variance, freedom / 2) for variance, freedom in variances if variance > 0]
    if not known:
        return 1.0, math.inf
    logs = [math.log(variance) - _digamma(half) + math.log(half) for variance, half in known]
    middle = statistics.fmean(logs)
    if len(known) == 1:
        return math.exp(middle), 0.0
    chance = statistics.fmean(_trigamma(half) for _, half in known)
    half = _inverse_trigamma(statistics.variance(logs) - chance)
    if half > _MAX_FREEDOM:
        return math.exp(middle), math.inf
    return math.exp(middle + _digamma(half) - math.log(half)), 2 * half


def move_of(history: History, tide: Tide, scatter: Scatter) -> Move:
    """Return how far an author, a category or a post that is no longer young has moved."""
    expected = history.baseline * tide.factor
    variance, freedom = scatter.moderated(history.before)
    variance *= 1 + _MEDIAN_VARIANCE / len(history.before)
    variance *= 1 + _MEDIAN_VARIANCE / tide.authors
    # Counts are whole: half an event is taken off their distance.
    away = history.now - expected
    nearest = expected + math.copysign(max(abs(away) - 0.5, 0.0), away)
    distance = scatter.transform(nearest) - scatter.transform(expected)
    return Move(expected, _normal(distance / math.sqrt(variance), freedom))


def _normal(t: float, freedom: float) -> float:
    """Return the normal variable that is as likely as Student's (Wallace, Ann. Math. Stat. 30)."""
    factor = (8 * freedom + 1) / (8 * freedom + 3)
    return math.copysign(factor * math.sqrt(freedom * math.log1p(t * t / freedom)), t)


class Tail(NamedTuple):
    """The highest, or the lowest, scores of posts at an age: logarithms have exponential tails.

    Hill, A simple general approach to inference about the tail of a distribution, Ann. Stat. 3,
    1975.

    Attributes:
        share: of the posts that are in it.
        start: the absolute score at which it begins.
        excess: mean distance from there.
        posts: how many are in it.
    """

    share: float
    start: float
    excess: float
    posts: int

    def p_value(self, score: float) -> float:
        """Return the probability of a score like this or beyond; 1: it is not in the tail."""
        if score < self.start:
            return 1.0
        # One standard error more than estimated, as few posts are in the tail.
        excess = self.excess * (1 + 1 / math.sqrt(self.posts))
        return self.share * math.exp((self.start - score) / excess) if excess else self.share


def young_move(score: float, median: float, peers: int, tail: Tail) -> Move | None:
    """Return how far a young post is from its category's posts at the same age; None: too few.

    Args:
        score: distance from their median, in units of their scatter.
        median: of ln(1 + engagements).
        peers: how many they are.
        tail: of the scores on this side.
    """
    if peers < _MIN_PEERS:
        return None
    p_value = min(1.0, 2 * tail.p_value(abs(score)))
    return Move(math.expm1(median), math.copysign(z_of(p_value), score))


def z_of(p_value: float) -> float:
    """Return the absolute z-score that has this two-sided probability."""
    return -_NORMAL.inv_cdf(max(p_value, _TINY) / 2)


def false_alarms(move: Move, hours: int, tested: int, kinds: int) -> float:
    """Return how many movers a week are expected by chance if those as far as this are listed.

    Args:
        move: a mover.
        hours: length of the window; windows of a week do not overlap.
        tested: comparisons of its kind in one window.
        kinds: how many kinds there are, each with the same part of the false alarms.
    """
    return move.p_value * tested * kinds * _HOURS_A_WEEK / hours


def _digamma(x: float) -> float:
    """Return the logarithmic derivative of the gamma function (Abramowitz and Stegun, 6.3.18)."""
    shift = 0.0
    while x < 6:
        shift -= 1 / x
        x += 1
    square = 1 / (x * x)
    return shift + math.log(x) - 1 / (2 * x) - square * (1 / 12 - square * (1 / 120 - square / 252))


def _trigamma(x: float) -> float:
    """Return the derivative of the digamma function (Abramowitz and Stegun, 6.4.12)."""
    shift = 0.0
    while x < 6:
        shift += 1 / (x * x)
        x += 1
    square = 1 / (x * x)
    series = square / 2 + (1 + square * (1 / 6 - square * (1 / 30 - square / 42))) / x
    return shift + series


def _inverse_trigamma(value: float) -> float:
    """Return where the trigamma function has this value; infinity if it is not positive."""
    if value <= 1 / _MAX_FREEDOM:
        return math.inf
    low, high = 1e-4, 2 * _MAX_FREEDOM
    for _ in range(100):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _trigamma(middle) > value else (low, middle)
    return high
