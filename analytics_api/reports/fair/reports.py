"""Posts, authors and cohorts at equal age, with intervals: a scope in, public models out."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from analytics_api.answering.answers import Paged
from analytics_api.reports.fair.models import Cohort, CohortBy, FairAuthor, FairPost, FairSort
from analytics_api.reports.paging import Page, cut, head, place_of
from analytics_api.reports.scope import Scope
from analytics_api.reports.scoped.reports import fetch
from analytics_api.reports.shrinkage import Estimate, Unit, interval, shrink_all
from sql.pool import Pool

_DECIMALS: Final = 3


async def fair_posts(pool: Pool, scope: Scope, hours: int, sort: FairSort, page: Page) -> Paged:
    """Return one page of the posts that are old enough, best first.

    Raises:
        Problem: 422 for an ``after`` that no page gave.
    """
    place = place_of(page)
    rows = await fetch(
        pool,
        "fair_posts",
        scope,
        hours=hours,
        sort=sort,
        limit=page.limit + 1,
        after=place.value,
        after_key=place.number,
    )
    return head(rows, page, _post, "post_id")


def _post(row: dict[str, Any], rank: int) -> FairPost:
    estimate = interval(row.pop("shape"), row.pop("rate"))
    del row["sort_value"]
    row["usual"] = round(row["usual"], 2)
    return FairPost(**row, **indexed(estimate), rank=rank)


def indexed(estimate: Estimate) -> dict[str, float]:
    """Return an estimate as fields of Indexed."""
    return {name: round(getattr(estimate, name), _DECIMALS) for name in ("index", "low", "high")}


def unit_of(row: Mapping[str, Any]) -> Unit:
    """Return the sums in a row."""
    return Unit(**{name: row[name] for name in Unit._fields})


class Standing(NamedTuple):
    """One author's sums and index in one period; *row*: of sql/fair_authors.sql."""

    row: Mapping[str, Any]
    unit: Unit
    estimate: Estimate

    def fields(self) -> dict[str, Any]:
        """Return what IndexedAuthor says of it, without the rank."""
        unit = self.unit
        return {
            "author_id": self.row["author_id"],
            "author_name": self.row["author_name"],
            "category": self.row["category"],
            "posts": unit.posts,
            "total_engagements": round(unit.observed),
            "per_post": round(unit.observed / unit.posts, 2),
            "usual": round(unit.expected / unit.posts, 2),
            **indexed(self.estimate),
        }


async def standings(pool: Pool, scope: Scope, hours: int) -> tuple[list[Standing], list[Standing]]:
    """Return the authors of the period and those of the one before, by id.

    All of the category are among them, whichever author is asked about: they are what is usual.
    """
    rows = await fetch(pool, "fair_authors", scope, hours=hours)
    found = []
    for is_previous in (False, True):
        chosen = [row for row in rows if row["is_previous"] is is_previous]
        units = [unit_of(row) for row in chosen]
        found.append(list(map(Standing, chosen, units, shrink_all(units))))
    return found[0], found[1]


async def fair_authors(pool: Pool, scope: Scope, hours: int, page: Page) -> Paged:
    """Return one page of the authors with posts that are old enough, best first.

    Raises:
        Problem: 422 for an ``after`` that no page gave.
    """
    now, before = await standings(pool, scope, hours)
    earlier = {standing.row["author_id"]: standing for standing in before}
    now.sort(key=lambda standing: (-standing.estimate.index, standing.row["author_id"]))
    authors, places = [], []
    for rank, standing in enumerate(now, 1):
        author_id = standing.row["author_id"]
        if scope.filters.author in {0, author_id}:
            previous = earlier.get(author_id)
            authors.append(
                FairAuthor(
                    **standing.fields(),
                    rank=rank,
                    previous_posts=previous.unit.posts if previous else 0,
                    previous_index=indexed(previous.estimate)["index"] if previous else None,
                )
            )
            places.append((standing.estimate.index, author_id))
    return Paged(*cut(authors, page, places))


async def cohorts(pool: Pool, scope: Scope, hours: int, by: CohortBy) -> list[Cohort]:
    """Return how authors do by months since they joined, earliest first."""
    rows = await fetch(pool, "cohorts", scope, hours=hours, by=by)
    units = [unit_of(row) for row in rows]
    return [
        Cohort(
            joined=row["joined"],
            month=row["month"],
            authors=row["authors"],
            posts=unit.posts,
            per_post=round(unit.observed / unit.posts, 2),
            usual=round(unit.expected / unit.posts, 2),
            **indexed(estimate),
        )
        for row, unit, estimate in zip(rows, units, shrink_all(units), strict=True)
    ]
