"""The user's cache folder, with locks and staging folders, and errors that end with the remedy."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from runtime.files import open_regular
from schema.errors import SetupError

PLATFORM_FIX: Final = (
    "use Linux with glibc or macOS, on x86-64 or ARM64, or run with --stack external; if the"
    " machine is one of these, run `make setup` again, or"
    " `pip install 'engagement-analytics[embedded]'`"
)
"""The remedy where the embedded servers cannot run."""

_CACHE_FIX: Final = "set XDG_CACHE_HOME to a folder that can be written"


class StackError(SetupError):
    """Something of the embedded stack cannot work on this machine."""


def explain_os_error(error: OSError, path: Path) -> StackError:
    """Turn an operating system's refusal at *path* into an error that names the fix."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StackError(f"no space left for {path}: free some, or choose another --dir")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StackError(f"{path} cannot be written: choose another --dir, or fix its owner")
    return StackError(f"{path}: {error.strerror or error}")


def cache_folder() -> Path:
    """Return the user's cache folder of this project, made if missing.

    Raises:
        StackError: it can be neither found nor made, or its path contains a colon, which separates
            the entries of a Java class path.
    """
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # The specification ignores relative paths.
        base = Path(chosen) if Path(chosen).is_absolute() else Path.home() / ".cache"
        folder = base / "engagement-analytics"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except RuntimeError:
        raise StackError(f"this user has no home folder: {_CACHE_FIX}") from None
    except OSError as error:
        raise StackError(f"the cache folder cannot be made ({error}): {_CACHE_FIX}") from error
    if os.pathsep in str(folder):
        raise StackError(
            f"{folder} contains {os.pathsep!r}, which Java splits paths at: {_CACHE_FIX}"
        )
    return folder


@contextmanager
def locked(folder: Path, name: str) -> Iterator[None]:
    """Hold a lock among this user's processes; the kernel drops it when the holder dies."""
    try:
        descriptor = open_regular(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise StackError(f"{folder} cannot be written ({error.strerror}): {_CACHE_FIX}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


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
