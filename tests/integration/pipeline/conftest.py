"""Failed comparisons of the pipeline's state are explained like those of tests."""

import pytest

pytest.register_assert_rewrite(
    *(f"tests.integration.pipeline.{name}" for name in ("harness", "invariants", "machine"))
)
