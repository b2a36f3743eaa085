"""Send views, likes, comments and shares to an ingest service, with the standard library only.

    with Client("https://collect.example", key="eng_ingest_…") as client:
        client.view(post_id=42, user_id=7)

docs/python-client.md describes its guarantees.
"""

from engagement_client.async_client import AsyncClient
from engagement_client.buffer import Limits
from engagement_client.client import BufferFullError, Client, ClosedError
from engagement_client.event import Details, Event, EventType, Named, Retraction, from_json
from engagement_client.reports import Counts, Failure, Reason

__all__ = [
    "AsyncClient",
    "BufferFullError",
    "Client",
    "ClosedError",
    "Counts",
    "Details",
    "Event",
    "EventType",
    "Failure",
    "Limits",
    "Named",
    "Reason",
    "Retraction",
    "from_json",
]
