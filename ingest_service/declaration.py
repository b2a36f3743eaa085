"""Declarations of the routes of events, for dispatch and for OpenAPI."""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from fastapi import FastAPI, Query

from ingest_service.replies import BatchReply, DryRunReply
from schema.event_model import Event
from web.problems import BEHIND_A_KEY, responses

Handler = Callable[..., Awaitable[Any]]


@dataclass(frozen=True)
class Route:
    """The declaration of a route.

    Attributes:
        method: of HTTP.
        path: without parameters.
        handler: a method of EventRoutes; its docstring is OpenAPI's description.
        query: its query parameters, other than fields of the event.
        body: type of the body in OpenAPI.
        options: of FastAPI's ``add_api_route``.
        takes_any_field: whether the query has the fields of an event.
    """

    method: str
    path: str
    handler: Handler
    query: tuple[inspect.Parameter, ...] = ()
    body: Any = None
    options: dict[str, Any] = field(default_factory=dict)
    takes_any_field: bool = False

    def add_to(self, app: FastAPI) -> None:
        """Add the route to FastAPI's for OpenAPI. FastAPI never gets its requests."""

        async def endpoint(**_: Any) -> None: ...

        parameters = list(self.query)
        if self.body is not None:
            parameters.insert(0, parameter("body", self.body, inspect.Parameter.empty))
        endpoint.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        endpoint.__name__ = self.handler.__name__
        endpoint.__doc__ = self.handler.__doc__
        app.add_api_route(self.path, endpoint, methods=[self.method], **self.options)


ROUTES: Final[list[Route]] = []


def declare(method: str, path: str, **declaration: Any) -> Callable[[Handler], Handler]:
    def add(handler: Handler) -> Handler:
        ROUTES.append(Route(method, path, handler, **declaration))
        return handler

    return add


def parameter(name: str, kind: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)


ONCE: Final = parameter(
    "once", Annotated[str, Query(description="Such as view:30m,like:1d; see docs/browser.md.")], ""
)
DRY_RUN: Final = parameter(
    "dry_run",
    Annotated[Literal["0", "1"], Query(description="1: store nothing, and report all errors.")],
    "0",
)
KEY: Final = parameter(
    "key", Annotated[str, Query(description="An ingest key, for requests without headers.")], ""
)
_ERRORS: Final = responses((*BEHIND_A_KEY, 413, 415, 422, 503))
SOME_REJECTED: Final[dict[int | str, Any]] = {
    207: {"model": BatchReply, "description": "Some events were accepted, others were not"}
}
WITH_DRY_RUN: Final[dict[int | str, Any]] = {
    200: {"model": DryRunReply, "description": "A dry run; nothing was stored"}
}
CLOUDEVENT: Final = {"type": "object", "description": "A CloudEvent 1.0; see docs/sandbox.md."}
PIXEL_FIELDS: Final = [
    {"name": name, "in": "query", "required": name in Event.model_json_schema()["required"]}
    | {"schema": schema, "description": schema.get("description", "")}
    for name, schema in Event.model_json_schema()["properties"].items()
]


def openapi(response: type, *statuses: dict[int | str, Any], tag: str = "events") -> dict[str, Any]:
    known: dict[int | str, Any] = {}
    for each in (*statuses, _ERRORS):
        known |= each
    return {"status_code": 202, "response_model": response, "responses": known, "tags": [tag]}


def also_accepts(media_type: bytes, schema: dict[str, Any]) -> dict[str, Any]:
    body = {"content": {media_type.decode(): {"schema": schema}}}
    return {"openapi_extra": {"requestBody": body}}
