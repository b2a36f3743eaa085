"""What the documents say is what there is."""

import re
from pathlib import Path

import pytest

from engage.configuration import settings_table

ROOT = Path(__file__).parents[2]


def test_the_readmes_table_has_every_setting_with_its_default() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"<!-- settings -->\n(.*?)\n<!-- /settings -->", readme, re.DOTALL)

    assert found, "the README has no table of settings"
    assert found[1] == settings_table(), "write it anew with `engage config table`"


def test_links_to_files_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


FAULTS = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(tests/\S+?)`", FAULTS))))
def test_the_tests_that_the_faults_name_exist(named: str) -> None:
    path, _, name = named.partition("::")

    assert f"def {name}(" in (ROOT / path).read_text(encoding="utf-8")


def test_every_fault_has_a_row_and_every_test_of_one_is_in_it() -> None:
    rows = dict.fromkeys((f"F{number}" for number in range(1, 41)), "")
    for fault, row in re.findall(r"^\| (F\d+) \|(.*)$", FAULTS, re.MULTILINE):
        rows[fault] += row
    assert all("::test_" in row for row in rows.values())
    for path in (ROOT / "tests" / "faults").glob("test_*.py"):
        for name, number in re.findall(r"def (test_f(\d+)_\w+)", path.read_text(encoding="utf-8")):
            assert name in rows[f"F{number}"]
