"""The URL of what authors would earn at the median."""

from fastapi import Request
from starlette.responses import Response

from analytics_api.answering.requests import new_router
from analytics_api.reports.fair.routes import Hours
from analytics_api.reports.opportunity import reports
from analytics_api.reports.opportunity.models import Opportunity
from analytics_api.reports.paging import Page
from analytics_api.reports.scoped.routes import After, InQuarter, Limit, slow_answer

router = new_router()


@router.get("/reports/opportunity", response_model=list[Opportunity], tags=["fair reports"])
async def opportunities(
    request: Request,
    scope: InQuarter,
    hours: Hours = "48",
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """What would an author's posts earn at the category's median, and why do they not?

    Reasons are habits that go along with less among all authors, not causes; an experiment tells.
    """
    page = Page(limit, after)
    return await slow_answer(
        request,
        scope,
        lambda pool: reports.opportunity(pool, scope, int(hours), page),
        hours,
        page,
    )
