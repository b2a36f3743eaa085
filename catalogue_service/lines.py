"""Lines of NDJSON as changes of the catalogue, or what is wrong with each. Pure."""

import json
from collections.abc import Iterator
from typing import Any, Final

from pydantic import ValidationError

from catalogue_service.models import MODELS, Item, Kind
from catalogue_service.store import Refusal
from schema.event import MAX_EXTERNAL_ID, MAX_ID, is_external_id
from schema.http.problems import told

MAX_LINES: Final = 1_000
_MAX_FAULTS: Final = 15
"""More than a thing has fields; only a list of many wrong values has more."""
_ID_RULE: Final = (
    f"id: expected an integer from 1 to {MAX_ID}, or a text of 1 to {MAX_EXTERNAL_ID} characters"
)


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
    refusals = [] if is_id(identifier) else [Refusal("invalid_id", _ID_RULE)]
    content = None
    if kind not in list(Kind):
        refusals.insert(0, Refusal("invalid_kind", f"kind: expected one of {', '.join(Kind)}"))
    elif given != {"delete": True}:
        try:
            content = MODELS[Kind(kind)].model_validate_json(json.dumps(given))
        except ValidationError as error:
            refusals.append(Refusal("invalid_content", faults(Kind(kind), error)))
    if refusals:
        return Refusal(refusals[0].error, "; ".join(refusal.detail for refusal in refusals))
    return Item(kind=kind, id=identifier, content=content)


def is_id(value: Any) -> bool:
    """Tell whether *value* is a number or an external id that may be stored."""
    if isinstance(value, int) and not isinstance(value, bool):
        return 1 <= value <= MAX_ID
    return isinstance(value, str) and is_external_id(value)


def faults(kind: Kind, error: ValidationError) -> str:
    """Return what is wrong with a thing of this kind, without any input."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    sentences = list(dict.fromkeys(map(told, found)))[:_MAX_FAULTS]
    if any(fault["type"] == "extra_forbidden" for fault in found):
        sentences.append(f"known are {', '.join(MODELS[kind].model_fields)}")
    return "; ".join(sentences)
