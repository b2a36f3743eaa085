"""Exports keep every text, or encode it reversibly."""

import csv
import io
import json

import pytest

from engage.user_export import writer
from tests.external_ids import EXTERNAL_IDS


@pytest.mark.parametrize("text", EXTERNAL_IDS)
def test_external_ids_are_kept_by_exports(text: str) -> None:
    as_json, as_csv = io.StringIO(), io.StringIO()
    for file, is_csv in ((as_json, False), (as_csv, True)):
        writer(file, is_csv=is_csv)({"kind": "external_id", "external_id": text})
    [row] = csv.DictReader(io.StringIO(as_csv.getvalue(), newline=""))
    is_formula = text.startswith(("=", "+", "-", "@", "'"))

    assert json.loads(as_json.getvalue())["external_id"] == text
    assert row["external_id"] == ("'" + text if is_formula else text)
