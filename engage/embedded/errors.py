"""What can be missing when the embedded stack starts; each message ends with the fix.

SetupError
└── StackError            something of the embedded stack cannot work on this machine
    ├── PlatformUnsupported   no wheel with these binaries for this machine
    ├── DownloadFailed        a jar is neither cached nor to be had
    ├── JarRefused            a jar's content is not what the lock file says
    ├── PortTaken             another program listens where a server wants to
    ├── DiskFull              no space left
    ├── NotPermitted          a folder cannot be written, or a user not be changed
    └── ServerFailed          a server ended or did not answer in time; its log says why
"""

# ruff: noqa: N818  (named for what is wrong, as in schema.errors)

import errno
from pathlib import Path

from schema.errors import SetupError


class StackError(SetupError):
    """Something of the embedded stack cannot work on this machine."""


class PlatformUnsupported(StackError):
    """There is no wheel with these binaries for this machine."""


class DownloadFailed(StackError):
    """A jar is neither cached nor to be had from the network."""


class JarRefused(StackError):
    """A jar's content differs from the lock file; it is never run."""


class PortTaken(StackError):
    """Another program listens where a server wants to."""


class DiskFull(StackError):
    """No space is left where the stack keeps its data."""


class NotPermitted(StackError):
    """A folder cannot be written, or a process cannot change its user."""


class ServerFailed(StackError):
    """A server ended, or did not answer in time. The message carries the end of its log."""


def explain_os_error(error: OSError, path: Path) -> StackError:
    """Turn an operating system's refusal at *path* into an error that names the fix."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"no space left for {path}: free some, or choose another --dir")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return NotPermitted(f"{path} cannot be written: choose another --dir, or fix its owner")
    return StackError(f"{path}: {error.strerror or error}")
