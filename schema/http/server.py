"""How the HTTP services are served."""

import asyncio
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Final, TypeVar

import uvicorn

from schema import collector, tracing
from schema.errors import SetupError
from schema.http.connection import Connection, expire
from schema.http.edge import Application
from schema.http.security_headers import security_headers
from schema.http.settings import HttpSettings
from schema.http.side_port import Readiness, side_port
from schema.telemetry import configure_logging

_BACKLOG: Final = 2048
_TICKS_A_SECOND: Final = 10
# What remains of a SIGTERM's time for the lifespan's end, which closes connections.
_FAREWELL_SECONDS: Final = 5.0
END_STREAMS: Final = "end_streams"
"""In its lifespan's state an application may leave a function that ends its endless answers."""


_Settings = TypeVar("_Settings", bound=HttpSettings)


class Server(uvicorn.Server):
    """uvicorn's server, which looks once a second for requests that do not arrive."""

    def __init__(self, config: uvicorn.Config, arrival_deadline_seconds: float) -> None:
        super().__init__(config)
        self._arrival_seconds = arrival_deadline_seconds

    async def on_tick(self, counter: int) -> bool:
        """Do what uvicorn does every tenth of a second, and look."""
        if counter % _TICKS_A_SECOND == 0:
            now = asyncio.get_running_loop().time()
            expire(self.server_state.connections, now - self._arrival_seconds)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in order: answers that never end by themselves first."""
        if end_streams := self.lifespan.state.get(END_STREAMS):
            end_streams()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End in order; the process then ends by itself with 0, not by the signal."""
        super().handle_exit(sig, frame)
        self._captured_signals.clear()


def configure(app: Application, settings: HttpSettings) -> uvicorn.Config:
    """Return uvicorn's configuration.

    httptools is required, as the other parser lets smuggled requests through.
    """
    return uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=Connection,
        loop="uvloop",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        headers=security_headers(settings.hsts_seconds),
        backlog=_BACKLOG,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=max(
            1, int(settings.shutdown_timeout_seconds - _FAREWELL_SECONDS)
        ),
    )


def main(
    service: str,
    kind: type[_Settings],
    create_app: Callable[[_Settings], tuple[Application, Readiness]],
) -> int:
    """Run a service until SIGTERM; the exit codes are those of the command line.

    Args:
        service: its name in the logs.
        kind: its settings, which are read from the environment.
        create_app: builds it from them; may raise SetupError.
    """
    try:
        settings = kind.load()
        configure_logging(service, settings.log_level)
        if settings.tracing:
            tracing.start(service)
        app, not_ready = create_app(settings)
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    collector.settle()
    run(app, settings, not_ready)
    return 0


def run(app: Application, settings: HttpSettings, not_ready: Readiness) -> None:
    """Serve *app*, and the side port beside it, until SIGTERM or SIGINT.

    On the inherited socket where there is one, else on the host and port.
    """
    config = configure(app, settings)

    async def serve() -> None:
        async with side_port(settings, not_ready):
            await Server(config, settings.arrival_deadline_seconds).serve(
                sockets=_inherited(settings)
            )

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve())


def _inherited(settings: HttpSettings) -> list[socket.socket] | None:
    if settings.listen_fd is None:
        return None
    return [socket.socket(fileno=settings.listen_fd)]
