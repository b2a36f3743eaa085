"""``GET /ops/ledger``."""

from fastapi import Request
from starlette.responses import Response

from analytics_api.answering.answers import LIVE, Answer
from analytics_api.answering.requests import new_router, state_of
from analytics_api.ledger.books import balance, raised_alarms, read_books
from analytics_api.ledger.models import Ledger

router = new_router()


@router.get("/ops/ledger", response_model=Ledger, tags=["operations"])
async def ledger(request: Request) -> Response:
    """What became of each record of the topic, and does it add up?"""
    state = state_of(request)
    # Not from a replica: the counters that tell of rows deleted by hand are each server's own.
    async with state.primary.pool.acquire() as connection:
        books = await read_books(connection, state.topic, state.row_counts)
        alarms = await raised_alarms(connection)
    # After the offsets: what is produced between the two is in flight, never negative.
    ends = await state.log_ends.read()
    found = balance(books, state.topic, ends).model_copy(update={"alarms": alarms})
    answer = Answer(request, state.primary.follower.live, LIVE, found.model_dump_json())
    return answer.unchanged or answer.of(found)
