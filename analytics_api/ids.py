"""IDs of posts and authors in requests: numbers or external IDs."""

import re
from collections.abc import Iterable
from typing import Any, Final, Literal

import sql
from schema.event import MAX_ID, is_external_id
from sql.pool import Pool
from web.problems import Problem

_ID: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


async def find_id(pool: Pool, kind: Literal["author", "post"], text: str) -> int | None:
    """Return the number of an ID, which is a number or an external ID; None: it is unknown.

    Raises:
        Problem: 422, it is neither a number nor an external ID.
    """
    if text.isascii() and text.isdigit():
        return strict_id(text)
    if text and not is_external_id(text):
        raise Problem(422, "invalid_parameter", f"{kind}: expected a number or an external ID")
    row = await sql.load("external_ids_of").fetchrow(pool, kind=kind, ids=[], names=[text])
    return None if row is None else int(row["id"])


async def external_ids_of(pool: Any, posts: Iterable[int]) -> dict[int, str]:
    """Return the external IDs of those posts that have one, by number."""
    query = sql.load("external_ids_of")
    rows = await query.fetch(pool, kind="post", ids=list(posts), names=[])
    return {row["id"]: row["external_id"] for row in rows}


def strict_id(text: str) -> int:
    """Read an ID strictly; lax parsers take 1.0, 1_0 and other scripts' digits for numbers.

    Raises:
        Problem: 422.
    """
    if not _ID.fullmatch(text) or int(text) > MAX_ID:
        raise Problem(422, "invalid_parameter", f"an ID is an integer from 1 to {MAX_ID}")
    return int(text)
