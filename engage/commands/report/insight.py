"""`engage report when-to-post|posting-hours|movers|funnel|audience`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from engage.commands.report.fair import Hours, Limit, show
from engage.commands.report.scoped import End, Only, Period, Start, Zone, ask, filters
from engage.terminal.options import DEFAULT_DIR, Dir, Output, OutputOption, failing_well

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


@failing_well
def when_to_post(  # noqa: PLR0913, PLR0917  (options of a command)
    folder: Dir = DEFAULT_DIR,
    hours: Hours = None,
    least: Least = None,
    ics: Annotated[
        Path | None, typer.Option(help="Write the next good hours there, for a calendar.")
    ] = None,
    period: Period = None,
    start: Start = None,
    end: End = None,
    tz: Zone = None,
    only: Only = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """At which hours of the week should posts be published? Of a year if unset.

    Lifts in percent, beside the same authors' other posts: a number is clear, a dot is not, and of
    empty hours too few posts were published.
    """
    scope = (period, start, end, tz)
    asked = {"hours": hours, "least": least}
    if ics is not None:
        _write_calendar(ics, folder, scope, only, asked)
        return
    slots = ask(folder, "/reports/when-to-post", scope, only, **asked)
    if output is not Output.TABLE:
        show("when-to-post", slots, output)
        return
    from engage.terminal.heatmap import lift_map

    print("\n".join(lift_map(slots)))
    coming = ask(folder, "/reports/when-to-post/next", scope, only, **asked)
    print("\nThe next good hours:" if coming else "\nNo hour is clearly good.")
    if coming:
        show("next-slots", coming, output)


def _write_calendar(
    path: Path, folder: Path, scope: tuple[str | None, ...], only: Any, asked: dict[str, Any]
) -> None:
    from engage.client import get_text
    from engage.target import find

    system = find(folder)
    named = dict(zip(("period", "start", "end", "tz"), scope, strict=True))
    text = get_text(
        system.api_url,
        "/reports/when-to-post/next.ics",
        system.read_key,
        **named,
        **filters(only),
        **asked,
    )
    path.write_text(text, encoding="utf-8", newline="")
    print(path)


@failing_well
def posting_hours(  # noqa: PLR0913, PLR0917  (options of a command)
    folder: Dir = DEFAULT_DIR,
    hours: Hours = None,
    least: Least = None,
    limit: Limit = 50,
    period: Period = None,
    start: Start = None,
    end: End = None,
    tz: Zone = None,
    only: Only = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Who publishes in weak hours, and who in good ones? 90 days if unset."""
    scope = (period, start, end, tz)
    rows = ask(folder, "/reports/posting-hours", scope, only, hours=hours, least=least, limit=limit)
    show("posting-hours", rows, output)


@failing_well
def movers(  # noqa: PLR0913, PLR0917  (options of a command)
    folder: Dir = DEFAULT_DIR,
    hours: Annotated[int, typer.Option(min=1, max=168, help="That are compared, up to now.")] = 24,
    dimension: Annotated[Mover | None, typer.Option(help="Of these alone.")] = None,
    least_z: Annotated[float, typer.Option(min=1, max=100, help="Distance from which on.")] = 3.5,
    limit: Limit = 20,
    tz: Zone = None,
    only: Only = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """What is well above or below the same hours of the weeks before, and why?"""
    rows = ask(
        folder,
        "/reports/movers",
        (None, None, None, tz),
        only,
        hours=hours,
        dimension=dimension.value if dimension else None,
        least_z=least_z,
        limit=limit,
    )
    show("movers", rows, output)


@failing_well
def funnel(  # noqa: PLR0913, PLR0917  (options of a command)
    folder: Dir = DEFAULT_DIR,
    period: Period = None,
    start: Start = None,
    end: End = None,
    tz: Zone = None,
    only: Only = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """How many readers went from a view to a like, a comment, a share?"""
    show("funnel", ask(folder, "/reports/funnel", (period, start, end, tz), only), output)


@failing_well
def audience(  # noqa: PLR0913, PLR0917  (options of a command)
    folder: Dir = DEFAULT_DIR,
    by: Annotated[AudienceBy, typer.Option(help="What groups are told by.")] = AudienceBy.SEGMENT,
    period: Period = None,
    start: Start = None,
    end: End = None,
    tz: Zone = None,
    only: Only = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Who engages, by segment or country?"""
    rows = ask(folder, "/reports/audience", (period, start, end, tz), only, by=by.value)
    show("audience", rows, output)
