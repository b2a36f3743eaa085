"""Routes of the catalogue: read, create, replace and delete authors, posts and users."""

import re
from typing import Annotated, Any, Final, Literal, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from catalogue_service import batch, store
from catalogue_service.models import Author, BatchOutcome, Change, Kind, Outcome, Post, Stored, User
from catalogue_service.store import Rejection, Result
from schema.event import MAX_ID
from sql.pool import Pool
from web.body import JSON, NDJSON, require_media_type
from web.parameters import Integer, known_parameters
from web.problems import BEHIND_A_KEY, Problem, responses


def _media_type(wanted: bytes) -> Any:
    """Return a dependency that rejects bodies of another media type."""

    def check(request: Request) -> None:
        require_media_type(request.headers.get("content-type", "").encode("latin-1"), wanted)

    return Depends(check)


router = APIRouter(
    prefix="/catalogue",
    tags=["catalogue"],
    dependencies=[Depends(known_parameters())],
    responses=responses([*BEHIND_A_KEY, 404, 413, 415, 422, 503]),
)
_MAX_PAGE: Final = 1_000
_MAX_DETAILS: Final = 100
"""Errors of a response that have a detail. More would exceed 128 KiB."""
_CONFLICTS: Final = ("external_id_taken", "author_has_posts", "user_erased")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_Id = Annotated[str, Path(description="Number or external ID.")]
_PUT: Final[dict[str, Any]] = {
    "responses": {
        200: {"model": Outcome, "description": "Updated or unchanged"},
        201: {"model": Outcome, "description": "Created"},
        **responses([409, 415]),
    },
    "dependencies": [_media_type(JSON)],
}


@router.get("/{kind}s", response_model=list[Stored])
async def list_all(
    request: Request,
    response: Response,
    kind: Kind,
    limit: Annotated[Integer, Query(ge=1, le=_MAX_PAGE)] = 100,
    after: Annotated[
        Integer, Query(ge=0, le=MAX_ID, description="Last number of the previous page.")
    ] = 0,
) -> list[dict[str, Any]]:
    """List authors, posts or users by number. The Link header has the next page."""
    found = await store.list_after(_pool(request), kind, after=after, limit=limit + 1)
    if len(found) > limit:
        del found[limit:]
        query = urlencode({"limit": limit, "after": found[-1]["id"]})
        response.headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
    return found


@router.get("/{kind}s/{identifier:path}", response_model=Stored)
async def read(request: Request, kind: Kind, identifier: _Id) -> dict[str, Any]:
    """Return an author, a post or a user."""
    found = await store.read(_pool(request), kind, _id(identifier))
    if found is None:
        raise Problem(404, f"unknown_{kind}", f"the catalogue has no such {kind}")
    return found


@router.put("/authors/{identifier:path}", **_PUT)
async def put_author(request: Request, identifier: _Id, author: Author) -> Response:
    """Create or replace an author."""
    return await _put(request, Kind.AUTHOR, identifier, author)


@router.put("/posts/{identifier:path}", **_PUT)
async def put_post(request: Request, identifier: _Id, post: Post) -> Response:
    """Create or replace a post with its metadata. This also restores a deleted one."""
    return await _put(request, Kind.POST, identifier, post)


@router.put("/users/{identifier:path}", **_PUT)
async def put_user(request: Request, identifier: _Id, user: User) -> Response:
    """Create or replace a user."""
    return await _put(request, Kind.USER, identifier, user)


@router.delete(
    "/{kind}s/{identifier:path}", response_model=Outcome, responses=responses([404, 409])
)
async def delete(request: Request, kind: Kind, identifier: _Id) -> Response:
    """Delete an author without posts, a post or a user. Engagements stay.

    A deleted post is in no report. Creating it again restores it with its engagements.
    """
    [result] = await store.apply(
        _pool(request), [Change(kind=kind, id=_id(identifier), content=None)]
    )
    return _response(result)


@router.post(
    "/batch",
    response_model=BatchOutcome,
    responses={
        207: {"model": BatchOutcome, "description": "Some lines were rejected"},
        **responses([415]),
    },
    dependencies=[_media_type(NDJSON)],
    openapi_extra={
        "requestBody": {
            "content": {NDJSON.decode(): {"schema": {"type": "string"}}},
            "required": True,
        }
    },
)
async def post_batch(
    request: Request,
    dry_run: Annotated[
        Literal["0", "1"], Query(description="1: return the results, but change nothing.")
    ] = "0",
) -> Response:
    """Create, replace and delete up to 1,000 authors, posts and users, one per line (NDJSON).

    `{"kind": "post", "id": 42, "title": ...}`, or with `"delete": true` instead of the fields.
    Authors are created before posts, so the order of lines does not matter.
    """
    parsed = batch.parse(await request.body())
    changes = [p for p in parsed if isinstance(p, Change)]
    results = iter(await store.apply(_pool(request), changes, is_dry_run=dry_run == "1"))
    outcomes = [next(results) if isinstance(p, Change) else p for p in parsed]
    found = _summary(outcomes)
    if not found.received:
        raise Problem(422, "empty_batch", "the batch has no lines")
    return JSONResponse(found.model_dump(), 207 if found.errors else 200)


def _summary(outcomes: list[Result]) -> BatchOutcome:
    made = [outcome.outcome for outcome in outcomes if isinstance(outcome, Outcome)]
    rejected = [(i, each) for i, each in enumerate(outcomes) if isinstance(each, Rejection)]
    return BatchOutcome(
        received=len(outcomes),
        created=made.count("created"),
        updated=made.count("updated"),
        unchanged=made.count("unchanged"),
        deleted=made.count("deleted"),
        errors=[
            {"index": index, "error": rejection.error}
            | ({"detail": rejection.detail} if position < _MAX_DETAILS else {})
            for position, (index, rejection) in enumerate(rejected)
        ],
        notes=[
            {"index": index, "notes": outcome.notes}
            for index, outcome in enumerate(outcomes)
            if isinstance(outcome, Outcome) and outcome.notes
        ],
    )


async def _put(request: Request, kind: Kind, identifier: str, content: BaseModel) -> Response:
    item = Change(kind=kind, id=_id(identifier), content=content)
    [result] = await store.apply(_pool(request), [item])
    return _response(result)


def _response(result: Result) -> Response:
    if isinstance(result, Outcome):
        return JSONResponse(result.model_dump(), 201 if result.outcome == "created" else 200)
    is_missing = result.error.startswith("unknown_") and result.error != "unknown_author"
    status = 409 if result.error in _CONFLICTS else 404 if is_missing else 422
    raise Problem(status, result.error, result.detail)


def _id(text: str) -> int | str:
    found: int | str = int(text) if _NUMBER.fullmatch(text) and int(text) <= MAX_ID else text
    if not batch.is_id(found):
        raise Problem(422, "invalid_id", "expected a number, or a string of 1 to 200 characters")
    return found


def _pool(request: Request) -> Pool:
    return cast("Pool", request.app.state.pool)
