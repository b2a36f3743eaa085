"""Handlers that turn the errors of a FastAPI application into problem documents."""

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from web.problems import CONTENT_TYPE, INTERNAL_ERROR, Problem, describe

_CODES = {400: "malformed_body", 404: "not_found", 405: "method_not_allowed"}
_DETAILS = {
    400: "the body cannot be read",
    404: "no resource has this path; GET / lists the endpoints",
    405: "the path does not support this method; the Allow header lists those it supports",
}

_MAX_LISTED = 20


def response_of(problem: Problem) -> Response:
    """Return the error response."""
    return Response(problem.body, problem.status, problem.headers, CONTENT_TYPE)


def install(app: FastAPI) -> None:
    """Turn every error of *app* into a problem document."""

    def of_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)  # noqa: S101  (how handlers are typed)
        return response_of(error)

    def of_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101
        status, headers = error.status_code, error.headers
        code = _CODES.get(status, "http_error")
        detail = _DETAILS.get(status, HTTPStatus(status).phrase)
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            # Static files have no route.
            methods = _methods(app.routes, request.scope) or {"GET"}
            headers = {"Allow": ", ".join(sorted(methods))}
        return response_of(Problem(status, code, detail, headers=headers))

    def of_anything(_: Request, __: Exception) -> Response:
        return response_of(Problem(500, "internal_error", INTERNAL_ERROR))

    def of_validation(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101
        faults = error.errors()
        if bodies := [fault for fault in faults if fault["loc"][0] == "body"]:
            return response_of(Problem(422, "invalid_body", _describe_all(bodies)))
        ours = [fault for fault in faults if _is_ours(fault)]
        return response_of(
            Problem(422, "invalid_parameter", _describe_all(ours) or "the request is not valid")
        )

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


def _is_ours(fault: Mapping[str, Any]) -> bool:
    """Return whether a fault is in a declared parameter, so that its name is no input."""
    return len(fault["loc"]) == 2 and fault["loc"][0] in ("query", "path")
