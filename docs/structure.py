"""Print the size of the code base: ``python -m docs.structure``, or `make structure`."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
_NOT_SOURCES: Final = {"build", "dist"}
_PAGES: Final = ("README.md", "CONTRIBUTING.md", "SECURITY.md")


def sources(suffix: str) -> dict[str, list[Path]]:
    """Return the files with a suffix by their folder in the root."""
    found: dict[str, list[Path]] = {}
    for path in sorted(ROOT.rglob(f"*{suffix}")):
        folder = path.relative_to(ROOT).parts[0]
        if not folder.startswith(".") and folder not in _NOT_SOURCES:
            found.setdefault(folder, []).append(path)
    return found


def lines(paths: Iterable[Path]) -> int:
    """Return the number of lines of files."""
    return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)


def files_of_an_event() -> list[str]:
    """Return the files that docs/architecture.md names on the path of an event."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    section = page.partition("## The path of an event\n")[2].partition("\n## ")[0]
    return list(dict.fromkeys(re.findall(r"`([\w/]+\.py)`", section)))


def words() -> int:
    """Return the number of words of the documentation, the generated reference included."""
    pages = [*(ROOT / name for name in _PAGES), *(ROOT / "docs").rglob("*.md")]
    return sum(len(page.read_text(encoding="utf-8").split()) for page in pages)


def main() -> None:
    """Print lines by package, and the totals."""
    python = sources(".py")
    tests = lines(python.pop("tests"))
    for package, paths in python.items():
        print(f"{lines(paths):8,} {package} ({len(paths)} files)")
    print(f"{sum(map(lines, python.values())):8,} lines of Python without tests")
    print(f"{tests:8,} lines of Python in tests")
    print(f"{sum(map(lines, sources('.sql').values())):8,} lines of SQL")
    print(f"{len(files_of_an_event()):8,} files on the path of an event")
    print(f"{words():8,} words of documentation")


if __name__ == "__main__":
    main()
