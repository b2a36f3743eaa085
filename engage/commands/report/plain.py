"""`engage report post|author|categories|…`: the reports without filters."""

from typing import Annotated
from urllib.parse import quote

import typer

from engage.commands.report.question import Question, report

_Limit = Annotated[int, typer.Option(min=1, help="Rows at most.")]


@report
def post(
    question: Question,
    post_id: Annotated[str, typer.Argument(help="Its number, or its external id.")],
    period: Annotated[str, typer.Option(help="7d, 30d, 90d or all.")] = "7d",
) -> None:
    """How was a post engaged with?"""
    question.show_one(question.ask(f"/engagement/{quote(post_id, safe='')}", period=period))


@report
def author(
    question: Question,
    author_id: Annotated[str, typer.Argument(help="The number, or the external id.")],
) -> None:
    """How do an author's posts do, and how does it change?"""
    question.show_one(question.ask(f"/author/{quote(author_id, safe='')}/trends"))


@report
def categories(
    question: Question,
    metric: Annotated[str, typer.Option(help="engagement or posts.")] = "engagement",
    limit: _Limit = 10,
) -> None:
    """Which categories lead, and who leads them?"""
    rows = question.ask("/categories/top", metric=metric, limit=limit)
    question.show("categories", rows)


@report
def posts(question: Question, limit: _Limit = 10) -> None:
    """Which posts are engaged with most?"""
    question.show("posts", question.ask("/sample/posts", limit=limit))


@report
def authors(question: Question, limit: _Limit = 10) -> None:
    """Which authors are engaged with most?"""
    question.show("authors", question.ask("/sample/authors", limit=limit))


@report
def top_authors(question: Question) -> None:
    """Who are the best authors, overall and in their category? Posts of the last 3 months."""
    question.show("top-authors", question.ask("/analytics/top-authors"))


@report
def engagement_patterns(
    question: Question,
    tz: Annotated[str | None, typer.Option(help="IANA zone. Unset: the reporting zone.")] = None,
) -> None:
    """At which hours of which weekdays is engagement high? The darker, the more."""
    from engage.terminal.heatmap import print_heatmap

    rows = question.ask("/analytics/engagement-patterns", tz=tz)
    if question.is_for_people:
        print_heatmap(rows)
    else:
        question.show("engagement-patterns", rows)


@report
def opportunity_authors(question: Question) -> None:
    """Who publishes much for little, and what would reaching the median bring?"""
    question.show("opportunity-authors", question.ask("/analytics/opportunity-authors"))
