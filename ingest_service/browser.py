"""The browser's routes: the script pages load, and what OpenAPI says of beacon and pixel."""

import gzip
import hashlib
import re
from importlib.resources import files
from typing import Annotated, Final, NamedTuple

from fastapi import FastAPI, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from ingest_service.hot import BEACON, PIXEL
from schema.event_model import Event
from schema.http import problems

MAX_PACKED_BYTES: Final = 1536
_HEADERS: Final = {
    "Cache-Control": "public, max-age=3600",
    "Cross-Origin-Resource-Policy": "cross-origin",
    # The script reads the server's clock from its own URL, with no key.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": "Date",
    "Vary": "Accept-Encoding",
}


_SPACE: Final = re.compile(r"\s*([{}()=<>?:;,.|&+!*-])\s*")


class Script(NamedTuple):
    """The bytes served, plain and packed, and the tag that names them."""

    plain: bytes
    packed: bytes
    etag: str


def load() -> Script:
    """Read the source and squeeze it: comment lines go, and space that means nothing.

    The source keeps to what this is safe for: comments on lines of their own, semicolons, and
    no text with space beside punctuation.
    """
    source = files("ingest_service").joinpath("static/tracker.js").read_text("utf-8")
    lines = (line.strip() for line in source.splitlines())
    code = "\n".join(line for line in lines if not line.startswith("//"))
    plain = _SPACE.sub(r"\1", code).strip().encode()
    return Script(
        plain, gzip.compress(plain, 9, mtime=0), f'"{hashlib.sha256(plain).hexdigest()[:16]}"'
    )


_KeyParameter = Annotated[str, Query(description="An ingest key, where no header can carry it.")]
OnceParameter = Annotated[str, Query(description="Such as view:30m,like:1d; see docs/browser.md.")]
_PIXEL_PARAMETERS: Final = [
    {"name": name, "in": "query", "required": name in Event.model_json_schema()["required"]}
    | {"schema": schema, "description": schema.get("description", "")}
    for name, schema in Event.model_json_schema()["properties"].items()
]


def add_browser_routes(app: FastAPI, outcome: type[BaseModel]) -> None:
    """Add the script; declare beacon and pixel, which are answered in front of FastAPI."""
    _add_tracker(app)

    @app.post(
        BEACON,
        status_code=202,
        response_model=outcome,
        responses={
            207: {"model": outcome, "description": "Some events were accepted, some not"},
            **problems.responses((*problems.BEHIND_A_KEY, 413, 415, 422, 503)),
        },
        tags=["browser"],
    )
    async def post_beacon(
        events: list[Event] | Event, key: _KeyParameter = "", once: OnceParameter = ""
    ) -> None:
        """Accept events as navigator.sendBeacon sends them: JSON, an array or one event, also
        as text/plain.
        """

    @app.get(
        PIXEL,
        response_class=Response,
        responses={
            200: {"content": {"image/gif": {}}, "description": "The event is in Kafka"},
            **problems.responses((*problems.BEHIND_A_KEY, 422, 503)),
        },
        openapi_extra={"parameters": _PIXEL_PARAMETERS},
        tags=["browser"],
    )
    async def get_pixel(key: _KeyParameter = "", once: OnceParameter = "") -> None:
        """Accept one event from a page without scripts; the picture comes once it is stored."""


def _add_tracker(app: FastAPI) -> None:
    script = load()

    async def tracker(request: Request) -> Response:
        """The script for web pages; see docs/browser.md."""
        headers = _HEADERS | {"ETag": script.etag}
        if script.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = script.plain
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            body = script.packed
        return Response(body, headers=headers, media_type="text/javascript")

    app.add_api_route(
        "/tracker.js", tracker, methods=["GET"], tags=["browser"], response_class=Response
    )
