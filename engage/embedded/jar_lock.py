"""Which jars are wanted: ``jgo.lock.toml`` has each with its sha256.

It is made from ``jgo.toml`` by ``jgo --resolver python lock``.
"""

import hashlib
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from engage.embedded.errors import JarRefused

LOCK_FILE: Final = Path(__file__).with_name("jgo.lock.toml")


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def filename(self) -> str:
        """The name it is kept under."""
        return f"{self.artifact}-{self.version}.jar"

    def is_in(self, path: Path) -> bool:
        """Whether a file has the locked content."""
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == self.sha256


@cache
def locked_jars() -> tuple[Jar, ...]:
    """Return every jar of the lock file, in its order, which the class path keeps."""
    entries = tomllib.loads(LOCK_FILE.read_text(encoding="utf-8"))["dependencies"]
    return tuple(Jar(e["groupId"], e["artifactId"], e["version"], e["sha256"]) for e in entries)


def refusal(jar: Jar) -> JarRefused:
    """Return the error of a jar that is not what the lock file says."""
    return JarRefused(
        f"{jar.filename} differs from the lock file and was refused: check the mirror or proxy "
        "it came from, then start again"
    )
