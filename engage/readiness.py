"""Asking processes whether they do their work."""

import asyncio
import http.client
import socket
from typing import Final

from engage.embedded.ports import LOOPBACK

_ANSWER_SECONDS: Final = 2.0
_MAX_REASON = 200


async def not_ready(side_port: int) -> str | None:
    """Return why the process with this side port is not ready, or None when it is."""
    return await asyncio.to_thread(ask, side_port)


def ask(side_port: int) -> str | None:
    """Do as ``not_ready``, blocking."""
    connection = http.client.HTTPConnection(LOOPBACK, side_port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        reason = answer.read(_MAX_REASON).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException):
        return "does not answer"
    finally:
        connection.close()
    return None if answer.status == 200 else reason or f"HTTP {answer.status}"


def accepts(host: str, port: int) -> bool:
    """Return whether a server takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=_ANSWER_SECONDS):
            return True
    except OSError:
        return False
