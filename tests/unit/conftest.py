"""A protected file, and a folder in which another user may place links to it."""

import os
from pathlib import Path

import pytest

from tests.links import OTHER_UID, ProtectedFile


@pytest.fixture
def protected_file(tmp_path: Path) -> ProtectedFile:
    """A file without permissions."""
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    return ProtectedFile(folder)


@pytest.fixture
def foreign_folder(tmp_path: Path) -> Path:
    """A folder of another user; of the caller, where the tests do not run as root."""
    folder = tmp_path / "services"
    folder.mkdir(mode=0o700)
    os.chown(folder, OTHER_UID, -1)
    return folder
