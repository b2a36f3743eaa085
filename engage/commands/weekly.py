"""`engage report weekly`: the week of an author, to be sent on Monday, as Markdown or as a page.

Texts of the catalogue are marked as names in the tables, and escaped when these are written down.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from html import escape
from pathlib import Path
from typing import Annotated, Any, Final
from urllib.parse import quote

import typer

from analytics_api.periods import NO_COMPARISON
from engage.target import Target, find
from engage.terminal import DEFAULT_DIR, Dir, write_text
from schema.bidi import FIRST_STRONG_ISOLATE, POP_ISOLATE, isolated, without_controls
from schema.errors import SetupError
from schema.time_zones import zone_of

_QUARTER_DAYS: Final = 90
_TOP_POSTS: Final = 5
_NAME: Final = re.compile(f"{FIRST_STRONG_ISOLATE}([^{POP_ISOLATE}]*){POP_ISOLATE}")
_MARKDOWN: Final = re.compile(r"[\\`*_\[\]<>#|~&$:@!^=(){}]")
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}th,td{padding:.3rem .6rem;text-align:right;"
    "border-bottom:1px solid #8884}th:first-child,td:first-child{text-align:left}"
)


@dataclass(frozen=True)
class Table:
    """A heading, a sentence, and rows below column names; the first column is text."""

    heading: str
    sentence: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Week:
    """The responses of the read API about one author's week.

    Attributes:
        author: the author's trends. overview, days, posts: the scoped reports of the week.
        benchmark: the author among all authors of the same category.
        fair: the author's opportunity by the posts of 90 days; None: no post is old enough.
        hours: when the author published in the week; None: not at all.
        slots: the next good hours for posts of the author's category.
    """

    label: str
    author: Mapping[str, Any]
    overview: Mapping[str, Any]
    days: Sequence[Mapping[str, Any]]
    posts: Sequence[Mapping[str, Any]]
    benchmark: Mapping[str, Any]
    fair: Mapping[str, Any] | None = None
    hours: Mapping[str, Any] | None = None
    slots: Sequence[Mapping[str, Any]] = ()

    @property
    def title(self) -> str:
        return f"{_name(self.author['author_name'])}, week {self.label}"

    @property
    def category(self) -> str:
        return _name(self.author["category"])

    def tables(self) -> list[Table]:
        return [self._numbers(), self._fairly(), self._posts(), self._days(), self._hours()]

    def _numbers(self) -> Table:
        now, before = self.overview["current"], self.overview["previous"] or {}
        changes = self.overview["change_pct"] or {}
        names = ("total_engagements", "views", "likes", "comments", "shares")
        rows = [
            [
                name.replace("_", " "),
                f"{now[name]:,}",
                _count(before.get(name)),
                _change(changes.get(name)),
                _number(self.benchmark.get(f"median_{name}")),
            ]
            for name in (*names, "posts_published")
        ]
        sentence = " ".join([self._verdict(), *self._no_comparison()])
        columns = (
            "",
            "this week",
            "the week before",
            "change",
            f"median {self.category}",
        )
        return Table("The week in numbers", sentence, columns, rows)

    def _no_comparison(self) -> list[str]:
        reason = self.overview["no_comparison"]
        if reason is None:
            return []
        return [f"The week before is not known as a whole: {NO_COMPARISON[reason]}."]

    def _verdict(self) -> str:
        category, authors, rank = self.category, self.benchmark["authors"], self.benchmark["rank"]
        if not authors:
            return f"No author in {category} had engagement this week."
        total, middle = (
            self.benchmark[name] for name in ("total_engagements", "median_total_engagements")
        )
        place = f"place {rank} of {authors:,} in {category}" if rank else f"not among {authors:,}"
        if total >= middle:
            return f"{total:,} engagements: {place}, {_number(total - middle)} above the median."
        return f"{total:,} engagements: {place}, {_number(middle - total)} below the median."

    def _fairly(self) -> Table:
        heading, found = "At equal age", self.fair
        if found is None:
            return Table(heading, "No post of the last 90 days is old enough to compare.", (), ())
        category = self.category
        earned = (
            f"In their first 48 hours, the author's {found['posts']:,} posts of 90 days earned"
            f" {found['index']:.2f} times what posts of the same categories did"
            f" ({found['low']:.2f} to {found['high']:.2f})."
        )
        said = [earned]
        if found["median_index"] is not None:
            said.append(f"The median author of {category} has {found['median_index']:.2f}.")
        if found["gain"]:
            said.append(
                f"Reaching it would bring {found['gain']:,} more in 90 days"
                f" ({found['gain_low']:,} to {found['gain_high']:,})."
            )
        if found["why"]:
            said.append(f"Associated with the difference: {_name(found['why'])}.")
        return Table(heading, " ".join(said), (), ())

    def _hours(self) -> Table:
        found = self.hours
        sentence = (
            "Nothing was published."
            if found is None
            else (
                f"Of {found['posts']:,} posts {found['in_good']:,} were published in good hours and"
                f" {found['in_weak']:,} in weak ones."
            )
        )
        sentence += f" The next good hours in {self.category}:" if self.slots else ""
        rows = [
            [
                f"{slot['day_name']}, {slot['start'][:16].replace('T', ' ')}",
                f"{slot['lift_pct']:+.0f} %",
                f"{slot['low_pct']:+.0f} to {slot['high_pct']:+.0f} %",
            ]
            for slot in self.slots
        ]
        return Table("When to publish", sentence, ("", "lift", "95 % interval"), rows)

    def _posts(self) -> Table:
        rows = [
            [
                _name(post["label"]),
                f"{post['total_engagements']:,}",
                _percent(post["engagement_rate"]),
                _change(post["change_pct"]),
            ]
            for post in self.posts[:_TOP_POSTS]
        ]
        sentence = "Whatever their age; engagement of this week alone." if rows else "None."
        return Table(
            "The posts readers came for", sentence, ("", "engagements", "rate", "change"), rows
        )

    def _days(self) -> Table:
        rows = [
            [
                day["start"][:10],
                *map(_count, (day["total_engagements"], day["previous_engagements"])),
            ]
            for day in self.days
        ]
        return Table("Day by day", "", ("", "engagements", "a week before"), rows)


def markdown(week: Week) -> str:
    parts = [f"# {_markdown(week.title)}"]
    for table in week.tables():
        parts.append(f"## {table.heading}")
        if table.sentence:
            parts.append(_markdown(table.sentence))
        if table.rows:
            lines = [
                "| " + " | ".join(map(_markdown, table.columns)) + " |",
                "|---" + "|---:" * (len(table.columns) - 1) + "|",
                *("| " + " | ".join(map(_markdown, row)) + " |" for row in table.rows),
            ]
            parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def page(week: Week) -> str:
    """Return the report as one HTML page that needs nothing else."""
    parts = [f"<h1>{_html(week.title)}</h1>"]
    for table in week.tables():
        parts.append(f"<h2>{_html(table.heading)}</h2>")
        if table.sentence:
            parts.append(f"<p>{_html(table.sentence)}</p>")
        if table.rows:
            head = "".join(f"<th>{_html(name)}</th>" for name in table.columns)
            rows = "".join(
                "<tr>" + "".join(f"<td>{_html(cell)}</td>" for cell in row) + "</tr>\n"
                for row in table.rows
            )
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table>")
    body = "\n".join(parts)
    title = escape(_NAME.sub(r"\1", week.title))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _change(percent: float | None) -> str:
    return "-" if percent is None else f"{percent:+.1f} %"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} %"


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def _name(text: str) -> str:
    """Mark a text of the catalogue, which is on one line and turns nothing around it."""
    plain = " ".join(without_controls(text).split())
    return f"{FIRST_STRONG_ISOLATE}{plain}{POP_ISOLATE}"


def _markdown(text: str) -> str:
    """Return a text whose names Markdown shows as they are."""
    return _NAME.sub(lambda name: isolated(_MARKDOWN.sub(r"\\\g<0>", name[1])), text)


def _html(text: str) -> str:
    return _NAME.sub(r"<bdi>\1</bdi>", escape(text))


class Form(StrEnum):
    MARKDOWN = "md"
    HTML = "html"


def weekly(  # noqa: PLR0913, PLR0917  (options of a command)
    author_id: Annotated[str, typer.Argument(help="The author's number, or external id.")],
    folder: Dir = DEFAULT_DIR,
    week: Annotated[
        str | None,
        typer.Option(help="ISO week, such as 2026-W47. Default: the last whole week in tz."),
    ] = None,
    tz: Annotated[
        str | None,
        typer.Option(help="IANA zone of the week's days. Default: the reporting time zone."),
    ] = None,
    form: Annotated[Form, typer.Option("--output", "-o", help="Output format.")] = Form.MARKDOWN,
    file: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
) -> None:
    """An author's week: numbers, posts and days, compared with the category's median."""
    found = _request(find(folder), author_id, week, tz)
    write_text(page(found) if form is Form.HTML else markdown(found), file)


def monday_of(week: str | None, now: datetime) -> date:
    """Return the Monday of an ISO week, by default of the last whole one before now in its zone.

    Raises:
        SetupError: the week is invalid.
    """
    if week is None:
        today = now.date()
        return today - timedelta(days=today.weekday() + 7)
    try:
        return date.fromisoformat(f"{week}-1")
    except ValueError:
        raise SetupError(f"--week {week}: expected an ISO week, such as 2026-W47") from None


def _request(system: Target, author_id: str, week: str | None, tz: str | None) -> Week:
    get = system.get
    tz = tz or get("/")["time_zone"]
    monday = monday_of(week, datetime.now(zone_of(tz)))
    days = {"start": monday, "end": monday + timedelta(days=6), "tz": tz}
    quarter = days | {"start": monday - timedelta(days=_QUARTER_DAYS - 7)}
    quoted = quote(author_id, safe="")
    author = get(f"/author/{quoted}/trends")
    return Week(
        label="{}-W{:02}".format(*monday.isocalendar()),
        author=author,
        overview=get("/reports/overview", author=author_id, **days),
        days=get("/reports/series", author=author_id, **days),
        posts=get("/reports/ranking/post", author=author_id, **days),
        benchmark=get(f"/reports/author-benchmark/{quoted}", **days),
        fair=next(iter(get("/reports/opportunity", author=author_id, **quarter)), None),
        hours=next(iter(get("/reports/posting-hours", author=author_id, **days)), None),
        slots=get("/reports/when-to-post/next", category=author["category"], tz=tz),
    )
