"""How both HTTP services are served."""

import asyncio
import socket

import uvicorn

from schema.edge import Application
from schema.settings import HttpSettings
from schema.side_port import Readiness, side_port

_BACKLOG = 2048


def run(app: Application, settings: HttpSettings, not_ready: Readiness) -> None:
    """Serve *app*, and the side port beside it, until SIGTERM or SIGINT.

    On the inherited socket where there is one, else on the host and port. httptools is
    required, as the other parser lets smuggled requests through.
    """
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http="httptools",
        loop="uvloop",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=int(settings.shutdown_timeout_seconds),
    )

    async def serve() -> None:
        async with side_port(settings, not_ready):
            await uvicorn.Server(config).serve(sockets=_inherited(settings))

    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(serve())


def _inherited(settings: HttpSettings) -> list[socket.socket] | None:
    if settings.listen_fd is None:
        return None
    return [socket.socket(fileno=settings.listen_fd)]
