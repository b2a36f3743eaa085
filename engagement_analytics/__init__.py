"""The distribution's own import name.

A wheel holds the project's packages (``schema``, ``consumer``, ...) in ``_packages``, so that
their plain names never shadow or collide with another distribution's. Only processes of this
project search that folder. A checkout has no such folder: its root is on the path already.
"""

import sys
from pathlib import Path


def add_packages_to_path() -> None:
    """Let this process, and those that it spawns, import the packages of the wheel."""
    packages = Path(__file__).with_name("_packages")
    if packages.is_dir() and str(packages) not in sys.path:
        sys.path.insert(0, str(packages))
