"""/docs: the OpenAPI document and the error codes as one page of plain HTML.

Swagger UI would need scripts from a CDN, or their megabytes here and an exception to the Content
Security Policy.
"""

from html import escape
from typing import Any

from fastapi import FastAPI
from starlette.responses import HTMLResponse

from schema.codes import CODES

_METHODS = ("get", "put", "post", "delete")


def add_docs(app: FastAPI) -> None:
    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(render(app.openapi()))


def render(document: dict[str, Any]) -> str:
    """Render an OpenAPI document."""
    info = document["info"]
    operations = "".join(
        _operation(method, path, operations[method])
        for path, operations in document["paths"].items()
        for method in _METHODS
        if method in operations
    )
    schemas = "".join(
        f'<h3 id="{escape(name)}">{escape(name)}</h3>{_fields(schema)}'
        for name, schema in document.get("components", {}).get("schemas", {}).items()
    )
    codes = "".join(
        f'<dt id="{code}"><code>{code}</code></dt><dd>{escape(meaning)}</dd>'
        for code, meaning in CODES.items()
    )
    title = escape(info["title"])
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<h1>{title} {escape(info['version'])}</h1><p>{escape(info.get('description', ''))}</p>"
        '<p>Also available as <a href="/openapi.json">OpenAPI</a>. Send the API key in the header'
        " <code>Authorization: Bearer eng_…</code>.</p>"
        f"<h2>Routes</h2>{operations}<h2>Schemas</h2>{schemas}"
        f"<h2>Errors</h2><p>The <code>code</code> of a problem document.</p><dl>{codes}</dl></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<li><code>{escape(p['name'])}</code> ({escape(p['in'])}) "
        f"{escape(p.get('description', ''))}</li>"
        for p in operation.get("parameters", ())
    )
    responses = ", ".join(
        f"{escape(status)} {escape(response.get('description', ''))}"
        for status, response in operation["responses"].items()
    )
    return (
        f"<h3><code>{method.upper()} {escape(path)}</code></h3>"
        f"<p>{escape(operation.get('description', ''))}</p>"
        + (f"<ul>{parameters}</ul>" if parameters else "")
        + _body(operation.get("requestBody", {}).get("content", {}))
        + f"<p>Responses: {responses}</p>"
    )


def _body(content: dict[str, Any]) -> str:
    kinds = "; ".join(f"{escape(kind)}: {_type(of['schema'])}" for kind, of in content.items())
    return f"<p>Body: {kinds}</p>" if kinds else ""


def _fields(schema: dict[str, Any]) -> str:
    required = dict.fromkeys(schema.get("required", ()), ", required")
    rows = "".join(
        f"<li><code>{escape(name)}</code> ({_type(field)}{required.get(name, '')})"
        f" {escape(field.get('description', ''))}</li>"
        for name, field in schema.get("properties", {}).items()
    )
    return f"<p>{escape(schema.get('description', ''))}</p><ul>{rows}</ul>"


def _type(schema: dict[str, Any]) -> str:
    """Describe the type of a value, with links to the schemas of this page."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if choices := schema.get("anyOf"):
        return " or ".join(map(_type, choices))
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    if schema.get("type") == "array":
        return f"array of {_type(schema.get('items', {}))}"
    return escape(schema.get("format") or schema.get("type") or "any")
