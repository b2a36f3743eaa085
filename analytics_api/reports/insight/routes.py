"""The URLs of funnel, audience and effects."""

from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response

from analytics_api.answering.requests import new_router
from analytics_api.reports.fair.models import Age
from analytics_api.reports.insight import reports
from analytics_api.reports.insight.models import AudienceBy, AudienceGroup, Effect, FunnelStep
from analytics_api.reports.scoped.routes import InScope, answer, slow_answer

router = new_router()


@router.get("/reports/funnel", response_model=list[FunnelStep], tags=["reports"])
async def funnel(request: Request, scope: InScope) -> Response:
    """How many readers went from a view to a like, a comment, a share?"""
    return await answer(request, scope, lambda pool: reports.funnel(pool, scope))


@router.get("/reports/audience", response_model=list[AudienceGroup], tags=["reports"])
async def audience(
    request: Request,
    scope: InScope,
    by: Annotated[AudienceBy, Query(description="What groups are told by.")] = "segment",
) -> Response:
    """Who engages, by segment or country?"""
    return await answer(request, scope, lambda pool: reports.audience(pool, scope, by), by)


@router.get("/reports/effects", response_model=list[Effect], tags=["reports"])
async def effects(
    request: Request,
    scope: InScope,
    hours: Annotated[Age, Query(description="Of a post's life that count.")] = "48",
) -> Response:
    """What goes along with media, titles, tags? Posts published in the period; no causes.

    Each author's posts are compared with each other, within a category and at equal age. Posts
    may differ in more than the feature: an experiment tells whether it is the cause.
    """
    return await slow_answer(
        request, scope, lambda pool: reports.effects(pool, scope, int(hours)), hours
    )
