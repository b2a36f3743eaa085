"""`engage report when-to-post|posting-hours|movers|funnel|audience`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from engage.commands.report.question import (
    Hours,
    Limit,
    Only,
    Question,
    ScopedQuestion,
    Zone,
    filters,
    report,
)

Least = Annotated[
    int | None,
    typer.Option(min=1, help="Posts that an hour and those beside it need; 10 if unset."),
]


class AudienceBy(StrEnum):
    """What groups of readers are told by."""

    SEGMENT = "segment"
    COUNTRY = "country"


class Mover(StrEnum):
    """What moves."""

    ALL = "all"
    CATEGORY = "category"
    AUTHOR = "author"
    POST = "post"


@report
def when_to_post(
    question: ScopedQuestion,
    hours: Hours = None,
    least: Least = None,
    ics: Annotated[
        Path | None, typer.Option(help="Write the next good hours there, for a calendar.")
    ] = None,
) -> None:
    """At which hours of the week should posts be published? Of a year if unset.

    Lifts in percent, beside the same authors' other posts: a number is clear, a dot is not, and of
    empty hours too few posts were published.
    """
    asked = {"hours": hours, "least": least}
    if ics is not None:
        text = question.text("/reports/when-to-post/next.ics", **asked)
        ics.write_text(text, encoding="utf-8", newline="")
        print(ics)
        return
    slots = question.ask("/reports/when-to-post", **asked)
    if not question.is_for_people:
        question.show("when-to-post", slots)
        return
    from engage.terminal.heatmap import lift_map

    print("\n".join(lift_map(slots)))
    coming = question.ask("/reports/when-to-post/next", **asked)
    print("\nThe next good hours:" if coming else "\nNo hour is clearly good.")
    if coming:
        question.show("next-slots", coming)


@report
def posting_hours(
    question: ScopedQuestion,
    hours: Hours = None,
    least: Least = None,
    limit: Limit = 50,
) -> None:
    """Who publishes in weak hours, and who in good ones? 90 days if unset."""
    rows = question.ask("/reports/posting-hours", hours=hours, least=least, limit=limit)
    question.show("posting-hours", rows)


@report
def movers(  # noqa: PLR0913, PLR0917  (options of a command)
    question: Question,
    hours: Annotated[int, typer.Option(min=1, max=168, help="That are compared, up to now.")] = 24,
    dimension: Annotated[Mover | None, typer.Option(help="Of these alone.")] = None,
    least_z: Annotated[float, typer.Option(min=1, max=100, help="Distance from which on.")] = 3.5,
    limit: Limit = 20,
    tz: Zone = None,
    only: Only = None,
) -> None:
    """What is well above or below the same hours of the weeks before, and why?"""
    rows = question.ask(
        "/reports/movers",
        hours=hours,
        dimension=dimension.value if dimension else None,
        least_z=least_z,
        limit=limit,
        tz=tz,
        **filters(only),
    )
    question.show("movers", rows)


@report
def funnel(question: ScopedQuestion) -> None:
    """How many readers went from a view to a like, a comment, a share?"""
    question.show("funnel", question.ask("/reports/funnel"))


@report
def audience(
    question: ScopedQuestion,
    by: Annotated[AudienceBy, typer.Option(help="What groups are told by.")] = AudienceBy.SEGMENT,
) -> None:
    """Who engages, by segment or country?"""
    rows = question.ask("/reports/audience", by=by.value)
    question.show("audience", rows)
