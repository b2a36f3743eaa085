"""Reports in a terminal: tables of the declared columns, bars, and maps of hour by weekday."""

import sys
from collections.abc import Callable, Mapping, Sequence
from textwrap import fill
from typing import Any, Final
from zoneinfo import ZoneInfo

from analytics_api.periods import NO_COMPARISON
from analytics_api.report import Report
from engage.report_headings import local_times
from engage.terminal import print_facts, print_rows, terminal_width

Row = Mapping[str, Any]

_BAR_LENGTH: Final = 36
SHADES: Final = " ░▒▓█"
_PLAIN_SHADES: Final = " .:+#"
_DAYS: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_FROM_MONDAY: Final = (1, 2, 3, 4, 5, 6, 0)
_BEST: Final = 3
_LIFT_LEGEND: Final = "Percent: clear difference of posts published then. Dot: no clear difference."

_LABELS: Final[Mapping[str, str]] = {
    "total_engagements": "engagements",
    "previous_engagements": "before",
    "total_posts": "posts",
    "post_count": "posts",
    "avg_engagement_per_post": "per post",
    "author_name": "author",
    "top_author": "top author",
    "overall_rank": "rank",
    "hour_of_day": "hour",
    "day_name": "day",
    "performance_segment": "segment",
    "category_median": "median",
    "opportunity_score": "score",
    "publish_date": "published",
    "baseline_mean": "baseline",
    "engagements_per_hour": "per hour",
    "pct_of_total_engagement": "share_pct",
    "engagement_rate": "rate_pct",
    "good_pct": "good share_pct",
    "weak_pct": "weak share_pct",
    "age_hours": "age in hours",
    "is_clear": "clear",
    "trend_7d": "per post of 7 days",
    "trend_30d": "per post of 30 days",
    "change_7d": "change in 7 days_pct",
    "change_30d": "change in 30 days_pct",
}
"""Names of columns where they differ from those of the fields."""

_OPTIONAL: Final = (
    "author category", "category rank", "shares", "comments", "likes", "views", "baseline",
    "median", "percentile", "index before", "category", "compared authors", "authors",
    "median index", "match",
)  # fmt: skip
"""Columns to leave out where the terminal is too narrow, the first ones first."""

_DETAILS: Final = ("why", "sentence")
_INTERVALS: Final = {
    ("low", "high"): "95% interval",
    ("low_pct", "high_pct"): "95% interval",
    ("gain_low", "gain_high"): "95% interval of gain",
}
_WHOLE: Final = (*_INTERVALS.values(), "start", "published", "day")


def print_report(report: Report, found: Any, title: str, zone: ZoneInfo) -> None:
    """Print a report for people.

    Args:
        report: the report.
        found: its JSON.
        title: a line above it.
        zone: of its times.
    """
    if (printer := _PRINTERS.get(report.name)) is not None:
        print(title)
        printer([local_times(report, row, zone) for row in found])
    elif report.name == "overview":
        _print_overview(found, title)
    elif isinstance(found, dict):
        facts = _labelled(local_times(report, found, zone))
        print_facts(
            {name.removesuffix("_pct"): value for name, value in facts.items()}, title=title
        )
    else:
        print_table(report, found, title, zone)


def print_table(report: Report, found: Sequence[Row], title: str, zone: ZoneInfo) -> None:
    """Print rows of a report as a table. Arguments as of ``print_report``."""
    rows = table_of(report.columns, [local_times(report, row, zone) for row in found])
    is_of_posts = bool(rows) and not {"title", "name"}.isdisjoint(rows[0])
    optional = (*_OPTIONAL, "author") if is_of_posts else _OPTIONAL
    print_rows(rows, title=title, optional=optional, whole=_WHOLE, details=_DETAILS)


