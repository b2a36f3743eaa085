"""Static documents over HTTP, cacheable and readable by any page: tracker and JSON Schemas."""

import gzip
import hashlib
from importlib.resources import files
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from starlette.responses import Response

from schema.published import PATH, schemas

_HEADERS: Final = {
    "Cache-Control": "public, max-age=3600",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
    # The tracker reads the server's clock from the response to its own URL.
    "Access-Control-Expose-Headers": "Date",
    "Vary": "Accept-Encoding",
}


def read_tracker() -> bytes:
    """Return the minified script, which `make tracker` writes from static/tracker.js."""
    return files("ingest_service").joinpath("static/tracker.min.js").read_bytes()


def add_documents(app: FastAPI) -> None:
    """Add the script at /tracker.js, the JSON Schemas at their ``$id``, and their index."""
    description = "The script for web pages; see docs/browser.md."
    _add(app, "/tracker.js", read_tracker(), "text/javascript", "browser", description)
    _add_schemas(app)


def _add_schemas(app: FastAPI) -> None:
    published = schemas()
    index = {
        "schemas": [
            {"href": schema["$id"], "title": schema["title"], "description": schema["description"]}
            for schema in published.values()
        ]
    }
    _add(app, PATH, _pretty(index), "application/json", "schemas", "List the JSON Schemas.")
    for schema in published.values():
        description = f"JSON Schema of: {schema['description']}"
        body = _pretty(schema)
        _add(app, schema["$id"], body, "application/schema+json", "schemas", description)


def _add(  # noqa: PLR0913, PLR0917  (each is a part of one response)
    app: FastAPI, path: str, body: bytes, media_type: str, tag: str, description: str
) -> None:
    """Add a route for a constant document, with an entity tag and, on request, gzip."""
    compressed = gzip.compress(body, 9, mtime=0)
    etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'

    async def document(request: Request) -> Response:
        headers = _HEADERS | {"ETag": etag}
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"] = "gzip"
            return Response(compressed, headers=headers, media_type=media_type)
        return Response(body, headers=headers, media_type=media_type)

    app.add_api_route(
        path,
        document,
        methods=["GET"],
        tags=[tag],
        response_class=Response,
        description=description,
        responses={200: {"content": {media_type: {}}, "description": "The document"}},
    )


def _pretty(document: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2)
