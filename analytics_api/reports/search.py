"""Search of posts, authors and tags."""

import re
from datetime import datetime
from typing import Annotated, Final, Literal

from pydantic import BaseModel, Field

from analytics_api.parameters import Parameters
from analytics_api.report import Context, report
from web.parameters import Integer

_NUMBER: Final = re.compile("[1-9][0-9]{0,17}")


class SearchParameters(Parameters):
    """The search text."""

    q: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")] = Field(
        description="Words of a title, name or tag, whose last letters may be missing, or an ID."
    )
    limit: Annotated[Integer, Field(ge=1, le=100)] = Field(
        10, description="Maximum rows of each kind."
    )


class SearchResult(BaseModel):
    """A post, an author or a tag."""

    kind: Literal["post", "author", "tag"]
    id: int | None = Field(description="Of the post or author.")
    external_id: str | None
    name: str = Field(description="The post's title, the author's name, or the tag.")
    category: str | None
    author_name: str | None = Field(description="Of the post.")
    publish_date: datetime | None = Field(description="Of the post.")
    posts: int | None = Field(description="Number of posts with the tag.")
    match: Literal["id", "words", "similar"] = Field(
        description="id: it has this ID. words: each word begins one of its words. similar: as"
        " words, but for words that nothing begins with, where similar ones do."
    )


@report(
    "search",
    "/search",
    tag="reports",
    sql=("search",),
    data="live",
    columns=("kind", "id", "name", "author_name", "category", "publish_date", "match"),
)
async def search(context: Context, query: SearchParameters) -> list[SearchResult]:
    """Which posts, authors and tags have these words or this ID?

    Small and capital letters, accents and punctuation make no difference. What has the ID comes
    first, then authors, tags, and posts, the newest first. New words and tags are known to the
    search for typos within a minute.
    """
    q = query.q.strip()
    number = int(q) if _NUMBER.fullmatch(q) else 0
    rows = await context.rows("search", q=q, number=number, limit=query.limit)
    return [SearchResult(**row) for row in rows]
