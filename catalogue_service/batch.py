"""Lines of NDJSON, parsed as changes of the catalogue or rejected with an error. Pure."""

import json
from typing import Any, Final

from pydantic import ValidationError

from catalogue_service.models import MODELS, Change, Kind
from catalogue_service.store import Rejection
from schema.event import MAX_EXTERNAL_ID, MAX_ID, is_external_id
from web.body import ndjson_lines
from web.problems import Problem, describe

MAX_LINES: Final = 1_000
_MAX_ERRORS: Final = 15
"""More than the number of fields; only a list of many invalid values has more."""
_ID_RULE: Final = (
    f"id: expected an integer from 1 to {MAX_ID}, or a string of 1 to {MAX_EXTERNAL_ID} characters"
)


def parse(body: bytes) -> list[Change | Rejection]:
    """Parse each line that is not blank. Raises Problem 413 for too many."""
    lines = ndjson_lines(body, MAX_LINES)
    if lines is None:
        raise Problem(413, "too_many_lines", f"a batch may have at most {MAX_LINES} lines")
    return [parse_line(line) for line in lines]


def parse_line(line: bytes) -> Change | Rejection:
    """Parse ``{"kind": ..., "id": ..., ...}`` or ``{"kind": ..., "id": ..., "delete": true}``."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        return Rejection("malformed_json", "expected one JSON object in UTF-8")
    if not isinstance(given, dict):
        return Rejection("not_an_object", "expected a JSON object")
    kind, identifier = given.pop("kind", None), given.pop("id", None)
    is_delete = given.pop("delete", None)
    rejections = [] if is_id(identifier) else [Rejection("invalid_id", _ID_RULE)]
    content = None
    if kind not in list(Kind):
        rejections.insert(0, Rejection("invalid_kind", f"kind: expected one of {', '.join(Kind)}"))
    elif not isinstance(is_delete, bool | None):
        rejections.append(Rejection("invalid_content", "delete: expected true or false"))
    elif is_delete and any(value is not None for value in given.values()):
        rejections.append(Rejection("invalid_content", "delete: expected kind and id only"))
    elif not is_delete:
        try:
            content = MODELS[Kind(kind)].model_validate(given)
        except ValidationError as error:
            rejections.append(Rejection("invalid_content", describe_errors(Kind(kind), error)))
    if rejections:
        return Rejection(
            rejections[0].error, "; ".join(rejection.detail for rejection in rejections)
        )
    return Change(kind=kind, id=identifier, content=content)


def is_id(value: Any) -> bool:
    """Return whether a value is a number or an external ID that can be stored."""
    if isinstance(value, int) and not isinstance(value, bool):
        return 1 <= value <= MAX_ID
    return isinstance(value, str) and is_external_id(value)


def describe_errors(kind: Kind, error: ValidationError) -> str:
    """Describe the errors of an author, post or user, without any input."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    sentences = list(dict.fromkeys(map(describe, found)))[:_MAX_ERRORS]
    if any(each["type"] == "extra_forbidden" for each in found):
        sentences.append(f"known are {', '.join(MODELS[kind].model_fields)}")
    return "; ".join(sentences)
