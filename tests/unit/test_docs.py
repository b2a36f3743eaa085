"""What the documents say is what there is."""

import re
from pathlib import Path

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
