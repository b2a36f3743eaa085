"""What every route needs of a request."""

import re
from typing import Final, Literal, cast

from fastapi import APIRouter, Depends, Request

import sql
from analytics_api.state import State
from schema.event import MAX_ID, is_external_id
from schema.http.parameters import known_parameters
from schema.http.problems import BEHIND_A_KEY, Problem, responses

_ID: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


def new_router() -> APIRouter:
    """Return a router whose routes refuse query parameters they do not have."""
    return APIRouter(
        dependencies=[Depends(known_parameters("format"))],
        responses=responses([*BEHIND_A_KEY, 422, 503]),
    )


def state_of(request: Request) -> State:
    """Return what this process keeps open."""
    return cast("State", request.app.state.reports)


async def number_of(request: Request, kind: Literal["author", "post"], text: str) -> int | None:
    """Return the number an id stands for: a number for itself; None: there is no such text.

    Raises:
        Problem: 422, it can be neither a number nor an external id.
    """
    if text.isascii() and text.isdigit():
        return strict_id(text)
    if text and not is_external_id(text):
        raise Problem(422, "invalid_parameter", f"{kind}: expected a number or an external id")
    query = sql.load("external_ids_of")
    values = query.bind(kind=kind, ids=[], names=[text])
    row = await state_of(request).pool.fetchrow(query.text, *values)
    return None if row is None else int(row["id"])


async def known_number(request: Request, kind: Literal["author", "post"], text: str) -> int:
    """Return the number an id stands for. Raises Problem 422."""
    found = await number_of(request, kind, text)
    if found is None:
        raise Problem(422, "invalid_parameter", f"{kind}: nothing has this external id")
    return found


def strict_id(text: str) -> int:
    """Read an id strictly; lax parsers take 1.0, 1_0 and other scripts' digits for numbers.

    Raises:
        Problem: 422.
    """
    if not _ID.fullmatch(text) or int(text) > MAX_ID:
        raise Problem(422, "invalid_parameter", f"an id is an integer from 1 to {MAX_ID}")
    return int(text)
