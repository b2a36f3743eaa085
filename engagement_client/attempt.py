"""One attempt to deliver a batch, whatever comes of it."""

import traceback
from contextlib import suppress
from pathlib import Path

from engagement_client.buffer import Batch
from engagement_client.replies import Verdict, judge, unanswered
from engagement_client.transport import Transport, UnansweredError


def attempt(transport: Transport, batch: Batch) -> Verdict:
    """Send a batch; nothing that happens there may end the thread, for others wait behind."""
    try:
        return judge(batch, transport.post(batch))
    except UnansweredError as error:
        return unanswered(batch, str(error))
    except Exception as error:  # noqa: BLE001  (an ssl_context of the caller's, no memory, ...)
        with suppress(Exception):
            transport.disconnect()
        return unanswered(batch, _unexpected(error))


def _unexpected(error: Exception) -> str:
    """Say what went wrong and where, but not what it says itself: that could be a key."""
    *_, last = traceback.extract_tb(error.__traceback__)
    return f"unexpected {type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
