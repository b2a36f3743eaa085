"""The URLs of a post and of the leading categories."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import Path, Query, Request
from starlette.responses import Response

from analytics_api.answering.answers import LIVE, VIEW, Answer
from analytics_api.answering.requests import new_router, number_of, state_of
from analytics_api.reports.plain import reports
from analytics_api.reports.plain.models import Category, CategoryMetric, Engagement, Period
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
