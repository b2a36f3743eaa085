"""Every code that a service may answer with is explained, and no other."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

from schema.codes import CODES
from schema.event import Draft
from web.docs_page import render
from web.problems import Problem

ROOT = Path(__file__).parents[3]
SERVICES = ("schema", "runtime", "web", "ingest_service", "analytics_api", "catalogue_service")
# Which argument of what is called is a code.
PLACES = {
    "Problem": 1, "InvalidEvent": 0, "EnvelopeError": 1, "EventError": 1, "Rejection": 0,
    "reject": 0, "unavailable": 0, "_unreadable": 0, "_rejected": 1,
}  # fmt: skip
# Made from the names of fields and kinds, or by a table.
OTHERS = {
    *(f"invalid_{name}" for name in Draft.__struct_fields__),
    *("unknown_author", "unknown_post", "unknown_user", "no_valid_event"),
    *("malformed_body", "not_found", "method_not_allowed", "http_error"),
}


def codes_in(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            place = PLACES.get(name)
            argument = node.args[place] if place is not None and len(node.args) > place else None
            if isinstance(argument, ast.Constant):
                yield argument.value


def test_every_code_is_explained_and_no_other() -> None:
    files = [file for service in SERVICES for file in (ROOT / service).rglob("*.py")]
    used = {code for file in files for code in codes_in(file.read_text(encoding="utf-8"))}

    assert used | OTHERS == set(CODES)


def test_type_of_a_problem_leads_to_its_explanation() -> None:
    page = render({"info": {"title": "a service", "version": "1"}, "paths": {}})

    for code in CODES:
        document = json.loads(Problem(400, code, "").body)
        assert document["type"] == f"/docs#{code}"
        assert f'id="{code}"' in page
