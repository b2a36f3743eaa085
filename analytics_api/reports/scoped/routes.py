"""The URLs of the reports that have a period and filters."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated

from fastapi import Depends, Query, Request
from starlette.responses import Response

from analytics_api.answering.answers import SLOW, VIEW, Answer, Found
from analytics_api.answering.requests import known_number, new_router, state_of
from analytics_api.reports.paging import Page
from analytics_api.reports.scope import Scope, scope_of
from analytics_api.reports.scoped import reports
from analytics_api.reports.scoped.models import (
    Dimension,
    Interval,
    Overview,
    Ranked,
    SeriesPoint,
    Sort,
)
from sql.pool import Pool

router = new_router()
InScope = Annotated[Scope, Depends(scope_of("30d"))]
InQuarter = Annotated[Scope, Depends(scope_of("90d"))]
InYear = Annotated[Scope, Depends(scope_of("365d"))]
Limit = Annotated[int, Query(ge=1, le=1000, description="Rows a page.")]
After = Annotated[
    str | None, Query(max_length=1000, description="From the Link of the page before.")
]


async def answer(
    request: Request,
    scope: Scope,
    ask: Callable[[Pool], Awaitable[Found]],
    *query: object,
    cache_control: str = VIEW,
) -> Response:
    """Answer a scoped question: 304, or from the cache, or from the database.

    Args:
        request: the request.
        scope: what it is about.
        ask: finds the answer.
        query: the question's other parameters.
        cache_control: VIEW or SLOW.
    """
    state = state_of(request)
    given = Answer(request, state.follower.view, cache_control, scope, *query)
    # What is SLOW is found in rows of posts, whose number does not grow with the period's events.
    is_patient = scope.is_long and cache_control == VIEW
    pool = state.patient_pool if is_patient else state.pool
    return given.unchanged or await given.kept_in(state.questions, partial(ask, pool))


async def slow_answer(
    request: Request, scope: Scope, ask: Callable[[Pool], Awaitable[Found]], *query: object
) -> Response:
    """Answer what is dear to find and changes little within a minute; likewise."""
    return await answer(request, scope, ask, *query, cache_control=SLOW)


@router.get("/reports/overview", response_model=Overview, tags=["reports"])
async def overview(request: Request, scope: InScope) -> Response:
    """How much engagement was there, compared with the period before?"""
    return await answer(request, scope, lambda pool: reports.overview(pool, scope))


@router.get("/reports/series", response_model=list[SeriesPoint], tags=["reports"])
async def series(
    request: Request,
    scope: InScope,
    interval: Annotated[Interval, Query(description="Weeks begin on Monday.")] = "day",
    post: Annotated[
        str | None, Query(description="Of this post alone: its number, or its external id.")
    ] = None,
) -> Response:
    """How did engagement go, hour by hour, day by day or week by week?"""
    post_id = await known_number(request, "post", post) if post else None
    return await answer(
        request,
        scope,
        lambda pool: reports.series(pool, scope, interval, post_id),
        interval,
        post_id,
    )


@router.get("/reports/ranking/{dimension}", response_model=list[Ranked], tags=["reports"])
async def ranking(  # noqa: PLR0913, PLR0917  (the query parameters of a URL)
    request: Request,
    scope: InScope,
    dimension: Dimension,
    sort: Annotated[Sort, Query(description="What to rank by.")] = "total_engagements",
    limit: Limit = 20,
    after: After = None,
) -> Response:
    """Which posts, authors, categories or tags lead? A Link header leads to the next page."""
    page = Page(limit, after)
    return await answer(
        request,
        scope,
        lambda pool: reports.ranking(pool, scope, dimension, sort, page),
        dimension,
        sort,
        page,
    )
