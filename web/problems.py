"""Errors over HTTP: RFC 9457 problem documents, which never contain input."""

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

from runtime.logging import get_logger
from schema.times import EXPECTED_DATE, EXPECTED_INSTANT

CONTENT_TYPE = "application/problem+json"
_CODES = {400: "malformed_body", 404: "not_found", 405: "method_not_allowed"}
_DETAILS = {
    400: "the body cannot be read",
    404: "no resource has this path; GET / lists the endpoints",
    405: "the path does not support this method; the Allow header lists those it supports",
}

_MAX_LISTED = 20
_SENTENCES = {
    **dict.fromkeys(("date_parsing", "date_type", "date_from_datetime_parsing"), EXPECTED_DATE),
    **dict.fromkeys(("datetime_parsing", "datetime_type", "timezone_aware"), EXPECTED_INSTANT),
    "datetime_from_date_parsing": EXPECTED_INSTANT,
    "extra_forbidden": "unknown field",
    "json_invalid": "expected JSON in UTF-8",
    "missing": "required",
    "model_attributes_type": "expected a JSON object",
    "model_type": "expected a JSON object",
    "uuid_parsing": "expected a UUID",  # pydantic's own sentence quotes what was sent
}

ANYWHERE = (400, 403, 408, 414, 431)
"""Statuses of any route, from checks before routing."""
BEHIND_A_KEY = (401, 429)
"""Additional statuses of routes that need a key."""

INTERNAL_ERROR = "internal error; see the service log for this X-Request-Id"

logger = get_logger("http")


class Problem(Exception):  # noqa: N818  (the standard's word)
    """An error response.

    Args:
        status: the HTTP status.
        code: a stable snake_case tag; schema.codes has the list.
        detail: one sentence for people, without any input.
        headers: such as Retry-After.
        members: additional members of the document.
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
        """The problem document as JSON."""
        document = {
            "type": f"/docs#{self.code}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "code": self.code,
            "detail": self.detail,
        }
        return msgspec.json.encode(document | self.members)

    def response(self) -> Response:
        return Response(self.body, self.status, self.headers, CONTENT_TYPE)


class ProblemDocument(BaseModel):
    """An error, as documented in OpenAPI."""

    type: str = Field(description="Explanation of the code, relative to this service.")
    title: str = Field(description="The HTTP status in words.")
    status: int = Field(description="The HTTP status.")
    code: str = Field(description="Stable snake_case tag of the error.")
    detail: str = Field(description="One sentence for people.")


def responses(statuses: Iterable[int]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI description of these error statuses."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {CONTENT_TYPE: {"schema": ProblemDocument.model_json_schema()}},
        }
        for status in statuses
    }


def unavailable(code: str, detail: str) -> Problem:
    """Return a 503 that asks the client to retry in a second."""
    return Problem(503, code, detail, headers={"Retry-After": "1"})


def database_unavailable(detail: str) -> Problem:
    """Return a 503 for a request that needs PostgreSQL."""
    return unavailable("database_unavailable", detail)


def install(app: FastAPI) -> None:
    """Turn every error of *app* into a problem document."""

    def of_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101  (how handlers are typed)
        return error.response()

    def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        status, headers = error.status_code, error.headers
        code = _CODES.get(status, "http_error")
        detail = _DETAILS.get(status, HTTPStatus(status).phrase)
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            # Static files have no route.
            methods = _methods(app.routes, request.scope) or {"GET"}
            headers = {"Allow": ", ".join(sorted(methods))}
        return Problem(status, code, detail, headers=headers).response()

    def of_anything(_: Request, __: Exception) -> Response:
        return Problem(500, "internal_error", INTERNAL_ERROR).response()

    def of_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        faults = error.errors()
        if bodies := [fault for fault in faults if fault["loc"][0] == "body"]:
            return Problem(422, "invalid_body", _describe_all(bodies)).response()
        ours = [fault for fault in faults if _is_ours(fault)]
        return Problem(
            422, "invalid_parameter", _describe_all(ours) or "the request is not valid"
        ).response()

    app.add_exception_handler(Problem, of_problem)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(Exception, of_anything)
    app.add_exception_handler(RequestValidationError, of_validation)


def _methods(routes: Iterable[Any], scope: Any) -> set[str]:
    """Return the methods of all routes of a path; Starlette names those of the first route only."""
    found: set[str] = set()
    for route in routes:
        if included := getattr(route, "original_router", None):
            found |= _methods(included.routes, scope)
        elif route.matches(scope)[0] is not Match.NONE:
            found |= getattr(route, "methods", set())
    return found


def _describe_all(faults: Sequence[Mapping[str, Any]]) -> str:
    """Describe the errors of parameters or a body."""
    return "; ".join(dict.fromkeys(describe(fault, 1) for fault in faults[:_MAX_LISTED]))


def describe(fault: Mapping[str, Any], skip: int = 0) -> str:
    """Describe an error of pydantic without input, which includes the names of unknown fields.

    Args:
        fault: one of a ValidationError's errors.
        skip: number of leading parts of its location to omit.
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
    """Return whether a fault is in a declared parameter, so that its name is no input."""
    return len(fault["loc"]) == 2 and fault["loc"][0] in ("query", "path")
