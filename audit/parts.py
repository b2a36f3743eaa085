"""Every part that is locked somewhere in this repository."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from engage.embedded.jars import LOCK_FILE, locked_jars

ROOT: Final = Path(__file__).parents[1]
OWN_IMAGE: Final = "engagement-analytics"
# Where images are named: Compose and Kubernetes, Dockerfiles, the tests' containers.
_IMAGE_NAMES: Final = (
    ("*.yml", re.compile(r"^\s*(?:-\s+)?image:\s*[\"']?([^\s\"'#]+)", re.MULTILINE)),
    ("*.yaml", re.compile(r"^\s*(?:-\s+)?image:\s*[\"']?([^\s\"'#]+)", re.MULTILINE)),
    ("Dockerfile*", re.compile(r"^(?:FROM|ARG \w*IMAGE=)\s*([^\s$]+)", re.MULTILINE)),
    ("backends.py", re.compile(r"^\w*IMAGE = \"([^\"]+)\"", re.MULTILINE)),
)
_SKIPPED: Final = frozenset({".git", ".venv", ".uv", ".audit", "build", "dist", "node_modules"})
_PIN: Final = re.compile(
    r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;\\]+)\s*(;[^\\\n]*)?", re.MULTILINE
)


@dataclass(frozen=True, order=True)
class Part:
    """One locked part.

    Attributes:
        name: its kind and its name there, such as ``jar:org.apache.kafka:kafka-clients``.
        version: as locked; of an image, its tag without the digest.
        place: the file that locks it, relative to the repository.
    """

    name: str
    version: str
    place: str


def python_locks() -> list[Path]:
    """Return every lock file of Python packages."""
    return sorted((ROOT / "requirements").glob("*.lock"))


def pins(lock: Path) -> list[tuple[str, str, str]]:
    """Return name, version and environment marker of each package of a lock file."""
    found = _PIN.findall(lock.read_text(encoding="utf-8"))
    return [(name, version, marker.strip()) for name, version, marker in found]


def jars() -> list[Part]:
    """Return every locked jar, the dashboard's libraries among them."""
    place = LOCK_FILE.relative_to(ROOT).as_posix()
    return [Part(f"jar:{j.group}:{j.artifact}", j.version, place) for j in locked_jars()]


def images() -> list[Part]:
    """Return every image of others that a file of this repository names."""
    found = set()
    for pattern, names in _IMAGE_NAMES:
        for path in ROOT.rglob(pattern):
            place = path.relative_to(ROOT)
            if not _SKIPPED & set(place.parts):
                text = path.read_text(encoding="utf-8")
                found |= {_image(name, place.as_posix()) for name in names.findall(text)}
    return sorted(part for part in found if part.name != f"image:{OWN_IMAGE}")


def _image(reference: str, place: str) -> Part:
    name, _, tag = reference.partition("@")[0].partition(":")
    return Part(f"image:{name}", tag, place)
