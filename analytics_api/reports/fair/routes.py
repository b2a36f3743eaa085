"""The URLs of the reports that compare posts at equal age."""

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from analytics_api.answering.requests import new_router
from analytics_api.reports.fair import reports
from analytics_api.reports.fair.models import (
    Age,
    Cohort,
    CohortBy,
    FairAuthor,
    FairPost,
    FairSort,
)
from analytics_api.reports.paging import Page
from analytics_api.reports.scoped.routes import After, InQuarter, InYear, Limit, slow_answer

router = new_router()
Hours = Annotated[
    Age, Query(description="Of a post's life that count; younger posts are left out.")
]


@router.get("/reports/fair-posts", response_model=list[FairPost], tags=["fair reports"])
async def fair_posts(  # noqa: PLR0913, PLR0917  (the query parameters of a URL)
    request: Request,
    scope: InQuarter,
    hours: Hours = "48",
    sort: Annotated[FairSort, Query(description="What to rank by.")] = "index",
    limit: Limit = 20,
    after: After = None,
) -> Response:
    """Which posts did best, each compared with its category's posts at the same age?"""
    page = Page(limit, after)
    return await slow_answer(
        request,
        scope,
        lambda pool: reports.fair_posts(pool, scope, int(hours), sort, page),
        hours,
        sort,
        page,
    )


@router.get("/reports/fair-authors", response_model=list[FairAuthor], tags=["fair reports"])
async def fair_authors(
    request: Request,
    scope: InQuarter,
    hours: Hours = "48",
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Whose posts earn more than posts of the same categories do at the same age?"""
    page = Page(limit, after)
    return await slow_answer(
        request,
        scope,
        lambda pool: reports.fair_authors(pool, scope, int(hours), page),
        hours,
        page,
    )


@router.get("/reports/cohorts", response_model=list[Cohort], tags=["fair reports"])
async def cohorts(
    request: Request,
    scope: InYear,
    hours: Hours = "48",
    by: Annotated[CohortBy, Query(description="All together, or by month of joining.")] = "tenure",
) -> Response:
    """Do new authors improve? Those who joined in the period, by months since."""
    return await slow_answer(
        request,
        scope,
        lambda pool: reports.cohorts(pool, scope, int(hours), by),
        hours,
        by,
    )
