"""``GET /live``: a stream of server-sent events, or the newest state as JSON."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

from fastapi import Header, Request
from fastapi.sse import EventSourceResponse
from starlette.responses import Response

from analytics_api.live.broadcast import Broadcast, Subscriber
from analytics_api.live.poller import Live
from analytics_api.responses import LIVE, Representation
from analytics_api.routing import new_router
from analytics_api.state import state_of
from analytics_api.versions import Version
from web.asgi import ASGIScope, Receive, Send

router = new_router()

_HEARTBEAT_SECONDS: Final = 10.0
_HEARTBEAT: Final = b": heartbeat\n\n"
_RETRY: Final = b"retry: 2000\n\n"
_STREAM: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {EventSourceResponse.media_type: {"schema": {"type": "string"}}}}
}


class Stream(EventSourceResponse):
    """The messages of one subscriber, until its client disconnects or is dropped."""

    def __init__(self, broadcast: Broadcast, subscriber: Subscriber) -> None:
        # Proxies must not buffer messages.
        headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
        super().__init__(_messages(subscriber), headers=headers)
        self._broadcast = broadcast
        self._subscriber = subscriber

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._broadcast.unsubscribe(self._subscriber)


async def _messages(subscriber: Subscriber) -> AsyncIterator[bytes]:
    yield _RETRY
    while True:
        message = await subscriber.next(_HEARTBEAT_SECONDS)
        if message is not None:
            yield message.data
        elif subscriber.is_ended:
            return
        else:
            yield _HEARTBEAT


@router.get("/live", response_model=Live, responses=_STREAM, tags=["reports"])
async def live(
    request: Request,
    last_event_id: Annotated[
        str | None, Header(max_length=100, description="Resume a stream after this message.")
    ] = None,
) -> Response:
    """Return the present state: events per second, the most engaged posts, and pipeline health.

    With ``Accept: text/event-stream`` one message per second while something changes: events named
    ``live`` with this JSON, and ``away`` while PostgreSQL does not answer. Comments keep the stream
    open. Otherwise the newest state, with an ETag; its CSV has the posts.
    """
    poller = state_of(request).live_poller
    if EventSourceResponse.media_type in request.headers.get("accept", ""):
        subscriber = poller.broadcast.subscribe(last_event_id)
        poller.start()
        return Stream(poller.broadcast, subscriber)
    newest = await poller.newest()
    as_of = newest.pipeline.caught_up_timestamp or newest.as_of
    representation = Representation(request, Version(poller.message_id, as_of), LIVE)
    found = newest.top_posts if representation.format == "csv" else newest
    return representation.not_modified() or representation.response(found)