def table_of(columns: Sequence[str], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the columns of the rows that people compare, under the names that tables have.

    Args:
        columns: their names; none: all. External IDs are added if there are any.
        rows: of a report.
    """
    is_external = any(row.get("external_id") for row in rows)
    names = [*columns, *(["external_id"] if is_external else [])]
    return [_labelled({name: row.get(name) for name in names} if columns else row) for row in rows]


def _labelled(row: Row) -> dict[str, Any]:
    """Return a row with an interval in the place of its two ends."""
    labelled: dict[str, Any] = {}
    for name, value in row.items():
        interval = next((ends for ends in _INTERVALS if name in ends), None)
        if interval is None or not set(interval) <= row.keys():
            labelled[_label(name)] = value
        elif name == interval[0]:
            name_of_interval = "80% band" if "peers" in row else _INTERVALS[interval]
            labelled[name_of_interval] = _interval(*interval, row)
    return labelled


def _label(name: str) -> str:
    """Return the name of a column; those of percentages end in _pct, as ``print_rows`` expects."""
    if name in _LABELS:
        return _LABELS[name]
    words = name.removesuffix("_pct").replace("_", " ")
    if words.startswith("previous "):
        words = f"{words.removeprefix('previous ')} before"
    return f"{words}_pct" if name.endswith("_pct") else words


def _interval(low: str, high: str, row: Row) -> str | None:
    if row[low] is None or row[high] is None:
        return None
    if low.endswith("_pct"):
        return f"{row[low]:+,.1f}% to {row[high]:+,.1f}%"
    if isinstance(row[low], int) and isinstance(row[high], int):
        return f"{row[low]:,} to {row[high]:,}"
    return f"{row[low]:,.2f} to {row[high]:,.2f}"


def with_bars(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the totals of a series, with bars to compare them."""
    most = max((row["total_engagements"] or 0 for row in rows), default=0) or 1
    bar = "█" if _is_unicode() else "#"
    return [
        {
            "start": row["start"],
            "engagements": row["total_engagements"],
            "before": row["previous_engagements"],
            "": bar * round(_BAR_LENGTH * (row["total_engagements"] or 0) / most),
        }
        for row in rows
    ]


def _is_unicode() -> bool:
    return "utf" in (sys.stdout.encoding or "").lower()


def _print_overview(found: Mapping[str, Any], title: str) -> None:
    rows = [
        {
            "": _label(name).removesuffix("_pct"),
            "period": _total(name, value),
            "before": found["previous"] and _total(name, found["previous"][name]),
            "change_pct": found["change_pct"] and found["change_pct"].get(name),
        }
        for name, value in found["current"].items()
    ]
    print_rows(rows, title=title)
    if found["no_comparison"]:
        print(f"No comparison: {NO_COMPARISON[found['no_comparison']]}.")


def _total(name: str, value: float | None) -> float | str | None:
    return f"{value:.1f}%" if name == "engagement_rate" and value is not None else value


def heatmap(patterns: Sequence[Row], shades: str = SHADES) -> list[str]:
    """Return a line a weekday, two characters an hour, under a line with the hours.

    Each shade has the same number of hours, so that one extreme hour does not give all others the
    same shade.
    """
    seen = {
        (row["day_of_week"], row["hour_of_day"]): row["engagements_per_hour"] for row in patterns
    }
    ranked = sorted(seen.values())
    limits = [ranked[len(ranked) * part // (len(shades) - 1)] for part in range(1, len(shades) - 1)]

    def shade(rate: float | None) -> str:
        return shades[0] if rate is None else shades[1 + sum(rate >= limit for limit in limits)]

    header = "     " + "".join(f"{hour:<6d}" for hour in range(0, 24, 3))
    lines = [
        f"{_DAYS[day]}  " + "".join(2 * shade(seen.get((day, hour))) for hour in range(24))
        for day in _FROM_MONDAY
    ]
    return [header.rstrip(), *lines]


def best_hours(patterns: Sequence[Row], count: int = _BEST) -> str:
    """Return the hours with most engagement, each time they occur, in a sentence."""
    best = sorted(patterns, key=lambda row: -row["engagements_per_hour"])[:count]
    named = [
        f"{row['day_name']} {row['hour_of_day']:02d}:00 ({row['engagements_per_hour']:,.1f})"
        for row in best
    ]
    return f"most engagements an hour: {', '.join(named)}"


def lift_map(slots: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line an hour with the lift of each weekday in percent, under a line of weekdays.

    Significant lifts have a sign, others are a dot, and hours with too few posts are blank. Hours
    that are blank on all days are left out.
    """
    by_place = {(slot["day_of_week"], slot["hour_of_day"]): slot for slot in slots}

    def cell(day: int, hour: int) -> str:
        slot = by_place[day, hour]
        if slot["verdict"] in {"good", "weak"}:
            return f"{slot['lift_pct']:+.0f}%"
        return "·" if slot["verdict"] == "usual" else ""

    lines = [f"{hour:02d}:00" + "".join(f"{cell(day, hour):>7}" for day in _FROM_MONDAY)
             for hour in range(24)]  # fmt: skip
    header = 5 * " " + "".join(f"{_DAYS[day]:>7}" for day in _FROM_MONDAY)
    return [header, *(line.rstrip() for line in lines if line[5:].strip()), _LIFT_LEGEND]


def print_heatmap(patterns: Sequence[Row]) -> None:
    """Print both, in characters that the terminal knows."""
    if not patterns:
        print("(none)")
        return
    print("\n".join(heatmap(patterns, SHADES if _is_unicode() else _PLAIN_SHADES)))
    print(fill(best_hours(patterns), terminal_width()))


_PRINTERS: Final[Mapping[str, Callable[[Any], None]]] = {
    "series": lambda rows: print_rows(with_bars(rows)),
    "engagement-patterns": print_heatmap,
    "when-to-post": lambda slots: print("\n".join(lift_map(slots))),
}
