"""An author's week against the median of the category, as Markdown or as a page. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from statistics import median
from typing import Any, Final

_TOP_POSTS: Final = 5
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
    """What the read API said about one author's week.

    Attributes:
        author: the author's trends. overview, days, posts: the scoped reports of the week.
        peers: the ranking of authors of the week, that of the author included.
        fair: the author's opportunity by the posts of 90 days; None: no post is old enough.
        hours: when the author published in the week; None: not at all.
        slots: the next good hours for posts of the author's category.
    """

    label: str
    author: Mapping[str, Any]
    overview: Mapping[str, Any]
    days: Sequence[Mapping[str, Any]]
    posts: Sequence[Mapping[str, Any]]
    peers: Sequence[Mapping[str, Any]]
    fair: Mapping[str, Any] | None = None
    hours: Mapping[str, Any] | None = None
    slots: Sequence[Mapping[str, Any]] = ()

    @property
    def title(self) -> str:
        """The heading of it all."""
        return f"{self.author['author_name']}, week {self.label}"

    def tables(self) -> list[Table]:
        """Return what there is to say."""
        return [self._numbers(), self._fairly(), self._posts(), self._days(), self._hours()]

    def _numbers(self) -> Table:
        peers = [p for p in self.peers if p["category"] == self.author["category"]]
        now, before = self.overview["current"], self.overview["previous"]
        names = ("total_engagements", "views", "likes", "comments", "shares")
        rows = [
            [
                name.replace("_", " "),
                f"{now[name]:,}",
                f"{before[name]:,}",
                _change(self.overview["change_pct"][name]),
                _number(median(peer[name] for peer in peers)) if peers else "-",
            ]
            for name in names
        ]
        rows.append(
            ["posts published", f"{now['posts_published']:,}", f"{before['posts_published']:,}",
             _change(self.overview["change_pct"]["posts_published"]), "-"]
        )  # fmt: skip
        sentence = self._verdict(now["total_engagements"], peers)
        columns = (
            "",
            "this week",
            "the week before",
            "change",
            f"median {self.author['category']}",
        )
        return Table("The week in numbers", sentence, columns, rows)

    def _verdict(self, total: int, peers: Sequence[Mapping[str, Any]]) -> str:
        category = self.author["category"]
        if not peers:
            return f"Nobody in {category} was engaged with this week."
        middle = median(peer["total_engagements"] for peer in peers)
        better = sum(peer["total_engagements"] > total for peer in peers)
        place = f"place {better + 1} of {len(peers)} in {category}"
        if total >= middle:
            return f"{total:,} engagements: {place}, {_number(total - middle)} above the median."
        return f"{total:,} engagements: {place}, {_number(middle - total)} below the median."

    def _fairly(self) -> Table:
        heading, found = "At equal age", self.fair
        if found is None:
            return Table(heading, "No post of the last 90 days is old enough to compare.", (), ())
        category = self.author["category"]
        earned = (
            f"In their first 48 hours, the author's {found['posts']:,} posts of 90 days earned"
            f" {found['index']:.2f} times what posts of the same categories did"
            f" ({found['low']:.2f} to {found['high']:.2f})."
        )
        said = [earned]
        if found["median_index"] is not None:
            said.append(f"The median author of {category} stands at {found['median_index']:.2f}.")
        if found["gain"]:
            said.append(
                f"Reaching it would bring {found['gain']:,} more in 90 days"
                f" ({found['gain_low']:,} to {found['gain_high']:,})."
            )
        if found["why"]:
            said.append(f"What goes along with the distance: {found['why']}.")
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
        sentence += f" The next good hours in {self.author['category']}:" if self.slots else ""
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
                post["label"],
                f"{post['total_engagements']:,}",
                f"{post['engagement_rate']:.1f} %",
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
    """Return the report as GitHub-flavoured Markdown."""
    parts = [f"# {_plain(week.title)}"]
    for table in week.tables():
        parts.append(f"## {table.heading}")
        if table.sentence:
            parts.append(_plain(table.sentence))
        if table.rows:
            lines = [
                "| " + " | ".join(table.columns) + " |",
                "|---" + "|---:" * (len(table.columns) - 1) + "|",
                *("| " + " | ".join(map(_plain, row)) + " |" for row in table.rows),
            ]
            parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def page(week: Week) -> str:
    """Return the report as one HTML page that needs nothing else."""
    parts = [f"<h1>{escape(week.title)}</h1>"]
    for table in week.tables():
        parts.append(f"<h2>{escape(table.heading)}</h2>")
        if table.sentence:
            parts.append(f"<p>{escape(table.sentence)}</p>")
        if table.rows:
            head = "".join(f"<th>{escape(name)}</th>" for name in table.columns)
            rows = "".join(
                "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n"
                for row in table.rows
            )
            parts.append(f"<table><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table>")
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{escape(week.title)}</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _change(percent: float | None) -> str:
    return "-" if percent is None else f"{percent:+.1f} %"


def _count(value: int | None) -> str:
    return "-" if value is None else f"{value:,}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def _plain(text: str) -> str:
    """Return text that Markdown shows as it is."""
    for mark in ("\\", "|", "*", "_", "`", "<", "[", "#"):
        text = text.replace(mark, "\\" + mark)
    return text.replace("\n", " ")
