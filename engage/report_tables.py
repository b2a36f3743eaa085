"""Reports in a terminal: tables of the declared columns, bars, and maps of hour by weekday."""

import sys
from collections.abc import Callable, Mapping, Sequence
from textwrap import shorten
from typing import Any, Final

from analytics_api.periods import NO_COMPARISON
from analytics_api.report import Report
from engage.terminal import print_facts, print_rows

Row = Mapping[str, Any]

_TITLE_LENGTH: Final = 40
_BAR_LENGTH: Final = 40
_UNCUT: Final = frozenset({"why", "sentence"})
SHADES: Final = " ░▒▓█"
_PLAIN_SHADES: Final = " .:+#"
_DAYS: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_FROM_MONDAY: Final = (1, 2, 3, 4, 5, 6, 0)
_BEST: Final = 3


def print_report(report: Report, found: Any) -> None:
    """Print a report for people. *found*: its JSON."""
    if (printer := _PRINTERS.get(report.name)) is not None:
        printer(found)
    elif isinstance(found, dict):
        print_facts(found)
    else:
        print_rows(table_of(report.columns, found))


def table_of(columns: Sequence[str], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the columns of the rows that people compare, with long titles cut.

    Args:
        columns: their names; none: all. External IDs are added if there are any.
        rows: of a report.
    """
    shown = [{name: _cut(name, row[name]) for name in columns or row} for row in rows]
    if any(row.get("external_id") for row in rows):
        for line, row in zip(shown, rows, strict=True):
            line["external_id"] = row["external_id"]
    return shown


def _cut(name: str, value: Any) -> Any:
    if name in _UNCUT or not isinstance(value, str):
        return value
    return shorten(value, _TITLE_LENGTH, placeholder="…")


def with_bars(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the totals of a series, with bars to compare them."""
    most = max((row["total_engagements"] or 0 for row in rows), default=0) or 1
    return [
        {
            "start": row["start"].replace("T", " ").removesuffix("Z"),
            "total_engagements": row["total_engagements"],
            "before": row["previous_engagements"],
            "": "█" * round(_BAR_LENGTH * (row["total_engagements"] or 0) / most),
        }
        for row in rows
    ]


def _print_overview(found: Mapping[str, Any]) -> None:
    rows = [
        {
            "": name,
            "period": value,
            "before": found["previous"] and found["previous"][name],
            "change_pct": found["change_pct"] and found["change_pct"].get(name),
        }
        for name, value in found["current"].items()
    ]
    print_rows(rows, title=f"{found['start'][:10]} to {found['end'][:16]} {found['tz']}")
    if found["no_comparison"]:
        print(f"No comparison: {NO_COMPARISON[found['no_comparison']]}.")


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
        f"{row['day_name']} {row['hour_of_day']:02d}:00"
        f" ({row['engagements_per_hour']:,.2f} an hour)"
        for row in best
    ]
    return f"most engagement: {', '.join(named)}"


def lift_map(slots: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line a weekday with the lift of each hour in percent, under a line with the hours.

    Significant lifts have a sign, others are a dot, and hours with too few posts are blank.
    """
    by_place = {(slot["day_of_week"], slot["hour_of_day"]): slot for slot in slots}

    def cell(day: int, hour: int) -> str:
        slot = by_place[day, hour]
        if slot["verdict"] in {"good", "weak"}:
            return f"{slot['lift_pct']:+4.0f}"
        return "   ·" if slot["verdict"] == "usual" else "    "

    header = "   " + "".join(f"{hour:4d}" for hour in range(24))
    lines = [
        f"{_DAYS[day]}" + "".join(cell(day, hour) for hour in range(24)) for day in _FROM_MONDAY
    ]
    return [header, *(line.rstrip() for line in lines)]


def print_heatmap(patterns: Sequence[Row]) -> None:
    """Print both, in characters that the terminal knows."""
    if not patterns:
        print("(none)")
        return
    is_unicode = "utf" in (sys.stdout.encoding or "").lower()
    print("\n".join(heatmap(patterns, SHADES if is_unicode else _PLAIN_SHADES)))
    print(best_hours(patterns))


_PRINTERS: Final[Mapping[str, Callable[[Any], None]]] = {
    "overview": _print_overview,
    "series": lambda rows: print_rows(with_bars(rows)),
    "engagement-patterns": print_heatmap,
    "when-to-post": lambda slots: print("\n".join(lift_map(slots))),
}
