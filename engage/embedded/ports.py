"""Choosing loopback ports for servers that bind a moment later."""

import random
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from engage.embedded.errors import PortTaken

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
        PortTaken: not one port is free.
    """
    taken = set(avoid)
    if preferred and preferred not in taken and is_free(preferred):
        return preferred
    candidates = range(_LOWEST, max(_ephemeral_lowest(), _LOWEST + 1000))
    for port in random.sample(candidates, len(candidates)):
        if port not in taken and is_free(port):
            return port
    raise PortTaken(f"no port of {LOOPBACK} is free: end some programs that listen")


def require_free(port: int, user: str) -> None:
    """Raise PortTaken if *user*, such as ``Kafka``, could not listen on *port*."""
    if not is_free(port):
        raise PortTaken(f"port {port} is taken: end what listens there, or give {user} another")


def _ephemeral_lowest() -> int:
    try:
        return int(_EPHEMERAL.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _EPHEMERAL_LOWEST
