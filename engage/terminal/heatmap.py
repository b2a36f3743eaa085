"""Hour by weekday as shades in a terminal, and the best hours in words."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

Pattern = Mapping[str, Any]

SHADES: Final = " ░▒▓█"
_PLAIN_SHADES: Final = " .:+#"
_DAYS: Final = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_FROM_MONDAY: Final = (1, 2, 3, 4, 5, 6, 0)
_BEST: Final = 3


def heatmap(patterns: Sequence[Pattern], shades: str = SHADES) -> list[str]:
    """Return a line a weekday, two characters an hour, under a line with the hours.

    A shade stands for an equal share of the hours that were seen, so one extreme hour does not
    make all others look alike.
    """
    seen = {(row["day_of_week"], row["hour_of_day"]): row["total_engagements"] for row in patterns}
    ranked = sorted(seen.values())
    limits = [ranked[len(ranked) * part // (len(shades) - 1)] for part in range(1, len(shades) - 1)]

    def shade(total: int | None) -> str:
        return shades[0] if total is None else shades[1 + sum(total >= limit for limit in limits)]

    header = "     " + "".join(f"{hour:<6d}" for hour in range(0, 24, 3))
    lines = [
        f"{_DAYS[day]}  " + "".join(2 * shade(seen.get((day, hour))) for hour in range(24))
        for day in _FROM_MONDAY
    ]
    return [header.rstrip(), *lines]


def best_hours(patterns: Sequence[Pattern], count: int = _BEST) -> str:
    """Return the hours with most engagement in a sentence."""
    best = sorted(patterns, key=lambda row: -row["total_engagements"])[:count]
    named = [
        f"{row['day_name']} {row['hour_of_day']:02d}:00 ({row['pct_of_total_engagement']:.2f} %)"
        for row in best
    ]
    return f"most engagement: {', '.join(named)}"


def lift_map(slots: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a line a weekday with the lift of each hour in percent, under a line with the hours.

    What is clear stands there with its sign, the rest as a dot, and what too few posts tell blank.
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


def print_heatmap(patterns: Sequence[Pattern]) -> None:
    """Print both, in characters that the terminal knows."""
    if not patterns:
        print("(none)")
        return
    is_unicode = "utf" in (sys.stdout.encoding or "").lower()
    print("\n".join(heatmap(patterns, SHADES if is_unicode else _PLAIN_SHADES)))
    print(best_hours(patterns))
