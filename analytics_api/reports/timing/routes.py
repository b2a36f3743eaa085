"""The URLs of the reports about when to publish."""

from typing import Annotated, Final

from fastapi import Query, Request
from starlette.responses import Response

from analytics_api.answering.answers import SLOW, Answer
from analytics_api.answering.requests import new_router, state_of
from analytics_api.reports.fair.models import Age
from analytics_api.reports.paging import Page
from analytics_api.reports.scoped.routes import After, InQuarter, InYear, Limit, slow_answer
from analytics_api.reports.timing import reports
from analytics_api.reports.timing.calendar_file import MEDIA_TYPE, calendar
from analytics_api.reports.timing.models import NextSlot, PostingHours, PostingSlot
from analytics_api.reports.timing.reports import Judgement

router = new_router()
_DAY: Final = "24"
_LEAST: Final = 10
Hours = Annotated[Age, Query(description="Of a post's life that count.")]
Least = Annotated[
    int, Query(ge=1, le=1000, description="Posts a slot and the hours beside it need.")
]
Count = Annotated[int, Query(ge=1, le=20, description="Slots at most.")]


@router.get("/reports/when-to-post", response_model=list[PostingSlot], tags=["when to post"])
async def when_to_post(
    request: Request, scope: InYear, hours: Hours = _DAY, least: Least = _LEAST
) -> Response:
    """What does the hour do at which a post is published? 168 hours of a week.

    Posts are compared with their authors' other posts in the same category, at equal age.
    """
    judged = Judgement(int(hours), least)
    return await slow_answer(
        request, scope, lambda pool: reports.when_to_post(pool, scope, judged), judged
    )


@router.get("/reports/when-to-post/next", response_model=list[NextSlot], tags=["when to post"])
async def next_slots(
    request: Request, scope: InYear, hours: Hours = _DAY, least: Least = _LEAST, count: Count = 3
) -> Response:
    """Which good hours come next? None where no hour is clearly good."""
    judged = Judgement(int(hours), least)
    return await slow_answer(
        request,
        scope,
        lambda pool: reports.next_slots(pool, scope, judged, count),
        judged,
        count,
    )


@router.get(
    "/reports/when-to-post/next.ics",
    response_class=Response,
    responses={200: {"content": {"text/calendar": {}}}},
    tags=["when to post"],
)
async def next_slots_calendar(
    request: Request, scope: InYear, hours: Hours = _DAY, least: Least = _LEAST, count: Count = 3
) -> Response:
    """The next good hours, for a calendar."""
    state, judged = state_of(request), Judgement(int(hours), least)
    given = Answer(request, state.follower.view, SLOW, scope, judged, count)
    given = given.as_file(MEDIA_TYPE, "slots.ics")

    async def ask() -> str:
        slots = await reports.next_slots(state.pool, scope, judged, count)
        return calendar(slots, scope.filters.category, scope.end)

    return given.unchanged or await given.kept_in(state.questions, ask)


@router.get("/reports/posting-hours", response_model=list[PostingHours], tags=["when to post"])
async def posting_hours(  # noqa: PLR0913, PLR0917  (the query parameters of a URL)
    request: Request,
    scope: InQuarter,
    hours: Hours = _DAY,
    least: Least = _LEAST,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Who publishes in weak hours, and who in good ones?"""
    judged, page = Judgement(int(hours), least), Page(limit, after)
    return await slow_answer(
        request,
        scope,
        lambda pool: reports.posting_hours(pool, scope, judged, page),
        judged,
        page,
    )
