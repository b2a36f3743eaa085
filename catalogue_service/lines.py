"""Lines of NDJSON as changes of the catalogue, or what is wrong with each. Pure."""

import json
from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError

from catalogue_service.models import MODELS, Item, Kind
from catalogue_service.store import Refusal
from schema.event import MAX_EXTERNAL_ID, MAX_ID, is_external_id
from schema.problems import told

MAX_LINES: Final = 1_000
_MAX_FAULTS: Final = 5


def parse(body: bytes) -> Iterator[Item | Refusal]:
    """Yield what each line that is not blank says."""
    for line in body.split(b"\n"):
        if line.strip():
            yield item(line)


def item(line: bytes) -> Item | Refusal:
    """Read ``{"kind": ..., "id": ..., ...}``, or ``{"kind": ..., "id": ..., "delete": true}``."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError):
        return Refusal("malformed_json", "expected one JSON object in UTF-8")
    if not isinstance(given, dict):
        return Refusal("not_an_object", "expected a JSON object")
    kind, identifier = given.pop("kind", None), given.pop("id", None)
    if kind not in list(Kind):
        return Refusal("invalid_kind", f"kind: expected one of {', '.join(Kind)}")
    if not is_id(identifier):
        return Refusal(
            "invalid_id",
            f"id: expected an integer from 1 to {MAX_ID}, or a text of 1 to {MAX_EXTERNAL_ID}"
            " characters",
        )
    return _item(Kind(kind), identifier, given)


def _item(kind: Kind, identifier: int | str, given: dict[str, Any]) -> Item | Refusal:
    if given == {"delete": True}:
        return Item(kind=kind, id=identifier, content=None)
    try:
        content = MODELS[kind].model_validate_json(json.dumps(given))
    except ValidationError as error:
        return Refusal("invalid_content", faults(error))
    return Item(kind=kind, id=identifier, content=content)


def is_id(value: Any) -> bool:
    """Tell whether *value* is a number or an external id that may be stored."""
    if isinstance(value, int) and not isinstance(value, bool):
        return 1 <= value <= MAX_ID
    return isinstance(value, str) and is_external_id(value)


def faults(error: ValidationError) -> str:
    """Return what is wrong, the first few things of it, without any input."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return "; ".join(map(told, found[:_MAX_FAULTS]))
