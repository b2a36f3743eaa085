"""The packages have plain names: no dependency may have one of the same name."""

import tomllib
from importlib.metadata import distributions
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PACKAGES = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]


def test_every_package_at_the_top_is_in_the_wheel_or_a_checkouts_own() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    assert found - {"audit", "bench"} == set(PACKAGES)
    assert found == set(PROJECT["tool"]["mypy"]["packages"])


def test_no_other_distribution_has_one_of_our_import_names() -> None:
    taken = {
        (distribution.name, name)
        for distribution in distributions()
        if distribution.name != PROJECT["project"]["name"]
        for file in distribution.files or ()
        if (name := file.parts[0].removesuffix(".py")) in PACKAGES
    }

    assert taken == set()
