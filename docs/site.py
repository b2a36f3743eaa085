"""Lay the pages out for the site's builder, and check what it built; `make docs` runs both.

``python -m docs.site stage`` writes build/docs and build/mkdocs.yml. The navigation is that of
docs/index.md. Pages in the project's root are included; links to other files, such as folders of
code, become plain text.

``python -m docs.site check`` fails if a page would load anything from another host.
"""

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
BUILD: Final = ROOT / "build"
STAGED: Final = BUILD / "docs"
SITE: Final = BUILD / "site"
# The builder takes a README for a folder's index, which docs/index.md is.
_OVERVIEW: Final = "overview.md"
_LINK: Final = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])+)\]\(([^)\s]+)\)")
_IMAGE: Final = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
FOREIGN: Final = re.compile(
    r"<(?:script|img|iframe|source|video)\b[^>]*\bsrc=[\"']?(?:https?:)?//"
    r"|<link\b(?![^>]*rel=[\"']?(?:canonical|next|prev))[^>]*\bhref=[\"']?(?:https?:)?//"
    r"|@import\s+(?:url\()?[\"']?(?:https?:)?//|url\([\"']?(?:https?:)?//",
    re.IGNORECASE,
)
_CONFIGURATION: Final = """\
site_name: engagement-analytics
docs_dir: docs
site_dir: site
theme:
  name: material
  font: false
  palette:
    - media: "(prefers-color-scheme: light)"
      scheme: default
    - media: "(prefers-color-scheme: dark)"
      scheme: slate
markdown_extensions:
  - tables
  - attr_list
  - md_in_html
  - pymdownx.superfences
  - toc:
      permalink: true
nav: {navigation}
"""


def pages() -> dict[Path, str]:
    """Return the place of each page in the site, by its path."""
    inside = {path: path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    outside = {path: path.name.lower() for path in ROOT.glob("*.md")}
    return inside | outside | {ROOT / "README.md": _OVERVIEW}


def navigation() -> list[dict[str, list[dict[str, str]]]]:
    """Return the sections of docs/index.md with their pages."""
    text = (DOCS / "index.md").read_text(encoding="utf-8")
    places = pages()
    return [
        {title: [{name: places[(DOCS / to).resolve()]} for name, to in _LINK.findall(body)]}
        for title, body in re.findall(r"^## (.+)\n((?:(?!## ).*\n?)*)", text, re.MULTILINE)
    ]


def staged(path: Path, places: dict[Path, str]) -> str:
    """Return the page's text with its links as they have to be in the site."""
    here = Path(places[path]).parent

    def link(found: re.Match[str]) -> str:
        target, _, anchor = found[2].partition("#")
        if not target or re.match(r"\w+:", target):
            return found[0]
        place = places.get((path.parent / target).resolve())
        to = os.path.relpath(place, here) if place else ""
        return f"[{found[1]}]({to}{'#' * bool(anchor)}{anchor})" if place else found[1]

    def image(found: re.Match[str]) -> str:
        at = (path.parent / found[2]).resolve().relative_to(DOCS)
        return f"![{found[1]}]({os.path.relpath(at, here)})"

    return _IMAGE.sub(image, _LINK.sub(link, path.read_text(encoding="utf-8")))


def stage() -> None:
    """Write what the site's builder reads."""
    shutil.rmtree(STAGED, ignore_errors=True)
    shutil.copytree(DOCS / "images", STAGED / "images")
    places = pages()
    for path, place in places.items():
        target = STAGED / place
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(staged(path, places), encoding="utf-8")
    sections = [{"Overview": ["index.md", _OVERVIEW]}, *navigation()]
    text = _CONFIGURATION.format(navigation=json.dumps(sections))
    (BUILD / "mkdocs.yml").write_text(text, encoding="utf-8")


def foreign() -> list[str]:
    """Return what the built site would load from other hosts."""
    files = [path for path in SITE.rglob("*") if path.suffix in {".html", ".css"}]
    return [
        f"{path.relative_to(SITE)}: {found[0]}"
        for path in files
        for found in FOREIGN.finditer(path.read_text(encoding="utf-8"))
    ]


def main() -> int:
    """Do what the command line says."""
    if sys.argv[1:] == ["stage"]:
        stage()
        return 0
    if not (SITE / "index.html").exists():
        print("no site was built", file=sys.stderr)
        return 1
    found = foreign()
    print("\n".join(found) or f"{SITE}: nothing is loaded from another host")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
