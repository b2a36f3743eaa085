"""The folder where each user keeps what is fetched or prepared once."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engage.embedded.errors import NotPermitted, StackError

_FIX = "set XDG_CACHE_HOME to a folder that can be written"


def cache_folder() -> Path:
    """Return the user's cache folder of this project, made if missing.

    Raises:
        NotPermitted: it can be neither found nor made.
        StackError: its path cannot stand in a Java class path.
    """
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # The specification ignores relative paths.
        base = Path(chosen) if Path(chosen).is_absolute() else Path.home() / ".cache"
        folder = base / "engagement-analytics"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except RuntimeError:
        raise NotPermitted(f"this user has no home folder: {_FIX}") from None
    except OSError as error:
        raise NotPermitted(f"the cache folder cannot be made ({error}): {_FIX}") from error
    if os.pathsep in str(folder):
        raise StackError(f"{folder} contains {os.pathsep!r}, which Java splits paths at: {_FIX}")
    return folder


@contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Hold a lock among this user's processes; the kernel drops it when the holder dies."""
    try:
        descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise NotPermitted(f"{folder} cannot be written ({error.strerror}): {_FIX}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
