"""The published JSON Schemas over HTTP: open, cached, loadable from any page."""

import hashlib
from typing import Any, Final

import msgspec
from fastapi import FastAPI, Request
from starlette.responses import Response

from schema.published import PATH, schemas

_HEADERS: Final = {
    "Cache-Control": "public, max-age=3600",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Access-Control-Allow-Origin": "*",
}


def add_schema_routes(app: FastAPI) -> None:
    """Add the schemas, each at its ``$id``, and their index."""
    published = schemas()
    index = {
        "schemas": [
            {"href": schema["$id"], "title": schema["title"], "description": schema["description"]}
            for schema in published.values()
        ]
    }
    _add(app, PATH, index, "application/json", "Tell which JSON Schemas there are.")
    for schema in published.values():
        told = f"JSON Schema of: {schema['description']}"
        _add(app, schema["$id"], schema, "application/schema+json", told)


def _add(app: FastAPI, path: str, document: dict[str, Any], kind: str, told: str) -> None:
    body = msgspec.json.format(msgspec.json.encode(document), indent=2)
    headers = _HEADERS | {"ETag": f'"{hashlib.sha256(body).hexdigest()[:16]}"'}

    async def answer(request: Request) -> Response:
        if headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type=kind)

    app.add_api_route(
        path,
        answer,
        methods=["GET"],
        tags=["schemas"],
        response_class=Response,
        description=told,
        responses={200: {"content": {kind: {}}, "description": "The document"}},
    )
