"""Errors over HTTP: RFC 9457 problem documents, which never contain input.

Processes without FastAPI import this module too: web.error_handlers has what needs FastAPI.
"""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from pydantic import BaseModel, Field

from runtime.logging import get_logger
from schema.times import EXPECTED_DATE, EXPECTED_INSTANT

CONTENT_TYPE = "application/problem+json"
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
