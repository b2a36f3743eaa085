"""Ports that no other stack of this user takes: each is leased by a lock as long as it is used.

A server binds its port some time after the port was chosen. Two stacks that start at the same
time would choose the same one, so the choice is held by a lock on one byte of a file, the one
at the port's number, which the kernel drops with its holder.
"""

import errno
import fcntl
import socket
from pathlib import Path
from typing import BinaryIO, Final, Self

import msgspec

from engage.embedded import ports
from engage.embedded.cache import cache_folder
from engage.embedded.errors import PortTaken, explain_os_error
from engage.embedded.files import write_whole

BACKLOG: Final = 2048
_LOCKS: Final = "ports.lock"


class PortLeases:
    """The ports of one stack, by what they are for."""

    def __init__(self, remembered: Path) -> None:
        """Read the ports of the last run from *remembered*; they are preferred."""
        self._path = remembered
        self._locks = _open_locks()
        self._ports: dict[str, int] = {}
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
            PortTaken: the port that was asked for is in use.
        """
        if asked:
            if not ports.is_free(asked) or not self._lease(asked):
                raise PortTaken(f"port {asked} is in use: choose another, or 0 for any free one")
            return self._note(purpose, asked)
        wishes = [self._before.get(purpose, 0), usual] if asked is None else []
        for port in wishes:
            if port and ports.is_free(port) and self._lease(port):
                return self._note(purpose, port)
        leased_elsewhere: set[int] = set()
        while True:
            port = ports.pick(avoid=leased_elsewhere | set(self._ports.values()))
            if self._lease(port):
                return self._note(purpose, port)
            leased_elsewhere.add(port)

    def remember(self) -> None:
        """Keep the ports for the next run."""
        write_whole(self._path, msgspec.json.encode(self._ports))

    def _note(self, purpose: str, port: int) -> int:
        self._ports[purpose] = port
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
        return path.open("ab")
    except OSError as error:
        raise explain_os_error(error, path) from error


def listen(port: int) -> socket.socket:
    """Return a listening socket on loopback that processes can inherit.

    It listens from the start and as long as its owner lives, so that requests wait instead of
    being refused while a worker starts again.

    Raises:
        PortTaken: another program was faster.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((ports.LOOPBACK, port))
    except OSError as error:
        listener.close()
        raise PortTaken(f"port {port} is in use: choose another, or 0 for any free one") from error
    listener.listen(BACKLOG)
    listener.setblocking(False)
    return listener
