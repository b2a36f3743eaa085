"""What every route needs of a request."""

import re
from typing import Final, cast

from fastapi import APIRouter, Depends, Request

from analytics_api.answers import refuse_unknown_parameters
from analytics_api.state import State
from schema.event import MAX_ID
from schema.problems import BEHIND_A_KEY, Problem, responses

_ID: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)


def new_router() -> APIRouter:
    """Return a router whose routes refuse query parameters they do not have."""
    return APIRouter(
        dependencies=[Depends(refuse_unknown_parameters)],
        responses=responses([*BEHIND_A_KEY, 422, 503]),
    )


def state_of(request: Request) -> State:
    """Return what this process keeps open."""
    return cast("State", request.app.state.reports)


def strict_id(text: str) -> int:
    """Read an id strictly; lax parsers take 1.0, 1_0 and other scripts' digits for numbers.

    Raises:
        Problem: 422.
    """
    if not _ID.fullmatch(text) or int(text) > MAX_ID:
        raise Problem(422, "invalid_parameter", f"an id is an integer from 1 to {MAX_ID}")
    return int(text)
