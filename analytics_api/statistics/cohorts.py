"""The development of new authors, each compared with the own first month.

Means of all authors by tenure mix improvement with composition: who joined lately has only a short
tenure, and who leaves has no long one. So a post of author a in category c, published in calendar
month t, is expected to earn exp(level of a in c) x factor of t x index of the tenure. The index
compares each author with the author's own first month (the within estimator). The factors come from
established authors, who are assumed not to improve, so that growth of the platform is not taken for
improvement.
"""

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from analytics_api.statistics.within import MIN_AUTHORS, Group, Level, LogRatio, within

_STEPS: Final = 30


class Earned(NamedTuple):
    """Posts of one author in one category and calendar month, and of a new one, in one tenure.

    Attributes:
        month: 30-day months since joining; None: an established author.
        posts, engagements, squares: sums over the posts, of engagements and of their squares.
    """

    author_id: int
    category: str
    calendar_month: Hashable
    month: int | None
    posts: int
    engagements: float
    squares: float

    @property
    def group(self) -> Group:
        """The author and the category."""
        return self.author_id, self.category


class MonthFactors(NamedTuple):
    """By what factors engagement differs between calendar months, within authors.

    Attributes:
        factors: by month.
        variances: of their logarithms, by month.
    """

    factors: Mapping[Hashable, float]
    variances: Mapping[Hashable, float]


def month_factors(earned: Iterable[Earned]) -> MonthFactors:
    """Estimate the factors of calendar months from established authors.

    The Poisson model of two factors, by iterative proportional fitting (Deming and Stephan, Ann.
    Math. Stat. 11, 1940); 1 for all months with too few established authors. The variances are
    clustered by author and category (Huber's sandwich, for given levels).
    """
    known = [each for each in earned if each.month is None]
    if len({each.author_id for each in known}) < MIN_AUTHORS:
        return MonthFactors(defaultdict(lambda: 1.0), {})
    factors: dict[Hashable, float] = defaultdict(lambda: 1.0)
    for _ in range(_STEPS):
        sums: dict[Group, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for each in known:
            of_group = sums[each.group]
            of_group[0] += each.engagements
            of_group[1] += each.posts * factors[each.calendar_month]
        months: dict[Hashable, list[float]] = defaultdict(lambda: [0.0, 0.0])
        for each in known:
            of_month, (engagements, expected) = months[each.calendar_month], sums[each.group]
            of_month[0] += each.engagements
            of_month[1] += each.posts * engagements / expected
        for month, (engagements, expected) in months.items():
            factors[month] = engagements / expected if engagements else 1.0
    residuals: dict[Hashable, list[float]] = defaultdict(list)
    for each in known:
        engagements, expected = sums[each.group]
        level = engagements / expected
        mean = each.posts * factors[each.calendar_month] * level
        residuals[each.calendar_month].append(each.engagements - mean)
    return MonthFactors(
        factors,
        {
            month: sum(residual**2 for residual in of_month) / max(months[month][0], 1.0) ** 2
            for month, of_month in residuals.items()
        },
    )


def tenure_index(earned: Sequence[Earned], month: int, months: MonthFactors) -> LogRatio | None:
    """Return the logarithm of a month's index, 0 in the first; None: too few authors have both.

    Its errors include that of the factors, by the shares of the calendar months in both tenures.

    Args:
        earned: of new authors.
        month: since joining, after the first.
        months: factors of calendar months.
    """
    factors = months.factors
    sums: dict[tuple[Group, bool], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for each in earned:
        if each.month in {0, month}:
            of_level, factor = sums[each.group, each.month == month], factors[each.calendar_month]
            of_level[0] += each.posts * factor
            of_level[1] += each.engagements
            of_level[2] += each.squares
    groups: dict[Group, list[Level]] = defaultdict(list)
    for (group, is_later), (posts, engagements, squares) in sums.items():
        groups[group].append(Level(float(is_later), posts, engagements, squares))
    estimate = within(groups)
    if estimate is None:
        return None
    of_factors = math.sqrt(_variance_of_factors(earned, month, months))
    return estimate._replace(
        error=math.hypot(estimate.error, of_factors),
        post_error=math.hypot(estimate.post_error, of_factors),
    )


def _variance_of_factors(earned: Sequence[Earned], month: int, months: MonthFactors) -> float:
    """Return the variance of the logarithm that the errors of the factors add."""
    weights: dict[int, dict[Hashable, float]] = {0: defaultdict(float), month: defaultdict(float)}
    for each in earned:
        if each.month in weights:
            calendar = each.calendar_month
            weights[each.month][calendar] += each.posts * months.factors[calendar]
    first, later = (
        {key: weight / sum(of.values()) for key, weight in of.items()} for of in weights.values()
    )
    return sum(
        (later.get(calendar, 0.0) - first.get(calendar, 0.0)) ** 2 * variance
        for calendar, variance in months.variances.items()
    )


def compared_authors(earned: Iterable[Earned], month: int) -> int:
    """Return how many new authors have posts in the first month and in this one."""
    groups = [{each.group for each in earned if each.month == chosen} for chosen in (0, month)]
    return len({author_id for author_id, _ in groups[0] & groups[1]})
