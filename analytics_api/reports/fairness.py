"""Posts and authors compared at equal age with those of the same categories."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final, Literal, NamedTuple

from pydantic import BaseModel, Field

from analytics_api.measures import Counts, ExternalId, WhyNotCompared
from analytics_api.paging import limited_page, place_of, sliced_page
from analytics_api.parameters import AgeParameters, PageParameters, QuarterParameters
from analytics_api.report import Context, report
from analytics_api.responses import Page
from analytics_api.statistics.ranks import top_probabilities
from analytics_api.statistics.shrinkage import Estimate, Unit, interval, shrink_all
from web.parameters import Integer

_DECIMALS: Final = 3
_TOP: Final = 10


class Indexed(BaseModel):
    """Engagement in posts' first hours, compared with the baseline."""

    baseline_mean: float = Field(
        description="Mean engagements of the categories' posts at the same age."
    )
    index: float = Field(description="1: the baseline; 1.3: 30 % more. Shrunk towards 1.")
    low: float = Field(description="Lower end of the index's 95 % credible interval.")
    high: float


def index_fields(estimate: Estimate) -> dict[str, float]:
    """Return the fields of Indexed that an estimate has."""
    return {name: round(getattr(estimate, name), _DECIMALS) for name in ("index", "low", "high")}


def unit_of(row: Mapping[str, Any]) -> Unit:
    """Return the sums in a row, which may lack those of the baseline's uncertainty."""
    return Unit(**{name: row[name] for name in Unit._fields if name in row.keys()})  # noqa: SIM118


class FairPostsParameters(QuarterParameters, AgeParameters, PageParameters):
    """Selection of posts, the age at which they are compared, and their order."""

    sort: Literal["index", "engagements"] = Field("index", description="What to rank by.")


class FairPost(Counts, Indexed):
    """One post's first hours, compared with its category's posts."""

    rank: int
    post_id: int
    title: str
    author_id: int
    author_name: str
    category: str
    publish_date: datetime
    median: float = Field(description="Of the category's posts at the same age.")
    percentile: float = Field(
        description="Percent of the category's posts with fewer engagements at the same age, and"
        " half of those with as many, this one included."
    )
    external_id: ExternalId = None


@report(
    "fair-posts",
    "/reports/fair-posts",
    tag="fair reports",
    sql=("fair_posts",),
    cost="posts",
    columns=(
        "rank", "title", "author_name", "category", "total_engagements", "percentile", "median",
        "index", "low", "high",
    ),
)  # fmt: skip
async def fair_posts(context: Context, query: FairPostsParameters) -> Page[FairPost]:
    """Which posts did best, each compared with its category's posts at the same age?"""
    place = place_of(query)
    rows = await context.rows(
        "fair_posts",
        **context.period.values(),
        hours=int(query.hours),
        sort=query.sort,
        limit=query.limit + 1,
        after=place.value,
        after_key=place.number,
    )
    return limited_page(rows, query, _fair_post, "post_id")


def _fair_post(row: dict[str, Any], rank: int) -> FairPost:
    estimate = interval(row.pop("shape"), row.pop("rate"))
    del row["sort_value"]
    row["baseline_mean"] = round(row["baseline_mean"], 2)
    row["percentile"] = round(row["percentile"], 1)
    return FairPost(**row, **index_fields(estimate), rank=rank)


class FairAuthorsParameters(QuarterParameters, AgeParameters, PageParameters):
    """Selection of posts, and the age at which they are compared."""

    limit: Annotated[Integer, Field(ge=1, le=1000)] = Field(50, description="Maximum rows.")


class IndexedAuthor(Indexed):
    """One author's posts in their first hours, compared with posts of the same categories."""

    rank: int
    author_id: int
    author_name: str
    category: str = Field(description="The author's category; posts may be in others.")
    posts: int = Field(description="Posts that are old enough to be compared.")
    total_engagements: int
    per_post: float


class FairAuthor(IndexedAuthor):
    """One author, also in the comparison period."""

    top_10_pct: float = Field(
        description="Probability, in percent, that the author's index is one of the ten highest."
    )
    previous_posts: int
    previous_index: float | None = Field(description="null: there are no posts to compare.")
    no_comparison: WhyNotCompared


class AuthorIndex(NamedTuple):
    """One author's sums and index in one period; *row*: of sql/fair_authors.sql."""

    row: Mapping[str, Any]
    unit: Unit
    estimate: Estimate

    @property
    def author_id(self) -> int:
        """The author's number."""
        return int(self.row["author_id"])

    def fields(self) -> dict[str, Any]:
        """Return the fields of IndexedAuthor, without the rank."""
        unit = self.unit
        return {
            "author_id": self.author_id,
            "author_name": self.row["author_name"],
            "category": self.row["category"],
            "posts": unit.posts,
            "total_engagements": round(unit.observed),
            "per_post": round(unit.observed / unit.posts, 2),
            "baseline_mean": round(unit.expected / unit.posts, 2),
            **index_fields(self.estimate),
        }


async def author_indexes(
    context: Context, hours: int
) -> tuple[list[AuthorIndex], list[AuthorIndex]]:
    """Return the authors of the period and those of the comparison period, by ID.

    The filter by author does not apply: all authors of the categories form the baseline.
    """
    rows = await context.rows("fair_authors", **context.period.values(), hours=hours)
    found = []
    for is_previous in (False, True):
        chosen = [row for row in rows if row["is_previous"] is is_previous]
        units = [unit_of(row) for row in chosen]
        found.append(list(map(AuthorIndex, chosen, units, shrink_all(units))))
    return found[0], found[1]


@report(
    "fair-authors",
    "/reports/fair-authors",
    tag="fair reports",
    sql=("fair_authors",),
    cost="posts",
    columns=(
        "rank", "author_name", "category", "posts", "per_post", "baseline_mean", "index", "low",
        "high", "top_10_pct", "previous_index",
    ),
)  # fmt: skip
async def fair_authors(context: Context, query: FairAuthorsParameters) -> Page[FairAuthor]:
    """Which authors' posts earn more than others' posts of the same categories at the same age?"""
    authors, before = await author_indexes(context, int(query.hours))
    earlier = {author.author_id: author for author in before}
    authors.sort(key=lambda author: (-author.estimate.index, author.author_id))
    chances = top_probabilities([author.estimate for author in authors], _TOP)
    rows, places = [], []
    for rank, (author, chance) in enumerate(zip(authors, chances, strict=True), 1):
        if context.period.filters.author not in {0, author.author_id}:
            continue
        previous = earlier.get(author.author_id)
        rows.append(
            FairAuthor(
                **author.fields(),
                rank=rank,
                top_10_pct=round(100 * chance, 1),
                previous_posts=previous.unit.posts if previous else 0,
                previous_index=index_fields(previous.estimate)["index"] if previous else None,
                no_comparison=context.period.no_comparison,
            )
        )
        places.append((author.estimate.index, author.author_id))
    return sliced_page(rows, query, places)
