"""The URLs of the reports without filters."""

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Path, Query, Request
from starlette.responses import Response

from analytics_api.answering.answers import LIVE, VIEW, Answer
from analytics_api.answering.requests import new_router, number_of, state_of
from analytics_api.reports.plain import reports
from analytics_api.reports.plain.models import (
    AuthorTrends,
    Category,
    CategoryMetric,
    Engagement,
    EngagementPattern,
    OpportunityAuthor,
    Period,
    SampleAuthor,
    SamplePost,
    TopAuthor,
)
from analytics_api.reports.scope import moment_of, zone_of
from schema.http.problems import Problem, responses

router = new_router()


@router.get(
    "/engagement/{post_id:path}",
    response_model=Engagement,
    responses=responses([404]),
    tags=["reports"],
)
async def engagement(
    request: Request,
    post_id: Annotated[str, Path(description="The post's number, or its external id.")],
    period: Annotated[
        Period, Query(description="Since midnight so many days ago, in the reporting zone.")
    ] = "7d",
) -> Response:
    """How was a post engaged with? Fresh: an accepted event shows within a second."""
    state = state_of(request)
    start = reports.since(period, state.zone, datetime.now(UTC))
    answer = Answer(request, state.follower.live, LIVE, period, start)
    if unchanged := answer.unchanged:
        return unchanged
    number = await number_of(request, "post", post_id)
    found = number and await reports.engagement(state.pool, number, start)
    if not found:
        raise Problem(404, "unknown_post", "there is no such post in the catalogue")
    return answer.of(found)


@router.get("/categories/top", response_model=list[Category], tags=["reports"])
async def categories_top(
    request: Request,
    metric: Annotated[CategoryMetric, Query(description="What to rank by.")] = "engagement",
    limit: Annotated[int, Query(ge=1, le=50, description="Rows at most.")] = 10,
) -> Response:
    """Which categories lead? As fresh as the last refresh of the view."""
    state = state_of(request)
    answer = Answer(request, state.follower.view, VIEW, metric, limit)
    return answer.unchanged or await answer.kept_in(
        state.questions, lambda: reports.categories_top(state.pool, metric, limit)
    )


@router.get(
    "/author/{author_id:path}/trends",
    response_model=AuthorTrends,
    responses=responses([404]),
    tags=["reports"],
)
async def author_trends(
    request: Request,
    author_id: Annotated[str, Path(description="The author's number, or its external id.")],
    now: Annotated[datetime, Depends(moment_of)],
) -> Response:
    """How do an author's posts do, and how does it change? As fresh as the last refresh."""
    state = state_of(request)
    answer = Answer(request, state.follower.view, VIEW, _minute(now))

    async def ask() -> AuthorTrends:
        number = await number_of(request, "author", author_id)
        found = number and await reports.author_trends(state.pool, number, state.zone, now)
        if not found:
            raise Problem(404, "unknown_author", "there is no such author in the catalogue")
        return found

    return answer.unchanged or await answer.kept_in(state.questions, ask)


@router.get("/sample/posts", response_model=list[SamplePost], tags=["reports"])
async def sample_posts(
    request: Request, limit: Annotated[int, Query(ge=1, le=100, description="At most.")] = 10
) -> Response:
    """The most engaged posts, for pickers."""
    state = state_of(request)
    answer = Answer(request, state.follower.view, VIEW, limit)
    return answer.unchanged or await answer.kept_in(
        state.questions, lambda: reports.sample_posts(state.pool, limit)
    )


@router.get("/sample/authors", response_model=list[SampleAuthor], tags=["reports"])
async def sample_authors(
    request: Request, limit: Annotated[int, Query(ge=1, le=50, description="At most.")] = 10
) -> Response:
    """The most engaged authors, for pickers."""
    state, now = state_of(request), datetime.now(UTC)
    answer = Answer(request, state.follower.view, VIEW, limit, _day(now, state.zone))
    return answer.unchanged or await answer.kept_in(
        state.questions, lambda: reports.sample_authors(state.pool, limit, state.zone, now)
    )


@router.get("/analytics/top-authors", response_model=list[TopAuthor], tags=["reports"])
async def top_authors(request: Request) -> Response:
    """Who are the best authors, overall and in their category? Posts of the last 3 months."""
    state, now = state_of(request), datetime.now(UTC)
    answer = Answer(request, state.follower.view, VIEW, _day(now, state.zone))
    return answer.unchanged or await answer.kept_in(
        state.questions, lambda: reports.top_authors(state.pool, state.zone, now)
    )


@router.get(
    "/analytics/engagement-patterns", response_model=list[EngagementPattern], tags=["reports"]
)
async def engagement_patterns(
    request: Request,
    tz: Annotated[
        str | None, Query(description="IANA zone to count hours in; unset: the reporting zone.")
    ] = None,
) -> Response:
    """When is engagement high? By hour and weekday, over the last 365 days."""
    state, now = state_of(request), datetime.now(UTC)
    zone = state.zone if tz is None else zone_of(tz)
    answer = Answer(request, state.follower.view, VIEW, zone.key, _day(now, zone))
    return answer.unchanged or await answer.kept_in(
        state.questions, lambda: reports.engagement_patterns(state.patient_pool, zone, now)
    )


@router.get(
    "/analytics/opportunity-authors", response_model=list[OpportunityAuthor], tags=["reports"]
)
async def opportunity_authors(request: Request) -> Response:
    """Who publishes much for little, and what would reaching the median bring?"""
    state, now = state_of(request), datetime.now(UTC)
    answer = Answer(request, state.follower.view, VIEW, _day(now, state.zone))
    return answer.unchanged or await answer.kept_in(
        state.questions, lambda: reports.opportunity_authors(state.pool, state.zone, now)
    )


def _day(now: datetime, zone: ZoneInfo) -> str:
    """The day that moving windows begin from, as they change with it."""
    return now.astimezone(zone).date().isoformat()


def _minute(now: datetime) -> str:
    """The minute, for windows that end now: nobody sees them move faster."""
    return now.isoformat(timespec="minutes")
