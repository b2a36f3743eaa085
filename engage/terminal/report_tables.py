"""What of each report is shown as a table: the columns that people compare."""

from collections.abc import Mapping, Sequence
from textwrap import shorten
from typing import Any, Final

Row = Mapping[str, Any]

_TITLE_LENGTH: Final = 40
_COUNTS: Final = ("views", "likes", "comments", "shares", "total_engagements")
COLUMNS: Final[Mapping[str, Sequence[str]]] = {
    "categories": (
        "rank", "category", "total_engagements", "total_posts", "avg_engagement_per_post",
        "top_author",
    ),
    "posts": ("post_id", "title", "author", "category", *_COUNTS),
    "authors": (
        "author_id", "name", "category", "total_posts", "total_engagements",
        "avg_engagement_per_post", "performance_segment",
    ),
    "top-authors": (
        "overall_rank", "author_name", "post_category", "post_count", "total_engagements",
        "avg_engagement_per_post", "author_category", "category_rank",
    ),
    "engagement-patterns": (
        "day_name", "hour_of_day", "total_engagements", "pct_of_total_engagement",
        "posts_engaged", "active_users", "avg_engagement_per_post",
    ),
    "opportunity-authors": (
        "author_name", "category", "total_posts", "avg_engagement_per_post", "category_median",
        "opportunity_score", "performance_segment",
    ),
    "ranking": ("rank", "key", "label", *_COUNTS, "engagement_rate", "change_pct"),
    "fair-posts": (
        "rank", "title", "author_name", "category", "total_engagements", "usual", "index", "low",
        "high",
    ),
    "fair-authors": (
        "rank", "author_name", "category", "posts", "per_post", "usual", "index", "low", "high",
        "previous_index",
    ),
    "fair-opportunity": (
        "rank", "author_name", "category", "posts", "index", "median_index", "gain", "gain_low",
        "gain_high", "why",
    ),
    "cohorts": (
        "joined", "month", "authors", "posts", "per_post", "usual", "index", "low", "high",
    ),
    "when-to-post": (
        "day_name", "hour_of_day", "posts", "lift_pct", "low_pct", "high_pct", "verdict",
    ),
    "next-slots": ("start", "day_name", "posts", "lift_pct", "low_pct", "high_pct"),
    "posting-hours": (
        "author_name", "category", "posts", "in_good", "in_weak", "good_pct", "weak_pct",
        "lift_pct",
    ),
    "movers": ("dimension", "direction", "z", "ratio", "sentence"),
    "funnel": ("step", "events", "readings", "of_viewed_pct", "reached", "of_previous_pct"),
    "audience": ("key", "active_users", *_COUNTS, "share_pct", "per_user", "change_pct"),
    "effects": (
        "feature", "unit", "posts", "posts_with", "lift_pct", "low_pct", "high_pct", "is_clear",
    ),
}  # fmt: skip
_WHOLE: Final = frozenset({"why", "sentence"})


def for_people(report: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return the rows of a report with the columns that are shown, long titles cut.

    External ids are among them where there are any.
    """
    shown = [{name: _cut(name, row[name]) for name in COLUMNS[report]} for row in rows]
    if any(row.get("external_id") for row in rows):
        for line, row in zip(shown, rows, strict=True):
            line["external_id"] = row["external_id"]
    return shown


def _cut(name: str, value: Any) -> Any:
    if name in _WHOLE:
        return value
    return shorten(value, _TITLE_LENGTH, placeholder="…") if isinstance(value, str) else value
