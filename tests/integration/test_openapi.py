"""The services do what their OpenAPI documents say, for requests made from these documents."""

import asyncio
import os
from typing import Any

import hypothesis
import pytest
import schemathesis
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.integration.conftest import Service

EXAMPLES = int(os.environ.get("ENGAGE_TEST_OPENAPI_EXAMPLES", "25"))
"""For each operation, right ones and as many wrong ones."""
SEED = int(os.environ.get("ENGAGE_TEST_OPENAPI_SEED", "1"))

schemathesis.serializer.alias("application/x-ndjson", "text/plain")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.mark.parametrize("mode", GenerationMode, ids=lambda mode: mode.value)
async def test_answers_have_the_documented_statuses_and_schemas(
    service: Service, mode: GenerationMode
) -> None:
    async with service.session.get("/openapi.json") as answer:
        document = await answer.json()
    asked, failures = await asyncio.to_thread(exercise, service, document, mode)

    assert not failures, "\n".join(failures)
    assert asked > EXAMPLES


def exercise(
    service: Service, document: dict[str, Any], mode: GenerationMode
) -> tuple[int, list[str]]:
    """Send what the document describes, or what it rules out.

    Returns the number of requests, and of each operation what its answers break.
    """
    asked, failures = 0, []
    headers = {"Authorization": f"Bearer {service.key}"}
    for operation in schemathesis.openapi.from_dict(document).get_all_operations():

        @hypothesis.seed(SEED)
        @hypothesis.settings(
            max_examples=EXAMPLES,
            database=None,
            deadline=None,
            suppress_health_check=list(hypothesis.HealthCheck),
        )
        @hypothesis.given(case=operation.ok().as_strategy(mode))
        def ask(case: Case) -> None:
            nonlocal asked
            asked += 1
            case.call_and_validate(base_url=service.url, headers=headers, checks=CHECKS)

        try:
            ask()
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE  # nothing can be wrong without parameters
        except FailureGroup as found:
            failures += map(str, found.exceptions)
    return asked, failures
