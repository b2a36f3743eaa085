"""Every report of the read API, recomputed from raw events in plain Python.

What the SQL says in sets and windows is said here in loops over the events, from the
definitions of the reports alone, so that the two can be held against each other.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any, Final
from zoneinfo import ZoneInfo

from loadgen.verification.world import (
    Engagement,
    Post,
    World,
    change,
    midnight_days_ago,
    midnight_months_ago,
    percentile,
    rate,
    rounded,
    segment,
)
from schema.event import TYPES

Row = dict[str, Any]
PERIOD_DAYS: Final = {"7d": 7, "30d": 30, "90d": 90}
_DAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_TOP_AUTHORS: Final = 50


@dataclass(frozen=True)
class Oracle:
    """The expected content of each report at an instant.

    Attributes:
        world: what is stored.
        zone: the reporting zone.
        now: aware.
    """

    world: World
    zone: ZoneInfo
    now: datetime

    def engagement(self, post_id: int, period: str) -> Row:
        """Return GET /engagement/{post_id}?period= of a post of the catalogue."""
        post = self.world.post[post_id]
        days = PERIOD_DAYS.get(period)
        since = midnight_days_ago(days, self.zone, self.now) if days else None
        counts = Counter(
            e.kind for e in self.world.of_post[post_id] if since is None or e.at >= since
        )
        return {
            "post_id": post_id,
            "title": post.title,
            "author_id": post.author_id,
            "author_name": self.world.author[post.author_id].name,
            "category": post.category,
            "publish_date": post.published,
            **_plural(counts),
            "total_engagements": counts.total(),
            "engagement_rate": rate(counts),
        }

    def trends(self, author_id: int) -> Row:
        """Return GET /author/{author_id}/trends of an author of the catalogue."""
        author = self.world.author[author_id]
        own = self._published(self.world.of_author[author_id])
        times = [e.at for post in own for e in self.world.of_post[post.post_id]]
        row: Row = {
            "author_id": author_id,
            "author_name": author.name,
            "category": author.category,
            **self._sums(own),
        }
        for days in (7, 30):
            since = midnight_days_ago(days, self.zone, self.now)
            recent = [post for post in own if post.published >= since]
            row[f"trend_{days}d"] = self._sums(recent)["avg_engagement_per_post"]
            row[f"change_{days}d"] = change(times, self.now, timedelta(hours=24 * days))
        return row

    def categories(self, metric: str) -> list[Row]:
        """Return GET /categories/top?metric= without a limit."""
        rows = []
        for category, posts in _grouped(self._published(), lambda post: post.category).items():
            by_author = _grouped(posts, lambda post: post.author_id)
            best = min(by_author, key=lambda a: (-self._total(by_author[a]), a))
            top = {"category": category, "top_author": self.world.author[best].name}
            rows.append(top | self._sums(posts))
        wanted = "total_posts" if metric == "posts" else "total_engagements"
        rows.sort(key=lambda row: (-row[wanted], row["category"]))
        return [row | {"rank": place} for place, row in enumerate(rows, 1)]

    def sample_posts(self) -> list[Row]:
        """Return GET /sample/posts without a limit."""
        rows = [
            {
                "post_id": post.post_id,
                "title": post.title,
                "author": self.world.author[post.author_id].name,
                "category": post.category,
                "publish_date": post.published,
                **_plural(self._counts([post])),
                "total_engagements": self._total([post]),
            }
            for post in self._published()
        ]
        return sorted(rows, key=lambda row: (-row["total_engagements"], row["post_id"]))

    def sample_authors(self) -> list[Row]:
        """Return GET /sample/authors without a limit."""
        segments = {
            row["author_id"]: row["performance_segment"] for row in self.opportunity_authors()
        }
        rows = [
            {
                "author_id": author.author_id,
                "name": author.name,
                "category": author.category,
                **self._sums(self._published(self.world.of_author[author.author_id])),
                "performance_segment": segments.get(author.author_id, "Average"),
            }
            for author in self.world.authors
        ]
        return sorted(rows, key=lambda row: (-row["total_engagements"], row["author_id"]))

    def top_authors(self) -> list[Row]:
        """Return GET /analytics/top-authors."""
        since = midnight_months_ago(3, self.zone, self.now)
        recent = [post for post in self._published() if post.published >= since]
        rows = []
        for key, posts in _grouped(recent, lambda post: (post.author_id, post.category)).items():
            author, sums = self.world.author[key[0]], self._sums(posts)
            named = {f"total_{name}": n for name, n in _plural(self._counts(posts)).items()}
            rows.append(
                {
                    "author_id": author.author_id,
                    "author_name": author.name,
                    "author_category": author.category,
                    "post_category": key[1],
                    "post_count": sums.pop("total_posts"),
                    **named,
                    **sums,
                }
            )
        rows.sort(key=lambda r: (-r["total_engagements"], r["author_id"], r["post_category"]))
        for row in rows:
            better = [r for r in rows if r["total_engagements"] > row["total_engagements"]]
            own = [r for r in better if r["author_category"] == row["author_category"]]
            row |= {"category_rank": 1 + len(own), "overall_rank": 1 + len(better)}
        return rows[:_TOP_AUTHORS]

    def patterns(self, zone: ZoneInfo) -> list[Row]:
        """Return GET /analytics/engagement-patterns?tz=."""
        since = midnight_days_ago(365, zone, self.now)
        known = {post.post_id for post in self.world.posts}
        cells: dict[tuple[int, int], list[Engagement]] = defaultdict(list)
        for engagement in self.world.engagements:
            if engagement.at >= since and engagement.post_id in known:
                local = engagement.at.astimezone(zone)
                cells[local.isoweekday() % 7, local.hour].append(engagement)
        everything = sum(map(len, cells.values()))
        quarters = _quarters([e.at for found in cells.values() for e in found], zone)
        rows = []
        for (day, hour), found in sorted(cells.items()):
            posts = {e.post_id for e in found}
            rows.append(
                {
                    "hour_of_day": hour,
                    "day_of_week": day,
                    "day_name": _DAYS[day],
                    **_plural(Counter(e.kind for e in found)),
                    "total_engagements": len(found),
                    "posts_engaged": len(posts),
                    "active_users": len({e.user_id for e in found} - {None}),
                    "avg_engagement_per_post": rounded(Fraction(len(found), len(posts))),
                    "pct_of_total_engagement": rounded(Fraction(100 * len(found), everything)),
                    "hours": quarters[day, hour] / 4,
                    "engagements_per_hour": rounded(Fraction(4 * len(found), quarters[day, hour])),
                }
            )
        return rows

    def opportunity_authors(self) -> list[Row]:
        """Return GET /analytics/opportunity-authors."""
        since = midnight_days_ago(90, self.zone, self.now)
        recent = [post for post in self._published() if post.published >= since]
        rows = []
        for author_id, posts in _grouped(recent, lambda post: post.author_id).items():
            author = self.world.author[author_id]
            named = {"author_id": author_id, "author_name": author.name}
            of_100_views = {"engagement_rate_pct": rate(self._counts(posts))}
            rows.append(named | {"category": author.category} | self._sums(posts) | of_100_views)
        for peers in _grouped(rows, lambda row: row["category"]).values():
            averages = sorted(row["avg_engagement_per_post"] for row in peers)
            median, p75 = percentile(averages, 0.5), percentile(averages, 0.75)
            for row in peers:
                row["category_median"] = median
                judged = segment(row["total_posts"], row["avg_engagement_per_post"], median, p75)
                row.update(judged)
        return sorted(
            rows, key=lambda r: (-r["opportunity_score"], -r["total_posts"], r["author_id"])
        )

    def _published(self, posts: Sequence[Post] | None = None) -> list[Post]:
        """Return these posts, or all, without those that are scheduled for later."""
        chosen = self.world.posts if posts is None else posts
        return [post for post in chosen if post.published <= self.now]

    def _counts(self, posts: Iterable[Post]) -> Counter[str]:
        return Counter(e.kind for post in posts for e in self.world.of_post[post.post_id])

    def _total(self, posts: Iterable[Post]) -> int:
        return sum(len(self.world.of_post[post.post_id]) for post in posts)

    def _sums(self, posts: Sequence[Post]) -> Row:
        total = self._total(posts)
        average = rounded(Fraction(total, len(posts))) if posts else 0.0
        return {
            "total_posts": len(posts),
            "total_engagements": total,
            "avg_engagement_per_post": average,
        }


def _grouped(items: Iterable[Any], key: Callable[[Any], Hashable]) -> dict[Any, list[Any]]:
    groups: dict[Any, list[Any]] = defaultdict(list)
    for item in items:
        groups[key(item)].append(item)
    return groups


def _plural(counts: Counter[str]) -> Row:
    return {f"{kind}s": counts[kind] for kind in TYPES}


def _quarters(moments: Sequence[datetime], zone: ZoneInfo) -> Counter[tuple[int, int]]:
    """Return how many quarters of each hour of the week there are from the first to the last."""
    found: Counter[tuple[int, int]] = Counter()
    if moments:
        first, last = (int(each(moments).timestamp()) // 900 for each in (min, max))
        for quarter in range(first, last + 1):
            local = datetime.fromtimestamp(900 * quarter, zone)
            found[local.isoweekday() % 7, local.hour] += 1
    return found
