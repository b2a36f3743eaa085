"""Read and write files in folders of other users, who may have put links or pipes there.

If root follows a link in a folder of an unprivileged user, that user can direct it to any file,
and a named pipe would block it forever. So these functions open regular files only, follow no link
in the last part of a path, and set owner and mode through the open descriptor.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO, Final, NamedTuple

_MAX_READ_BYTES: Final = 64 * 1024 * 1024
_PRIVATE: Final = 0o600
_DEVICES: Final = Path("/dev")
_SAFE_FLAGS: Final = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Owner(NamedTuple):
    """The user and the group of a file."""

    uid: int
    gid: int


def open_regular(
    path: Path | str, flags: int, *, mode: int = 0o600, folder: int | None = None
) -> int:
    """Open a regular file and return its descriptor.

    Args:
        path: the file; relative to *folder* where that is given.
        flags: of ``os.open``.
        mode: of the file where it is created.
        folder: the descriptor of a folder.

    Raises:
        OSError: it cannot be opened, is a link, a pipe or a device, or is opened for writing
            and has other hard links.
    """
    try:
        descriptor = os.open(path, flags | _SAFE_FLAGS, mode, dir_fd=folder)
    except OSError as error:
        # ENXIO: a pipe without a reader.
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise _unsafe(path) from None
        raise
    found = os.fstat(descriptor)
    is_written = flags & (os.O_WRONLY | os.O_RDWR)
    if not stat.S_ISREG(found.st_mode) or (is_written and found.st_nlink > 1):
        os.close(descriptor)
        raise _unsafe(path)
    return descriptor


def read_regular(path: Path | str, *, folder: int | None = None) -> bytes:
    """Return the content of a regular file that is not a link. Raises OSError."""
    return _read(open_regular(path, os.O_RDONLY, folder=folder), path)


def read_linked(path: Path) -> bytes:
    """Return the content of a regular file, also through links, as Kubernetes mounts files.

    Raises:
        OSError: it cannot be read, or is a pipe or a device.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise _unsafe(path)
    return _read(descriptor, path)


def open_append(path: Path) -> BinaryIO:
    """Open a log file to append to, readable by its owner only. Raises OSError."""
    descriptor = open_regular(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if stat.S_IMODE(os.fstat(descriptor).st_mode) & ~_PRIVATE:
        os.fchmod(descriptor, _PRIVATE)
    return os.fdopen(descriptor, "ab")


def replace_file(  # noqa: PLR0913  (its callers name them)
    path: Path | str,
    content: bytes,
    *,
    folder: int | None = None,
    mode: int = 0o600,
    owner: Owner | None = None,
    is_durable: bool = False,
) -> None:
    """Replace the content of a file atomically.

    Args:
        path: the file; relative to *folder* where that is given.
        content: the new content.
        folder: the descriptor of the file's folder.
        mode: of the file.
        owner: of the file; None: the caller.
        is_durable: sync the file and its folder to the disk.

    Raises:
        OSError: it cannot be written, or *path* exists and is not a regular file.
    """
    with _descriptor_of(path, folder) as (place, name), _temporary(place, name) as fresh:
        with os.fdopen(os.dup(fresh.descriptor), "wb") as file:
            file.write(content)
        if owner is not None:
            os.fchown(fresh.descriptor, *owner)
        os.fchmod(fresh.descriptor, mode)
        if is_durable:
            os.fsync(fresh.descriptor)
        fresh.rename()
        if is_durable:
            os.fsync(place)


@contextmanager
def new_file(path: Path) -> Iterator[IO[str]]:
    """Yield a text file that is renamed to *path* when the block ends without an exception.

    Only its owner may read it. Devices such as /dev/stdout are written directly.

    Raises:
        OSError: as ``replace_file``.
    """
    if _DEVICES in path.absolute().parents:
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
        return
    with _descriptor_of(path, None) as (place, name), _temporary(place, name) as fresh:
        with os.fdopen(os.dup(fresh.descriptor), "w", encoding="utf-8", newline="") as file:
            yield file
        fresh.rename()


class _Temporary(NamedTuple):
    """A file under a random name in a folder, until it is renamed."""

    folder: int
    descriptor: int
    temporary_name: str
    name: str

    def rename(self) -> None:
        _require_replaceable(self.name, self.folder)
        os.rename(self.temporary_name, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)


@contextmanager
def _descriptor_of(path: Path | str, folder: int | None) -> Iterator[tuple[int, str]]:
    """Yield the descriptor of a file's folder, and the file's name in it."""
    if folder is not None:
        yield folder, str(path)
        return
    whole = Path(path)
    descriptor = os.open(whole.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor, whole.name
    finally:
        os.close(descriptor)


@contextmanager
def _temporary(folder: int, name: str) -> Iterator[_Temporary]:
    """Yield an empty private file, which is deleted unless it was renamed."""
    _require_replaceable(name, folder)
    temporary_name = f".{name[:100]}-{secrets.token_hex(8)}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(temporary_name, flags, 0o600, dir_fd=folder)
    try:
        yield _Temporary(folder, descriptor, temporary_name, name)
    finally:
        os.close(descriptor)
        with suppress(FileNotFoundError):
            os.unlink(temporary_name, dir_fd=folder)


def _require_replaceable(name: str, folder: int) -> None:
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            raise _unsafe(name)


def _read(descriptor: int, path: Path | str) -> bytes:
    with os.fdopen(descriptor, "rb") as file:
        content = file.read(_MAX_READ_BYTES + 1)
    if len(content) > _MAX_READ_BYTES:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(path))
    return content


def _unsafe(path: Path | str) -> OSError:
    return OSError(errno.EINVAL, "it is a link, a pipe or a device, not a regular file", str(path))
