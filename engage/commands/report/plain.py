"""`engage report post|author|categories|…`: the reports without filters."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any
from urllib.parse import quote

import typer

from engage.terminal.options import (
    DEFAULT_DIR,
    Dir,
    Output,
    OutputOption,
    failing_well,
)

_Limit = typer.Option(min=1, help="Rows at most.")


@failing_well
def post(
    post_id: Annotated[str, typer.Argument(help="Its number, or its external id.")],
    folder: Dir = DEFAULT_DIR,
    period: Annotated[str, typer.Option(help="7d, 30d, 90d or all.")] = "7d",
    output: OutputOption = Output.TABLE,
) -> None:
    """How was a post engaged with?"""
    _print_one(_ask(folder, f"/engagement/{quote(post_id, safe='')}", period=period), output)


@failing_well
def author(
    author_id: Annotated[str, typer.Argument(help="The number, or the external id.")],
    folder: Dir = DEFAULT_DIR,
    output: OutputOption = Output.TABLE,
) -> None:
    """How do an author's posts do, and how does it change?"""
    _print_one(_ask(folder, f"/author/{quote(author_id, safe='')}/trends"), output)


@failing_well
def categories(
    folder: Dir = DEFAULT_DIR,
    metric: Annotated[str, typer.Option(help="engagement or posts.")] = "engagement",
    limit: Annotated[int, _Limit] = 10,
    output: OutputOption = Output.TABLE,
) -> None:
    """Which categories lead, and who leads them?"""
    rows = _ask(folder, "/categories/top", metric=metric, limit=limit)
    _print_many("categories", rows, output)


@failing_well
def posts(
    folder: Dir = DEFAULT_DIR,
    limit: Annotated[int, _Limit] = 10,
    output: OutputOption = Output.TABLE,
) -> None:
    """Which posts are engaged with most?"""
    _print_many("posts", _ask(folder, "/sample/posts", limit=limit), output)


@failing_well
def authors(
    folder: Dir = DEFAULT_DIR,
    limit: Annotated[int, _Limit] = 10,
    output: OutputOption = Output.TABLE,
) -> None:
    """Which authors are engaged with most?"""
    _print_many("authors", _ask(folder, "/sample/authors", limit=limit), output)


@failing_well
def top_authors(folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """Who are the best authors, overall and in their category? Posts of the last 3 months."""
    _print_many("top-authors", _ask(folder, "/analytics/top-authors"), output)


@failing_well
def engagement_patterns(
    folder: Dir = DEFAULT_DIR,
    tz: Annotated[str | None, typer.Option(help="IANA zone. Unset: the reporting zone.")] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """At which hours of which weekdays is engagement high? The darker, the more."""
    from engage.terminal.heatmap import print_heatmap

    rows = _ask(folder, "/analytics/engagement-patterns", tz=tz)
    if output is Output.TABLE:
        print_heatmap(rows)
    else:
        _print_many("engagement-patterns", rows, output)


@failing_well
def opportunity_authors(folder: Dir = DEFAULT_DIR, output: OutputOption = Output.TABLE) -> None:
    """Who publishes much for little, and what would reaching the median bring?"""
    _print_many("opportunity-authors", _ask(folder, "/analytics/opportunity-authors"), output)


def _print_one(facts: Mapping[str, Any], output: Output) -> None:
    from engage.terminal.output import print_facts

    print_facts(facts, output)


def _print_many(report: str, rows: Sequence[Mapping[str, Any]], output: Output) -> None:
    """Print all columns for programs, those that people compare for people."""
    from engage.terminal.output import print_rows
    from engage.terminal.report_tables import for_people

    print_rows(for_people(report, rows) if output is Output.TABLE else rows, output)


def _ask(folder: Any, path: str, **parameters: Any) -> Any:
    from engage.client import get_json
    from engage.target import find

    system = find(folder)
    return get_json(system.api_url, path, system.read_key, **parameters)
