"""`engage report fair-posts|fair-authors|fair-opportunity|cohorts|effects`: posts at equal age."""

from enum import StrEnum
from typing import Annotated

import typer

from engage.commands.report.question import Hours, Limit, ScopedQuestion, report


class FairSort(StrEnum):
    """What posts are ranked by."""

    INDEX = "index"
    ENGAGEMENTS = "engagements"


class CohortBy(StrEnum):
    """How cohorts are told."""

    TENURE = "tenure"
    JOINED = "joined"


@report
def fair_posts(
    question: ScopedQuestion,
    hours: Hours = None,
    sort: Annotated[FairSort, typer.Option(help="What to rank by.")] = FairSort.INDEX,
    limit: Limit = 20,
) -> None:
    """Which posts did best, each beside its category's posts at the same age? 90 days if unset."""
    rows = question.ask("/reports/fair-posts", hours=hours, sort=sort.value, limit=limit)
    question.show("fair-posts", rows)


@report
def fair_authors(question: ScopedQuestion, hours: Hours = None, limit: Limit = 50) -> None:
    """Whose posts earn more than posts of the same categories at the same age? 90 days if unset."""
    rows = question.ask("/reports/fair-authors", hours=hours, limit=limit)
    question.show("fair-authors", rows)


@report
def fair_opportunity(question: ScopedQuestion, hours: Hours = None, limit: Limit = 10) -> None:
    """What would authors earn at their category's median, and why do they not? 90 days if unset."""
    rows = question.ask("/reports/opportunity", hours=hours, limit=limit)
    question.show("fair-opportunity", rows)


@report
def cohorts(
    question: ScopedQuestion,
    hours: Hours = None,
    by: Annotated[
        CohortBy, typer.Option(help="All together, or by month of joining.")
    ] = CohortBy.TENURE,
) -> None:
    """Do authors who joined in the period improve? A year if unset."""
    question.show("cohorts", question.ask("/reports/cohorts", hours=hours, by=by.value))


@report
def effects(question: ScopedQuestion, hours: Hours = None) -> None:
    """What goes along with media, titles, tags? No causes."""
    question.show("effects", question.ask("/reports/effects", hours=hours))
