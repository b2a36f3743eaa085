"""The catalogue's URLs: look at things, put and delete one, or many at once."""

import re
from typing import Annotated, Any, Final, Literal, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import BaseModel
from starlette.responses import JSONResponse, Response

from catalogue_service import lines, reads
from catalogue_service.models import Author, BatchOutcome, Item, Kind, Outcome, Post, Stored, User
from catalogue_service.store import Refusal, Result, apply
from schema.event import MAX_ID
from schema.http.parameters import known_parameters
from schema.http.problems import BEHIND_A_KEY, Problem, responses
from sql.pool import Pool

NDJSON: Final = "application/x-ndjson"


def _body_of(wanted: str) -> Any:
    """Return a dependency that refuses bodies of another type, whose faults would only puzzle."""

    def check(request: Request) -> None:
        given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if given != wanted:
            raise Problem(
                415,
                "unsupported_media_type",
                f"expected Content-Type: {wanted}",
                headers={"Accept": wanted},
            )

    return Depends(check)


router = APIRouter(
    prefix="/catalogue",
    tags=["catalogue"],
    dependencies=[Depends(known_parameters())],
    responses=responses([*BEHIND_A_KEY, 404, 413, 415, 422, 503]),
)
_MAX_PAGE: Final = 1_000
_MAX_LISTED: Final = 100
"""Most errors a reply explains; further ones carry their tag alone, to stay in 128 KiB."""
_CONFLICTS: Final = ("external_id_taken", "author_has_posts", "user_erased")
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)
_Id = Annotated[str, Path(description="The number, or the external_id.")]
_Putting: Final[dict[str, Any]] = {
    "responses": {
        200: {"model": Outcome, "description": "Updated or unchanged"},
        201: {"model": Outcome, "description": "Created"},
        **responses([409, 415]),
    },
    "dependencies": [_body_of("application/json")],
}


@router.get("/{kind}s", response_model=list[Stored])
async def list_all(
    request: Request,
    response: Response,
    kind: Kind,
    limit: Annotated[int, Query(ge=1, le=_MAX_PAGE)] = 100,
    after: Annotated[int, Query(ge=0, le=MAX_ID, description="The last number seen.")] = 0,
) -> list[dict[str, Any]]:
    """List authors, posts or users by number. A Link header leads to the next page."""
    found = await reads.page(_pool(request), kind, after=after, limit=limit + 1)
    if len(found) > limit:
        del found[limit:]
        query = urlencode({"limit": limit, "after": found[-1]["id"]})
        response.headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
    return found


@router.get("/{kind}s/{identifier:path}", response_model=Stored)
async def read(request: Request, kind: Kind, identifier: _Id) -> dict[str, Any]:
    """Tell what the catalogue says of an author, a post or a user."""
    found = await reads.read(_pool(request), kind, _id(identifier))
    if found is None:
        raise Problem(404, f"unknown_{kind}", f"there is no such {kind} in the catalogue")
    return found


@router.put("/authors/{identifier:path}", **_Putting)
async def put_author(request: Request, identifier: _Id, author: Author) -> Response:
    """Create or replace an author."""
    return await _put(request, Kind.AUTHOR, identifier, author)


@router.put("/posts/{identifier:path}", **_Putting)
async def put_post(request: Request, identifier: _Id, post: Post) -> Response:
    """Create or replace a post with its metadata; brings back a deleted one."""
    return await _put(request, Kind.POST, identifier, post)


@router.put("/users/{identifier:path}", **_Putting)
async def put_user(request: Request, identifier: _Id, user: User) -> Response:
    """Create or replace a user."""
    return await _put(request, Kind.USER, identifier, user)


@router.delete(
    "/{kind}s/{identifier:path}", response_model=Outcome, responses=responses([404, 409])
)
async def delete(request: Request, kind: Kind, identifier: _Id) -> Response:
    """Delete an author without posts, a post or a user. Engagements stay.

    A deleted post leaves all reports; putting it again brings it back with its history.
    """
    [result] = await apply(_pool(request), [Item(kind=kind, id=_id(identifier), content=None)])
    return _answer(result)


@router.post(
    "/batch",
    response_model=BatchOutcome,
    responses={
        207: {"model": BatchOutcome, "description": "Some lines were refused"},
        **responses([415]),
    },
    dependencies=[_body_of(NDJSON)],
    openapi_extra={
        "requestBody": {
            "content": {NDJSON: {"schema": {"type": "string"}}},
            "required": True,
        }
    },
)
async def batch(
    request: Request,
    dry_run: Annotated[
        Literal["0", "1"], Query(description="1: change nothing, tell what would come of it.")
    ] = "0",
) -> Response:
    """Put and delete up to 1,000 things, a line each (NDJSON).

    `{"kind": "post", "id": 42, "title": ...}`, or with `"delete": true` in the place of the
    content. Authors are put before posts, so their order does not matter.
    """
    parsed = list(lines.parse(await request.body()))
    if len(parsed) > lines.MAX_LINES:
        raise Problem(413, "too_many_lines", f"a batch has {lines.MAX_LINES} lines at most")
    items = [p for p in parsed if isinstance(p, Item)]
    results = iter(await apply(_pool(request), items, is_rehearsal=dry_run == "1"))
    outcomes = [next(results) if isinstance(p, Item) else p for p in parsed]
    found = _summary(outcomes)
    if not found.received:
        raise Problem(422, "empty_batch", "the batch has no lines")
    return JSONResponse(found.model_dump(), 207 if found.errors else 200)


def _summary(outcomes: list[Result]) -> BatchOutcome:
    made = [outcome.outcome for outcome in outcomes if isinstance(outcome, Outcome)]
    refused = [(i, outcome) for i, outcome in enumerate(outcomes) if isinstance(outcome, Refusal)]
    return BatchOutcome(
        received=len(outcomes),
        created=made.count("created"),
        updated=made.count("updated"),
        unchanged=made.count("unchanged"),
        deleted=made.count("deleted"),
        errors=[
            {"index": index, "error": refusal.error}
            | ({"detail": refusal.detail} if listed < _MAX_LISTED else {})
            for listed, (index, refusal) in enumerate(refused)
        ],
    )


async def _put(request: Request, kind: Kind, identifier: str, content: BaseModel) -> Response:
    item = Item(kind=kind, id=_id(identifier), content=content)
    [result] = await apply(_pool(request), [item])
    return _answer(result)


def _answer(result: Result) -> Response:
    if isinstance(result, Outcome):
        return JSONResponse(result.model_dump(), 201 if result.outcome == "created" else 200)
    is_missing = result.error.startswith("unknown_") and result.error != "unknown_author"
    status = 409 if result.error in _CONFLICTS else 404 if is_missing else 422
    raise Problem(status, result.error, result.detail)


def _id(text: str) -> int | str:
    found: int | str = int(text) if _NUMBER.fullmatch(text) and int(text) <= MAX_ID else text
    if not lines.is_id(found):
        raise Problem(422, "invalid_id", "an id is a number, or a text of 1 to 200 characters")
    return found


def _pool(request: Request) -> Pool:
    return cast("Pool", request.app.state.pool)
