"""``GET /live``: a stream of server-sent events, or for who polls the newest one as JSON."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import Header, Request
from fastapi.sse import EventSourceResponse
from starlette.responses import Response

from analytics_api.answering.answers import LIVE, Answer
from analytics_api.answering.requests import new_router, state_of
from analytics_api.answering.versions import Version
from analytics_api.live.fan_out import FanOut, Listener
from analytics_api.live.models import Live
from schema.http.edge import ASGIScope, Receive, Send

router = new_router()

_HEARTBEAT_SECONDS: Final = 10.0
_HEARTBEAT: Final = b": still here\n\n"
_RETRY: Final = b"retry: 2000\n\n"
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {EventSourceResponse.media_type: {"schema": {"type": "string"}}}}
}


class Stream(EventSourceResponse):
    """The messages of one listener, until it goes away or is dropped."""

    def __init__(self, fan_out: FanOut, listener: Listener) -> None:
        # Proxies that buffer would hold messages back.
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(_told(listener), headers=headers)
        self._fan_out = fan_out
        self._listener = listener

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer, as ASGI wants it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._fan_out.leave(self._listener)


async def _told(listener: Listener) -> AsyncIterator[bytes]:
    yield _RETRY
    while True:
        message = await listener.next(_HEARTBEAT_SECONDS)
        if message is not None:
            yield message.data
        elif listener.is_ended:
            return
        else:
            yield _HEARTBEAT


@router.get("/live", response_model=Live, responses=_STREAM, tags=["reports"])
async def live(
    request: Request,
    last_event_id: Annotated[
        str | None, Header(max_length=100, description="Of a stream: go on after this message.")
    ] = None,
) -> Response:
    """What happens at this moment: events a second, the most engaged posts, the pipeline.

    With ``Accept: text/event-stream`` a message a second, as long as something changes: events
    named ``live`` with this JSON, ``away`` while PostgreSQL does not answer. Comments keep the
    stream alive. Otherwise the newest one, with an ETag; its CSV has the posts.
    """
    board = state_of(request).board
    if EventSourceResponse.media_type in request.headers.get("accept", ""):
        listener = board.fan_out.join(last_event_id)
        board.want()
        return Stream(board.fan_out, listener)
    newest = await board.newest()
    as_of = newest.pipeline.caught_up_timestamp or newest.as_of
    answer = Answer(request, Version(board.message_id, as_of), LIVE)
    return answer.unchanged or answer.of(newest.top_posts if answer.is_csv else newest)
