"""Asking processes whether they do their work."""

import asyncio
import http.client
import socket
from typing import Final, NamedTuple

from engage.embedded.ports import LOOPBACK
from schema.http.side_port import WAITS_FOR

_ANSWER_SECONDS: Final = 2.0
_MAX_REASON = 200


class Readiness(NamedTuple):
    """What a process says of itself.

    Attributes:
        reason: why it is not ready; None: it is.
        is_for_a_person: nothing hinders its work but what a person must decide.
    """

    reason: str | None
    is_for_a_person: bool = False


async def ask_soon(side_port: int) -> Readiness:
    """Return what the process with this side port says."""
    return await asyncio.to_thread(ask, side_port)


def ask(side_port: int) -> Readiness:
    """Do as ``ask_soon``, blocking."""
    connection = http.client.HTTPConnection(LOOPBACK, side_port, timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        reason = answer.read(_MAX_REASON).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException):
        return Readiness("does not answer")
    finally:
        connection.close()
    if answer.status == 200:
        return Readiness(None)
    is_for_a_person = WAITS_FOR in answer.getheader("content-type", "")
    return Readiness(reason or f"HTTP {answer.status}", is_for_a_person)


def accepts(host: str, port: int) -> bool:
    """Return whether a server takes connections there."""
    try:
        with socket.create_connection((host, port), timeout=_ANSWER_SECONDS):
            return True
    except OSError:
        return False
