"""Authors by the months since they joined."""

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

from pydantic import BaseModel, Field

from analytics_api.parameters import AgeParameters, YearParameters
from analytics_api.report import Context, report
from analytics_api.statistics.cohorts import (
    Earned,
    MonthFactors,
    compared_authors,
    month_factors,
    tenure_index,
)


class CohortParameters(YearParameters, AgeParameters):
    """Authors who joined in the period, and how they are grouped."""

    by: Literal["tenure", "joined"] = Field(
        "tenure", description="All authors together, or by month of joining."
    )


class Cohort(BaseModel):
    """Authors' posts in one month since they joined."""

    joined: str | None = Field(description="Month of joining; null: all of them together.")
    month: int = Field(description="Since joining; 0: the first 30 days.")
    authors: int
    posts: int
    per_post: float = Field(description="Engagements per post; authors differ between months.")
    compared_authors: int = Field(
        description="Authors with posts in the same category in their first month and in this one."
    )
    index: float | None = Field(
        description="Engagements per post, compared with the same authors' first month; null: too"
        " few authors."
    )
    low: float | None = Field(description="Lower end of the index's 95 % confidence interval.")
    high: float | None


@report(
    "cohorts",
    "/reports/cohorts",
    tag="fair reports",
    sql=("cohorts",),
    cost="posts",
    columns=(
        "joined", "month", "authors", "posts", "per_post", "compared_authors", "index", "low",
        "high",
    ),
)  # fmt: skip
async def cohorts(context: Context, query: CohortParameters) -> list[Cohort]:
    """Do new authors improve? Authors who joined in the period, compared with their first month."""
    rows = await context.rows("cohorts", **context.period.values(), hours=int(query.hours))
    earned = [(row["joined"], Earned(*(row[name] for name in Earned._fields))) for row in rows]
    factors = month_factors(each for _, each in earned)
    by_joined: dict[str | None, list[Earned]] = defaultdict(list)
    for joined, each in earned:
        if each.month is not None:
            by_joined[joined if query.by == "joined" else None].append(each)
    return [
        _cohort(joined, month, alike, factors)
        for joined, alike in sorted(by_joined.items(), key=lambda pair: pair[0] or "")
        for month in sorted({each.month for each in alike if each.month is not None})
    ]


def _cohort(
    joined: str | None, month: int, earned: Sequence[Earned], factors: MonthFactors
) -> Cohort:
    own = [each for each in earned if each.month == month]
    posts = sum(each.posts for each in own)
    index, low, high = _index(earned, month, factors)
    return Cohort(
        joined=joined,
        month=month,
        authors=len({each.author_id for each in own}),
        posts=posts,
        per_post=round(sum(each.engagements for each in own) / posts, 2),
        compared_authors=compared_authors(earned, month),
        index=index,
        low=low,
        high=high,
    )


def _index(earned: Iterable[Earned], month: int, factors: MonthFactors) -> Sequence[float | None]:
    """Return the index of a month, and its interval."""
    if month == 0:
        return (1.0, None, None)
    estimate = tenure_index(list(earned), month, factors)
    if estimate is None:
        return (None, None, None)
    slope, reach = estimate.slope, estimate.reach
    return [round(math.exp(min(end, 20.0)), 3) for end in (slope, slope - reach, slope + reach)]
