"""No request waits without a bound, whatever the database does."""

import asyncio
from typing import Final

from schema.http.edge import Application, ASGIScope, Message, Receive, Send
from schema.http.problems import unavailable

_LATE: Final = "PostgreSQL does not answer in time"


class Deadline:
    """Answers 503 for an application that has not begun to answer in time.

    A connection to a peer that went silent holds its own clean-up for long; that goes on in the
    background, as the connection must not be used again before.
    """

    def __init__(self, app: Application, seconds: float) -> None:
        self._app = app
        self._seconds = seconds
        self._abandoned: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI wants it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = is_late = False

        async def pass_on(message: Message) -> None:
            nonlocal has_begun
            if not is_late:
                has_begun = True
                await send(message)

        work = asyncio.create_task(self._serve(scope, receive, pass_on))
        try:
            await asyncio.wait({work}, timeout=self._seconds)
        except asyncio.CancelledError:
            self._abandon(work)
            raise
        if work.done() or has_begun:
            await work
            return
        is_late = True
        self._abandon(work)
        await unavailable(_LATE).response()(scope, receive, send)

    async def _serve(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def _abandon(self, work: asyncio.Task[None]) -> None:
        self._abandoned.add(work)
        work.add_done_callback(self._forget)
        work.cancel()

    def _forget(self, work: asyncio.Task[None]) -> None:
        self._abandoned.discard(work)
        if not work.cancelled():
            work.exception()  # nobody waits for it any more
