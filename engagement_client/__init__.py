"""Sends views, likes, comments and shares to an ingest service. Needs nothing but Python.

    with Client("https://collect.example", key="eng_ingest_…") as client:
        client.view(post_id=42, user_id=7)

docs/python-client.md says what it promises.
"""

from engagement_client.async_client import AsyncClient
from engagement_client.client import Client
from engagement_client.event import Details, Event, EventType, Named, Retraction, from_json
from engagement_client.limits import Limits
from engagement_client.reports import Counts, Failure, Reason
from engagement_client.session import BufferFullError, ClosedError

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
