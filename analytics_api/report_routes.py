"""Routes of the declared reports: one handler, which resolves parameters and uses the cache."""

import inspect
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Request
from pydantic import BeforeValidator
from starlette.responses import Response

import sql
from analytics_api.fair_pool import FairPool
from analytics_api.ids import find_id
from analytics_api.parameters import FilterParameters, Parameters, PeriodParameters, ZoneParameters
from analytics_api.periods import (
    Filters,
    Period,
    Recording,
    named_period,
    period_between,
    zone_named,
)
from analytics_api.report import Context, Report, load_reports
from analytics_api.responses import LIVE, Found, Representation
from analytics_api.routing import new_router
from analytics_api.state import State, state_of
from analytics_api.versions import Version
from web.problems import Problem, database_unavailable, responses

_MAX_AGE_SECONDS: Final = {"posts": 60}
_DEFAULT_MAX_AGE_SECONDS: Final = 2


def report_router() -> APIRouter:
    """Return the routes of all reports."""
    router = new_router()
    for report in load_reports().values():
        router.add_api_route(
            report.path,
            _endpoint(report),
            response_model=report.response,
            responses=responses(report.statuses),
            tags=[report.tag],
        )
        for name, export in report.exports.items():
            router.add_api_route(
                f"{report.path}.{name}",
                _endpoint(report, name),
                response_class=Response,
                responses={200: {"content": {export.media_type.partition(";")[0]: {}}}},
                tags=[report.tag],
            )
    return router


def _endpoint(report: Report, export: str | None = None) -> Callable[..., Any]:
    """Return the function of a route, whose signature declares the report's parameters."""

    async def endpoint(request: Request, **given: Any) -> Response:
        query = report.parameters.model_construct(**given)
        return await _respond(report, request, query, export)

    request = inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)
    endpoint.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [request, *_parameters(report)]
    )
    endpoint.__name__ = f"{report.name}_{export}" if export else report.name
    endpoint.__doc__ = report.description
    return endpoint


def _parameters(report: Report) -> Iterator[inspect.Parameter]:
    for name, field in report.parameters.model_fields.items():
        place = Path if f"{{{name}" in report.path else Query
        # Constraints apply to the parsed value, so validators of the text come after them.
        metadata = sorted(field.metadata, key=lambda each: isinstance(each, BeforeValidator))
        yield inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if field.is_required() else field.default,
            annotation=Annotated[field.annotation, *metadata, place(description=field.description)],
        )


async def _respond(
    report: Report, request: Request, query: Parameters, export: str | None
) -> Response:
    state = state_of(request)
    version = state.poller.live if report.data == "live" else state.poller.view
    if version is None:
        raise database_unavailable("PostgreSQL does not answer")
    times = await _times(report, query, state, version)
    representation = Representation(
        request,
        version,
        LIVE if report.data == "live" else _cache_control(report),
        query,
        times.window,
        exports={name: each.media_type for name, each in report.exports.items()},
        export=export,
    )
    if not_modified := representation.not_modified():
        return not_modified
    context = Context(
        pool=_pool(report, state, times.period),
        zone=times.zone,
        now=times.now,
        as_of=times.as_of,
        chosen_period=times.period,
        # Not on the reports' connections, which may be busy.
        find_id=partial(find_id, state.quick_pool),
        history=state.history,
        queries=representation.queries,
    )

    async def compute() -> Found:
        if isinstance(query, PeriodParameters):
            context.chosen_period = await _comparable(context.period, state)
        found: Found = await report.compute(context, query)
        writer = report.exports.get(representation.format)
        return found if writer is None else writer.write(context, found)

    if report.data == "live":
        return representation.response(await compute())
    return await representation.cached_response(state.cache, compute)


class _Times(NamedTuple):
    """The time zone, now and period of a request. While *window* is equal, responses are."""

    zone: ZoneInfo
    as_of: datetime
    now: datetime
    period: Period | None
    window: object


async def _times(report: Report, query: Parameters, state: State, version: Version) -> _Times:
    zone = state.zone
    if isinstance(query, ZoneParameters) and query.tz is not None:
        zone = zone_named(query.tz)
    now = datetime.now(UTC)
    as_of = version.as_of if version.is_known else now
    # Periods end with the minute, so that requests within a minute share a response.
    minute = as_of.replace(second=0, microsecond=0) + timedelta(minutes=1)
    if isinstance(query, FilterParameters):
        period = _period(query, zone, minute, await _filters(query, state))
        return _Times(zone, as_of, minute, period, period)
    windows = {"none": None, "day": now.astimezone(zone).date(), "minute": minute}
    return _Times(zone, as_of, now, None, (zone.key, windows[report.window]))


async def _filters(query: FilterParameters, state: State) -> Filters:
    author = 0
    if query.author:
        found = await find_id(state.quick_pool, "author", query.author)
        if found is None:
            raise Problem(422, "invalid_parameter", "author: nothing has this external ID")
        author = found
    return Filters(query.category or "", author, query.type, query.tag or "", query.promoted)


def _period(query: FilterParameters, zone: ZoneInfo, now: datetime, filters: Filters) -> Period:
    if not isinstance(query, PeriodParameters):
        return Period(now, now, zone, filters, "all_time")
    if query.start is None and query.end is None:
        named = named_period(query.period or query.default_period, zone, now, filters)
        return named.with_comparison(query.compare)
    if query.period is not None or query.start is None:
        raise Problem(422, "invalid_parameter", "give period, or start with or without end")
    between = period_between(query.start, query.end, zone, now, filters)
    return between.with_comparison(query.compare)


async def _comparable(period: Period, state: State) -> Period:
    """Return the period, without a comparison period that is not known as a whole."""
    row = await sql.load("recorded_since").fetchrow(state.quick_pool)
    return period.compared_with(Recording(**row))


def _cache_control(report: Report) -> str:
    return f"private, max-age={_MAX_AGE_SECONDS.get(report.cost, _DEFAULT_MAX_AGE_SECONDS)}"


def _pool(report: Report, state: State, period: Period | None) -> FairPool:
    is_long = period is not None and period.is_long
    is_slow = report.cost == "year" or (report.cost == "events" and is_long)
    return state.slow_pool if is_slow else state.pool
