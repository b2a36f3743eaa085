"""Loopback ports: free ones, those leased by stacks of this user, and listening sockets."""

import errno
import fcntl
import random
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, Final, Self

import msgspec

from engage.embedded.machine import StackError, cache_folder, explain_os_error
from runtime.files import open_append, replace_file

LOOPBACK: Final = "127.0.0.1"
_LOWEST: Final = 20000
_EPHEMERAL: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_EPHEMERAL_LOWEST: Final = 32768


def is_free(port: int) -> bool:
    """Return whether a server could listen on *port* of loopback at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections that linger in TIME_WAIT do not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def pick(preferred: int = 0, *, avoid: Iterable[int] = ()) -> int:
    """Return *preferred* if it is free, else a free port not in *avoid*.

    The others lie below the range the kernel takes outgoing connections' ports from, so that
    no client can slip in before the server binds.

    Raises:
        StackError: not one port is free.
    """
    taken = set(avoid)
    if preferred and preferred not in taken and is_free(preferred):
        return preferred
    candidates = range(_LOWEST, max(_ephemeral_lowest(), _LOWEST + 1000))
    for port in random.sample(candidates, len(candidates)):
        if port not in taken and is_free(port):
            return port
    raise StackError(f"no port of {LOOPBACK} is free: end some programs that listen")


def require_free(port: int, user: str) -> None:
    """Raise StackError if *user*, such as ``Kafka``, could not listen on *port*."""
    if not is_free(port):
        raise StackError(f"port {port} is taken: end what listens there, or give {user} another")


def _ephemeral_lowest() -> int:
    try:
        return int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _EPHEMERAL_LOWEST


BACKLOG: Final = 2048
_LOCKS: Final = "ports.lock"


class PortLeases:
    """The ports of one stack, by what they are for.

    Attributes:
        replaced: which preferred ports were in use, and which others were leased in their place.
    """

    def __init__(self, remembered: Path) -> None:
        """Read the ports of the last run from *remembered*; they are preferred."""
        self._path = remembered
        self._locks = _open_locks()
        self._ports: dict[str, int] = {}
        self.replaced: list[str] = []
        try:
            self._before = msgspec.json.decode(remembered.read_bytes(), type=dict[str, int])
        except (OSError, msgspec.MsgspecError):
            self._before = {}

    def take(self, purpose: str, *, asked: int | None = None, usual: int = 0) -> int:
        """Lease a free port.

        Args:
            purpose: its name in this stack.
            asked: this very port; 0: any; None: that of the last run, else the usual one.
            usual: the preferred port where nothing is asked.

        Raises:
            StackError: the port that was asked for is in use.
        """
        if asked:
            if not is_free(asked) or not self._lease(asked):
                raise StackError(f"port {asked} is in use: choose another, or 0 for any free one")
            return self._record(purpose, asked)
        wishes = [self._before.get(purpose, 0), usual] if asked is None else []
        preferred = next(filter(None, wishes), 0)
        for port in wishes:
            if port and is_free(port) and self._lease(port):
                return self._record(purpose, port, preferred)
        leased_elsewhere: set[int] = set()
        while True:
            port = pick(avoid=leased_elsewhere | set(self._ports.values()))
            if self._lease(port):
                return self._record(purpose, port, preferred if usual else 0)
            leased_elsewhere.add(port)

    def remember(self) -> None:
        """Keep the ports for the next run."""
        replace_file(self._path, msgspec.json.encode(self._ports))

    def _record(self, purpose: str, port: int, preferred: int = 0) -> int:
        self._ports[purpose] = port
        if preferred and port != preferred:
            self.replaced.append(f"port {preferred} is in use: {purpose} listens on {port}")
        return port

    def _lease(self, port: int) -> bool:
        if port in self._ports.values():
            return False
        try:
            fcntl.lockf(self._locks, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except OSError as error:
            if error.errno in (errno.EACCES, errno.EAGAIN):
                return False
            raise explain_os_error(error, cache_folder()) from error
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._locks.close()


def _open_locks() -> BinaryIO:
    path = cache_folder() / _LOCKS
    try:
        return open_append(path)
    except OSError as error:
        raise explain_os_error(error, path) from error


def listen(port: int) -> socket.socket:
    """Return a listening socket on loopback that processes can inherit.

    It listens from the start and as long as its owner lives, so that requests wait instead of
    being refused while a worker starts again.

    Raises:
        StackError: another program was faster.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise StackError(f"port {port} is in use: choose another, or 0 for any free one") from error
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener
