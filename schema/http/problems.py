"""Errors over HTTP: RFC 9457 problem documents that never echo what came in."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from schema.telemetry import get_logger

CONTENT_TYPE = "application/problem+json"
_CODES = {400: "malformed_body", 404: "not_found", 405: "method_not_allowed"}
_DETAILS = {
    400: "the body cannot be read",
    404: "there is nothing at this path; GET / lists what there is",
    405: "this path takes other methods; the Allow header names them",
}

_MAX_TOLD = 20
_DATE = "expected a date, like 2026-01-31"
_INSTANT = "expected an RFC 3339 date-time with an offset, like 2026-01-31T09:30:00Z"
_SENTENCES = {
    **dict.fromkeys(("date_parsing", "date_type", "date_from_datetime_parsing"), _DATE),
    **dict.fromkeys(("datetime_parsing", "datetime_type", "timezone_aware"), _INSTANT),
    "datetime_from_date_parsing": _INSTANT,
    "extra_forbidden": "an unknown field",
    "json_invalid": "expected JSON in UTF-8",
    "missing": "required",
    "model_attributes_type": "expected a JSON object",
    "model_type": "expected a JSON object",
    "uuid_parsing": "expected a UUID",  # pydantic's own sentence quotes what was sent
}

ANYWHERE = (400, 403, 408, 414, 431)
"""What any route may answer, as its request is judged before a route is looked for."""
BEHIND_A_KEY = (401, 429)
"""What routes that want a key may answer besides."""

logger = get_logger("http")


class Problem(Exception):  # noqa: N818  (the standard's word)
    """An answer that is an error.

    Args:
        status: the HTTP status.
        code: a stable snake_case tag, part of the public contract.
        detail: one sentence for a person, without any input.
        headers: further headers, such as Retry-After.
        members: further members of the document.
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.members = dict(members or {})

    @property
    def body(self) -> bytes:
        """The problem document."""
        document = {
            "type": f"/docs#{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        return msgspec.json.encode(document | self.members)

    def response(self) -> Response:
        """The problem as an answer."""
        return Response(self.body, self.status, self.headers, CONTENT_TYPE)


class ProblemDocument(BaseModel):
    """How errors look; stands in OpenAPI."""

    type: str = Field(description="Where the code is explained, relative to this service.")
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(description="The HTTP status.")
    code: str = Field(description="Stable snake_case tag of the error.")
    detail: str = Field(description="One sentence for a person.")


def responses(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI's description of these error statuses."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {CONTENT_TYPE: {"schema": ProblemDocument.model_json_schema()}},
        }
        for status in statuses
    }


def unavailable(detail: str, *, retry_after_seconds: int = 1) -> Problem:
    """Return the 503 that asks to come again."""
    return Problem(503, "unavailable", detail, headers={"Retry-After": str(retry_after_seconds)})


def install(app: FastAPI) -> None:
    """Make every error of *app* a problem document."""

    def of_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101  (how handlers are typed)
        return error.response()

    def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        status, headers = error.status_code, error.headers
        code = _CODES.get(status, "http_error")
        detail = _DETAILS.get(status, HTTPStatus(status).phrase)
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            # Static files are no route.
            methods = _methods(app.routes, request.scope) or {"GET"}
            headers = {"Allow": ", ".join(sorted(methods))}
        return Problem(status, code, detail, headers=headers).response()

    def of_anything(_: Request, __: Exception) -> Response:
        return Problem(500, "internal_error", "something broke here; the log tells").response()

    def of_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        faults = error.errors()
        if bodies := [fault for fault in faults if fault["loc"][0] == "body"]:
            return Problem(422, "invalid_body", _all_told(bodies)).response()
        ours = [fault for fault in faults if _is_ours(fault)]
        return Problem(
            422, "invalid_parameter", _all_told(ours) or "the request is not valid"
        ).response()

    app.add_exception_handler(Problem, of_problem)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(Exception, of_anything)
    app.add_exception_handler(RequestValidationError, of_validation)


def _methods(routes: Iterable[Any], scope: Any) -> set[str]:
    """Return what a path takes: each of its routes alone would name its own methods only."""
    found: set[str] = set()
    for route in routes:
        if included := getattr(route, "original_router", None):
            found |= _methods(included.routes, scope)
        elif route.matches(scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", set())
    return found


def _all_told(faults: Sequence[Mapping[str, Any]]) -> str:
    """Say what is wrong with parameters or a body, whose name leads to each fault."""
    return "; ".join(dict.fromkeys(told(fault, 1) for fault in faults[:_MAX_TOLD]))


def told(fault: Mapping[str, Any], skip: int = 0) -> str:
    """Say what pydantic found wrong, without the client's text: an unknown field's name is one.

    Args:
        fault: one of a ValidationError's errors.
        skip: how many parts of its place are not the client's business.
    """
    if fault["type"] in _SENTENCES:
        finding = _SENTENCES[fault["type"]]
    else:
        finding = str(fault["msg"]).removeprefix("Value error, ")
        finding = finding.replace("Input should be ", "expected ", 1)
    if fault["type"] in ("extra_forbidden", "json_invalid"):
        return finding
    where = ".".join(str(part) for part in fault["loc"][skip:])
    return f"{where}: {finding}" if where else finding


def _is_ours(fault: Mapping[str, Any]) -> bool:
    """Tell whether a fault's last name is a parameter of ours and not the client's text."""
    return len(fault["loc"]) == 2 and fault["loc"][0] in ("query", "path") and bool(fault["type"])
