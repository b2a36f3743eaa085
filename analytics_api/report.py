"""The declaration of a report, from which its route, documentation and command are built.

A module of ``analytics_api.reports`` declares a report by decorating the function that computes it;
docs/adding-a-report.md shows how.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfo

from pydantic import BaseModel

import sql
from analytics_api.history import History
from analytics_api.parameters import Parameters
from analytics_api.periods import Period, Recording
from analytics_api.responses import Page

Data = Literal["stats view", "live"]
"""On which data a report depends: its ETag changes with their version."""
Window = Literal["none", "day", "minute"]
"""Interval at which a report changes although the data do not, as its periods move."""
Cost = Literal["rows", "events", "year", "posts"]
"""Rows that a report reads, which decide its max-age and its connections.

rows: few rows of a rollup or of the stats view.
events: the events of its period. A long one uses the connections for slow reports.
year: the events of a year. It uses the connections for slow reports.
posts: rows of posts, and what they earned in their first hours; little changes within a minute.
"""


@dataclass
class Context:
    """The inputs of a report.

    Attributes:
        pool: connections to PostgreSQL, which cannot write.
        zone: the time zone of days, hours and weekdays.
        now: the end of periods that end now.
        as_of: when the data were true.
        history: runs queries of long periods instead of PostgreSQL, if there is one.
        queries: those that were run, for ``format=sql``.
    """

    pool: Any
    zone: ZoneInfo
    now: datetime
    as_of: datetime
    chosen_period: Period | None = None
    find_id: Callable[[Literal["author", "post"], str], Awaitable[int | None]] | None = None
    history: History | None = None
    queries: list[tuple[sql.Query, Sequence[Any]]] = field(default_factory=list)

    @property
    def period(self) -> Period:
        """The period and filters of a report whose parameters are PeriodParameters."""
        assert self.chosen_period is not None  # noqa: S101  (checked by the type of the parameters)
        return self.chosen_period

    async def rows(self, name: str, /, **values: Any) -> list[Any]:
        """Return the rows of sql/<name>.sql with these parameters."""
        query = sql.load(name)
        self.queries.append((query, query.bind(**values)))
        if self.history is not None:
            found = await self.history.rows(self.pool, query, values)
            if found is not None:
                return found
        return await query.fetch(self.pool, **values)

    async def row(self, name: str, /, **values: Any) -> Any:
        """Return the only row of sql/<name>.sql, or None."""
        return next(iter(await self.rows(name, **values)), None)

    async def value(self, name: str, /, **values: Any) -> Any:
        """Return the first value of the only row of sql/<name>.sql, or None."""
        row = await self.row(name, **values)
        return None if row is None else row[0]

    async def recording(self) -> Recording:
        """Return when engagement was recorded; the report declares sql/recorded_since.sql."""
        return Recording(**await self.row("recorded_since"))

    async def id_of(self, kind: Literal["author", "post"], text: str) -> int | None:
        """Return the number of an id, which is a number or an external id; None: it is unknown.

        Raises:
            Problem: 422, it can be neither.
        """
        assert self.find_id is not None  # noqa: S101  (only tests have none)
        return await self.find_id(kind, text)


Compute = Callable[[Context, Any], Awaitable[Any]]


@dataclass(frozen=True)
class Export:
    """A further format: ``format=<name>``, also at the report's path with ``.<name>`` added."""

    media_type: str
    write: Callable[[Context, Any], str]


@dataclass(frozen=True, kw_only=True)
class Report:
    """One report.

    Attributes:
        name: of its command, `engage report NAME`.
        path: of its route.
        tag: its section in OpenAPI.
        sql: names of the SQL files that it may run.
        compute: returns its rows, a page of them, or one object.
        data, window, cost: see the types of these names.
        columns: of the table in a terminal; none: all.
        exports: further formats.
        statuses: of problems besides those of all reports.
    """

    name: str
    path: str
    tag: str
    sql: tuple[str, ...]
    compute: Compute
    data: Data = "stats view"
    window: Window = "none"
    cost: Cost = "rows"
    columns: tuple[str, ...] = ()
    exports: Mapping[str, Export] = field(default_factory=dict)
    statuses: tuple[int, ...] = ()

    @property
    def description(self) -> str:
        """The docstring: a question that the report answers, and how."""
        return inspect.getdoc(self.compute) or ""

    @property
    def title(self) -> str:
        """The first line of the description."""
        return self.description.partition("\n")[0]

    @cached_property
    def parameters(self) -> type[Parameters]:
        """The model of the parameters."""
        model: type[Parameters] = get_type_hints(self.compute)["query"]
        return model

    @cached_property
    def response(self) -> Any:
        """The type of the response: a model or a list of one."""
        returned = get_type_hints(self.compute)["return"]
        if get_origin(returned) is Page:
            return list[get_args(returned)[0]]  # type: ignore[misc]
        return returned

    @property
    def row(self) -> type[BaseModel]:
        """The model of a row, or of the only object."""
        row: type[BaseModel] = next(iter(get_args(self.response)), self.response)
        return row


REPORTS: Final[dict[str, Report]] = {}
"""All reports by name; ``load_reports`` fills it."""


def report(name: str, path: str, **declared: Any) -> Callable[[Compute], Compute]:
    """Declare a report, which the decorated coroutine function computes.

    Its parameter ``query`` is annotated with the model of the parameters, its return value with
    that of the response; its docstring becomes the description.

    Args:
        name: of the command.
        path: of the route.
        declared: further attributes of Report.
    """

    def declare(compute: Compute) -> Compute:
        REPORTS[name] = Report(name=name, path=path, compute=compute, **declared)
        return compute

    return declare


def load_reports() -> Mapping[str, Report]:
    """Import the modules of analytics_api.reports, and return all reports in order of name."""
    package = import_module("analytics_api.reports")
    for module in iter_modules(package.__path__, f"{package.__name__}."):
        import_module(module.name)
    return dict(sorted(REPORTS.items()))
