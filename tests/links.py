"""Links and pipes that an unprivileged user may place in a folder which root writes to."""

import fcntl
import os
import pwd
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

IS_ROOT: Final = os.geteuid() == 0
OTHER_UID: Final = pwd.getpwnam("nobody").pw_uid if IS_ROOT else os.geteuid()
"""The unprivileged user; the caller when the tests do not run as root."""
KINDS: Final = ("symlink", "dangling symlink", "hard link", "pipe")
SECRET: Final = b'{"secret": "of root"}'


class ProtectedFile:
    """A file outside of the folder, with its state before the test."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "secret"
        self.missing = folder / "missing"
        self.path.write_bytes(SECRET)
        self.path.chmod(0o600)
        self._before = self._state()

    def link(self, kind: str, at: Path) -> None:
        """Place a link to this file, or a pipe, at *at*."""
        if kind == "symlink":
            at.symlink_to(self.path)
        elif kind == "dangling symlink":
            at.symlink_to(self.missing)
        elif kind == "hard link":
            at.hardlink_to(self.path)
        else:
            os.mkfifo(at)

    def assert_untouched(self) -> None:
        """Assert that content, owner and mode are unchanged, and nothing was created."""
        assert self.path.read_bytes() == SECRET
        assert self._state() == self._before
        assert not self.missing.exists()

    def _state(self) -> tuple[int, int, int]:
        found = self.path.stat()
        return found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)


@contextmanager
def locked_by_another_user(folder: Path) -> Iterator[None]:
    """Let a process of the other user hold every lock that it can get in *folder*."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        if IS_ROOT:
            os.setgroups([])
            os.setuid(OTHER_UID)
        held = [handle]
        for name in os.listdir(handle):  # noqa: PTH208  (of a descriptor)
            try:
                held.append(os.open(name, os.O_RDONLY | os.O_NONBLOCK, dir_fd=handle))
            except OSError:
                continue
        for descriptor in held:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.write(writable, b"x")
        os.close(writable)
        while True:
            signal.pause()
    try:
        assert os.read(readable, 1) == b"x"
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        for descriptor in (handle, readable, writable):
            os.close(descriptor)
