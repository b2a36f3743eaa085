"""Files that appear complete or not at all: made beside their place, then renamed."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engage.embedded.errors import explain_os_error


@contextmanager
def staging(folder: Path) -> Iterator[Path]:
    """Yield a private folder on the same file system as *folder*, removed afterwards."""
    try:
        place = Path(tempfile.mkdtemp(prefix=".making-", dir=folder))
    except OSError as error:
        raise explain_os_error(error, folder) from error
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def write_whole(path: Path, content: bytes) -> None:
    """Replace *path* by *content*, readable by its owner only; never seen half written."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
