"""uvicorn, configured for the HTTP services and for the metrics port of every process."""

import asyncio
import socket
from types import FrameType
from typing import Any, Final

import uvicorn

from web.connection import Connection

SECURITY_HEADERS: Final = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    (
        "content-security-policy",
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("cross-origin-opener-policy", "same-origin"),
)
"""The server adds them to every response, also to those that do not reach the application."""
END_STREAMS: Final = "end_streams"
"""Key of the lifespan's state under which an application has a function that ends its streams."""

_TICKS_PER_SECOND: Final = 10


def uvicorn_config(app: Any, connection: type[Connection], **options: Any) -> uvicorn.Config:
    """Return a configuration for HTTP/1.1 without uvicorn's logs and its Server header.

    *connection* requires httptools, because uvicorn's other parser allows request smuggling.
    """
    return uvicorn.Config(
        app,
        http=connection,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        **options,
    )


class Server(uvicorn.Server):
    """uvicorn's server, with a timeout for requests that do not arrive and responses not read."""

    def __init__(self, config: uvicorn.Config, arrival_timeout_seconds: float) -> None:
        super().__init__(config)
        self._arrival_timeout_seconds = arrival_timeout_seconds

    async def on_tick(self, counter: int) -> bool:
        """Check the connections once per second."""
        if counter % _TICKS_PER_SECOND == 0:
            began_before = asyncio.get_running_loop().time() - self._arrival_timeout_seconds
            for connection in list(self.server_state.connections):
                connection.expire(began_before)  # type: ignore[union-attr]
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End streams first, because they would last until the shutdown timeout."""
        if end_streams := self.lifespan.state.get(END_STREAMS):
            end_streams()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Shut down, and exit with 0 instead of raising the signal again."""
        super().handle_exit(sig, frame)
        self._captured_signals.clear()
