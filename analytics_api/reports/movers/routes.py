"""The URL of what moves."""

from datetime import datetime, timedelta
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Query, Request
from starlette.responses import Response

from analytics_api.answering.requests import new_router
from analytics_api.reports.movers import reports
from analytics_api.reports.movers.models import Mover
from analytics_api.reports.movers.reports import Wanted
from analytics_api.reports.movers.usual import Dimension
from analytics_api.reports.scope import Filters, Scope, clock_of, filters_of, zone_given
from analytics_api.reports.scoped.routes import slow_answer

router = new_router()


@router.get("/reports/movers", response_model=list[Mover], tags=["movers"])
async def movers(  # noqa: PLR0913, PLR0917  (the query parameters of a URL)
    request: Request,
    now: Annotated[datetime, Depends(clock_of)],
    zone: Annotated[ZoneInfo, Depends(zone_given)],
    filters: Annotated[Filters, Depends(filters_of)],
    hours: Annotated[int, Query(ge=1, le=168, description="That count, up to now.")] = 24,
    dimension: Annotated[Dimension | None, Query(description="Of these alone.")] = None,
    least_z: Annotated[float, Query(ge=1, le=100, description="Distance from which on.")] = 3.5,
    limit: Annotated[int, Query(ge=1, le=1000, description="Rows at most.")] = 20,
) -> Response:
    """What is well above or below the same hours of the week, and why?

    Posts of the last week are compared with their category's posts at the same age.
    """
    scope = Scope(now - timedelta(hours=hours), now, zone, filters, has_previous=False)
    wanted = Wanted(least_z, limit, dimension)
    return await slow_answer(
        request, scope, lambda pool: reports.movers(pool, scope, wanted), wanted
    )
